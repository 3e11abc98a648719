// Communicators, work sharing, node-shared arrays and progress on 1, 2, 3 and 5 ranks; the same program runs once more
// with HULLSCOPE_NODE_RANKS, which takes one machine for several nodes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/detail/rate.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::parallel {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A folder that all ranks see and rank 0 deletes. Collective.
class SharedFolder {
 public:
  explicit SharedFolder(const Comm& world) : world_(world) {
    std::string made = (std::filesystem::temp_directory_path() / "hullscope-test-XXXXXX").string();
    if (world.root() && !mkdtemp(made.data())) throw std::runtime_error("no temporary folder");
    path_ = world.broadcast(made);
  }
  ~SharedFolder() {
    world_.barrier();
    if (world_.root()) std::filesystem::remove_all(path_);
  }
  const std::string& path() const { return path_; }

 private:
  Comm world_;
  std::string path_;
};

class Environment {  // sets a variable of this process for a while
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, had_ = true;
    setenv(name, value.c_str(), 1);
  }
  ~Environment() { had_ ? setenv(name_, old_.c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

bool pretends_nodes() {
  return std::getenv("HULLSCOPE_NODE_RANKS") != nullptr;
}

TEST(Comm, Reductions) {
  const Comm world = Comm::world();
  const std::int64_t n = world.size(), r = world.rank();
  EXPECT_EQ(world.sum(r + 1), n * (n + 1) / 2);
  EXPECT_EQ(world.sum(std::int64_t{1} << 40), n << 40);
  EXPECT_DOUBLE_EQ(world.sum(0.5 * static_cast<double>(r)), 0.25 * static_cast<double>(n * (n - 1)));
  EXPECT_EQ(world.max(-r), 0);
  EXPECT_DOUBLE_EQ(world.max(1e30 * static_cast<double>(r)), 1e30 * static_cast<double>(n - 1));
  EXPECT_TRUE(world.any(r == n - 1));
  EXPECT_FALSE(world.any(false));
  std::vector<float> f{1, static_cast<float>(r)};
  world.sum_in_place(std::span(f));
  EXPECT_EQ(f, (std::vector<float>{static_cast<float>(n), static_cast<float>(n * (n - 1) / 2)}));
  std::vector<double> d(1000, 1.0), none;
  world.sum_in_place(std::span(d));
  world.sum_in_place(std::span(none));
  EXPECT_EQ(d, std::vector<double>(1000, static_cast<double>(n)));
}

TEST(Comm, TextsAndBytes) {
  const Comm world = Comm::world();
  const int last = world.size() - 1;
  const std::string text = "from rank " + std::to_string(world.rank()) + std::string(100000, 'x');
  EXPECT_EQ(world.broadcast(text, last), "from rank " + std::to_string(last) + std::string(100000, 'x'));
  EXPECT_EQ(world.broadcast(world.root() ? "" : "not this"), "");
  // Rank r gives r letters; rank 0 nothing.
  const auto texts = world.gather(std::string(static_cast<std::size_t>(world.rank()), 'a'));
  EXPECT_EQ(texts.size(), static_cast<std::size_t>(world.size()));
  for (std::size_t r = 0; r < texts.size(); ++r) EXPECT_EQ(texts[r], std::string(r, 'a'));
  std::vector<std::int64_t> squares;
  for (std::int64_t r = 0; r < world.size(); ++r) squares.push_back(r * r);
  EXPECT_EQ(world.all_gather(std::int64_t{world.rank()} * world.rank()), squares);
  double pi = world.rank() == last ? 3.14 : 0;
  world.broadcast_bytes(&pi, sizeof pi, last);
  EXPECT_EQ(pi, 3.14);
  world.broadcast_bytes(nullptr, 0);
}

TEST(Comm, SplitOrdersByKeyThenRank) {
  // world  0 1 2 3 4
  // colour 0 1 0 1 0      keys fall: the last becomes the first
  const Comm world = Comm::world();
  const int colour = world.rank() % 2;
  const Comm part = world.split(colour, -world.rank());
  const int members = (world.size() + 1 - colour) / 2;
  EXPECT_EQ(part.size(), members);
  EXPECT_EQ(part.rank(), members - 1 - world.rank() / 2);
  EXPECT_EQ(part.sum(std::int64_t{1}), members);
  EXPECT_EQ(Comm::self().size(), 1);
  EXPECT_EQ(Comm::self().sum(std::int64_t{7}), 7);
  EXPECT_THROW(world.split(-1, 0), InternalError);
}

TEST(Comm, NodesPartTheWorld) {
  const Comm world = Comm::world(), node = world.node();
  const std::int64_t leaders = world.sum(std::int64_t{node.root()});
  EXPECT_EQ(world.sum(std::int64_t{node.root() ? node.size() : 0}), world.size());
  if (!pretends_nodes()) {
    EXPECT_EQ(leaders, 1);
  } else {
    EXPECT_EQ(leaders > 1, world.size() > 1);
  }
  EXPECT_EQ(world.node().size(), node.size());
  EXPECT_EQ(Comm::self().node().size(), 1);
}

TEST(WorkCounter, GivesEachNumberOnce) {
  const Comm world = Comm::world();
  const std::int64_t n = 997;
  for (int round = 0; round < 3; ++round) {
    WorkCounter counter(world);
    std::vector<double> drawn(n, 0);
    for (std::int64_t i; (i = counter.next()) < n;) drawn[static_cast<std::size_t>(i)] += 1;
    world.sum_in_place(std::span(drawn));
    EXPECT_EQ(drawn, std::vector<double>(n, 1));
  }
}

TEST(WorkCounter, GivesEachNumberOnceToThreadsOfAllRanks) {
  const Comm world = Comm::world();
  const std::int64_t n = 500;
  WorkCounter counter(world);
  std::vector<std::vector<std::int64_t>> mine(3);
  std::vector<std::thread> threads;
  for (auto& drawn : mine)
    threads.emplace_back([&counter, &drawn] {
      for (std::int64_t i; (i = counter.next()) < n;) drawn.push_back(i);
    });
  for (auto& t : threads) t.join();
  std::vector<double> times(n, 0);
  for (const auto& drawn : mine)
    for (const std::int64_t i : drawn) times[static_cast<std::size_t>(i)] += 1;
  world.sum_in_place(std::span(times));
  EXPECT_EQ(times, std::vector<double>(n, 1));
}

TEST(WorkCounter, GroupsHaveTheirOwn) {
  const Comm world = Comm::world(), part = world.split(world.rank() % 2, 0);
  WorkCounter both(world), ours(part);
  EXPECT_EQ(part.max(ours.next()), part.size() - 1);
  EXPECT_EQ(world.max(both.next()), world.size() - 1);
}

TEST(WorkCounter, ABusyRankDoesNotHoldUpTheOthers) {
  const Comm world = Comm::world();
  const std::int64_t n = 100;
  WorkCounter counter(world);
  world.barrier();
  const auto begin = Clock::now();
  std::int64_t drawn = 0;
  if (world.root()) {
    while (seconds_since(begin) < 1.0) {
    }  // computes, and does not look at MPI
    EXPECT_TRUE(world.size() == 1 || counter.next() >= n);
  } else {
    while (counter.next() < n) ++drawn;
    EXPECT_LT(seconds_since(begin), 0.9);  // the others have shared all work before rank 0 comes back
  }
  if (world.size() > 1) {
    EXPECT_EQ(world.sum(drawn), n);
  }
}

void expect_shared(const Comm& world, std::size_t size) {
  int filled = 0;
  const SharedBytes shared(world, size, [&](std::span<std::byte> bytes) {
    ++filled;
    EXPECT_EQ(bytes.size(), size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + 7);
  });
  EXPECT_EQ(world.sum(std::int64_t{filled}), world.sum(std::int64_t{world.node().root()}));
  const auto bytes = shared.bytes();
  EXPECT_EQ(bytes.size(), size);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % 64, 0U);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < size; ++i) wrong += bytes[i] != static_cast<std::byte>(i * 31 + 7);
  EXPECT_EQ(wrong, 0U);
}

TEST(SharedBytes, HoldTheSameOnEveryRank) {
  const Comm world = Comm::world();
  for (const std::size_t size : {0UL, 1UL, 64UL, 4095UL, 4096UL, 4097UL, 3000001UL}) {
    expect_shared(world, size);
    const Environment disk("HULLSCOPE_SHARED_FOLDER", std::filesystem::temp_directory_path());
    expect_shared(world, size);
  }
}

TEST(SharedBytes, AreZeroWhereNothingIsWritten) {
  const Comm world = Comm::world();
  for (const char* folder : {"", "/tmp"}) {
    const Environment choice("HULLSCOPE_SHARED_FOLDER", folder);
    const SharedBytes shared(world, 100000, [](auto) {});
    EXPECT_TRUE(
        std::all_of(shared.bytes().begin(), shared.bytes().end(), [](std::byte b) { return b == std::byte{}; }));
  }
}

TEST(SharedBytes, AreWrittenTogether) {
  const Comm world = Comm::world(), node = world.node();
  for (const std::size_t size : {0UL, 1UL, 4097UL, 300001UL}) {
    SharedBytes shared(world, size);
    ASSERT_EQ(shared.writable().size(), size);
    const auto writer = [&](std::size_t i) { return static_cast<int>(i % static_cast<std::size_t>(node.size())); };
    for (std::size_t i = 0; i < size; ++i) {
      if (writer(i) == node.rank()) shared.writable()[i] = static_cast<std::byte>(i * 31 + 7);
    }
    node.barrier();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < size; ++i) wrong += shared.bytes()[i] != static_cast<std::byte>(i * 31 + 7);
    EXPECT_EQ(wrong, 0U);
    node.barrier();
  }
}

TEST(SharedBytes, MoveAndLive) {
  const Comm world = Comm::world();
  std::vector<SharedBytes> kept;
  for (int k = 0; k < 3; ++k)
    kept.emplace_back(world, 1000, [k](std::span<std::byte> b) { std::fill(b.begin(), b.end(), std::byte(k)); });
  for (int k = 0; k < 3; ++k) EXPECT_EQ(kept[static_cast<std::size_t>(k)].bytes()[999], std::byte(k));
  while (!kept.empty()) kept.pop_back();  // the same order on every rank
}

TEST(SharedBytes, LeaveNothingBehind) {
  const Comm world = Comm::world();
  const SharedFolder folder(world);
  const Environment choice("HULLSCOPE_SHARED_FOLDER", folder.path());
  const SharedBytes shared(world, 10000, [&](auto) {
    EXPECT_TRUE(pretends_nodes() || std::filesystem::is_empty(folder.path()));  // no name already
  });
  world.barrier();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SharedBytes, NoRoomIsSaidOnEveryRank) {
  const Comm world = Comm::world();
  if (world.any(world.node().size() == 1)) return;  // memory of its own needs no folder
  const Environment choice("HULLSCOPE_SHARED_FOLDER", "/nowhere/at/all");
  try {
    const SharedBytes shared(world, 10000, [](auto) {});
    ADD_FAILURE() << "no exception";
  } catch (const EnvironmentError& e) {
    EXPECT_NE(std::string(e.what()).find("/nowhere/at/all: No such file"), std::string::npos) << e.what();
  }
}

TEST(SharedBytes, ANodeHoldsOneCopy) {
  const Comm world = Comm::world(), node = world.node();
  const std::size_t size = 64 << 20;
  for (const char* folder : {"", "/tmp"}) {
    const Environment choice("HULLSCOPE_SHARED_FOLDER", folder);
    const std::int64_t before = node.sum(Stopwatch::proportional_bytes());
    const SharedBytes shared(world, size, [](std::span<std::byte> b) { std::fill(b.begin(), b.end(), std::byte{1}); });
    std::int64_t ones = 0;  // every rank touches every page
    for (std::size_t i = 0; i < size; i += 512) ones += shared.bytes()[i] == std::byte{1};
    EXPECT_EQ(ones, static_cast<std::int64_t>(size / 512));
    node.barrier();
    const std::int64_t grown = node.sum(Stopwatch::proportional_bytes()) - before;
    EXPECT_GT(grown, 60 << 20) << folder;
    EXPECT_LT(grown, 76 << 20) << folder;
  }
}

std::string json_value(const std::string& file, const std::string& key) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto at = text.find("\"" + key + "\": ");
  if (at == std::string::npos) return "no " + key;
  const auto from = at + key.size() + 4;
  return text.substr(from, text.find_first_of(",\n", from) - from);
}

TEST(Progress, CountsTheWorkOfAllRanksAndThreads) {
  const Comm world = Comm::world();
  const SharedFolder folder(world);
  const std::string file = folder.path() + "/progress.json";
  const std::int64_t total = 100 + 6 * (world.size() - 1) * world.size() / 2;
  {
    Progress progress(world, folder.path(), "hull", "queries", total, 100);
    if (world.root()) {
      EXPECT_EQ(json_value(file, "done"), "100");
    }
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 2 * world.rank(); ++i) progress.add(1);
      });
    for (auto& t : threads) t.join();
    progress.note("a line");
    std::this_thread::sleep_for(std::chrono::milliseconds(1400));
    if (world.root() && !pretends_nodes()) {
      EXPECT_EQ(json_value(file, "done"), std::to_string(total));
    }
  }
  if (world.root()) {
    EXPECT_EQ(json_value(file, "done"), std::to_string(total));
    EXPECT_EQ(json_value(file, "state"), "\"done\"");
    EXPECT_EQ(json_value(file, "stage"), "\"hull\"");
  }
  world.barrier();
}

TEST(Progress, WhatAnEarlierRunHadDoneIsNoSpeed) {
  const Comm world = Comm::world();
  const SharedFolder folder(world);
  const std::string file = folder.path() + "/progress.json";
  const std::int64_t total = 1000 * world.size() + 10;
  {
    Progress progress(world, folder.path(), "train", "epochs", total);
    progress.add_before(1000);  // every rank
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    if (world.root()) progress.add(10);
    world.barrier();
  }
  if (world.root()) {
    EXPECT_EQ(json_value(file, "done"), std::to_string(total));
    EXPECT_EQ(json_value(file, "state"), "\"done\"");
    const double speed = std::stod(json_value(file, "per_second"));
    EXPECT_GT(speed, 0);
    EXPECT_LT(speed, 10 / 0.6);
  }
  world.barrier();
}

TEST(Rate, OfManyArrivalsIsThatOfTheLastMinute) {
  detail::Rate rate;
  EXPECT_EQ(rate.per_second(), 0);
  std::int64_t count = 0;
  double now = 0;
  for (; now < 100; now += 0.25) rate.see(now, count += 25);
  EXPECT_NEAR(rate.per_second(), 100, 1);
  for (; now < 130; now += 0.25) rate.see(now, count += 5);  // half of the window
  EXPECT_NEAR(rate.per_second(), 60, 1);
  for (; now < 161; now += 0.25) rate.see(now, count += 5);
  EXPECT_NEAR(rate.per_second(), 20, 1);
  for (; now < 221; now += 0.25) rate.see(now, count);  // nothing more
  EXPECT_LT(rate.per_second(), 11);
}

// Two ranks whose epochs take ten minutes each and end together, looked at four times a second.
TEST(Rate, OfLongStepsDoesNotDependOnWhenItIsAsked) {
  detail::Rate rate;
  for (double now = 0; now < 7000; now += 0.25) {
    rate.see(now, 2 * static_cast<std::int64_t>(now / 600));
    if (now < 600)
      EXPECT_EQ(rate.per_second(), 0);
    else
      EXPECT_NEAR(rate.per_second(), 2.0 / 600, 1e-5) << now;
  }
  const double regular = rate.per_second();
  for (double now = 7000; now < 9000; now += 0.25) rate.see(now, 22);  // 22 by 6600 s: overdue from 7200 on
  EXPECT_LT(rate.per_second(), 0.8 * regular);
  EXPECT_GT(rate.per_second(), 0);
}

TEST(Progress, StoppedAndEmptyStages) {
  const Comm world = Comm::world();
  const SharedFolder folder(world);
  const std::string file = folder.path() + "/progress.json";
  { Progress progress(world, folder.path(), "train", "epochs", 10); }
  if (world.root()) {
    EXPECT_EQ(json_value(file, "state"), "\"stopped\"");
  }
  { Progress progress(world, folder.path(), "train", "epochs", 0); }
  if (world.root()) {
    EXPECT_EQ(json_value(file, "state"), "\"done\"");
  }
  { Progress progress(world, "", "train", "epochs", 3); }
  { Progress progress(world, folder.path() + "/missing", "train", "epochs", 3); }  // a warning, no error
  if (world.root()) {
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  }
  world.barrier();
}

TEST(Unwinding, NoDestructorWaitsForOtherRanks) {
  // Only rank 0 throws; the other ranks keep their objects for ever.
  const Comm world = Comm::world();
  auto part = std::make_unique<Comm>(world.split(0, 0));
  auto counter = std::make_unique<WorkCounter>(world);
  auto progress = std::make_unique<Progress>(world, "", "hull", "queries", 1);
  auto shared = std::make_unique<SharedBytes>(world, 100, [](auto) {});
  if (world.root()) {
    const auto begin = Clock::now();
    EXPECT_THROW(
        {
          const auto a = std::move(part);
          const auto b = std::move(counter);
          const auto c = std::move(progress);
          const auto d = std::move(shared);
          throw std::runtime_error("only here");
        },
        std::runtime_error);
    EXPECT_LT(seconds_since(begin), 1);
  }
  world.barrier();
  part.release(), counter.release(), progress.release(), shared.release();
}

TEST(Stopwatch, MeasuresThisProcess) {
  const Stopwatch watch;
  const auto begin = Clock::now();
  while (seconds_since(begin) < 0.05 || watch.cpu_seconds() < 0.01) {
  }
  EXPECT_GE(watch.wall_seconds(), 0.05);
  EXPECT_LT(watch.cpu_seconds(), 10 * watch.wall_seconds());
  EXPECT_GT(Stopwatch::proportional_bytes(), 100000);
  EXPECT_GT(Stopwatch::peak_bytes(), 1000000);
}

TEST(Stopwatch, PeakCountsWhatRanksShareOnce) {
  const Comm world = Comm::world(), node = world.node();
  Stopwatch::begin_peak();
  node.barrier();
  const std::int64_t size = 96 << 20, before = node.sum(Stopwatch::peak_proportional_bytes());
  {
    const SharedBytes shared(world, static_cast<std::size_t>(size),
                             [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{1}); });
    std::int64_t sum = 0;
    for (const std::byte b : shared.bytes()) sum += std::to_integer<int>(b);
    EXPECT_EQ(sum, size);
    node.barrier();
    Stopwatch::note_peak();
    node.barrier();
  }
  Stopwatch::restart_peak();
  node.barrier();
  const std::int64_t peak = node.sum(Stopwatch::peak_proportional_bytes());
  EXPECT_LT(peak - before, size + (16 << 20));
  EXPECT_GT(peak, size);
}

TEST(Stop, OneRanksSignalIsAgreedByAll) {  // last: the request stays
  const Comm world = Comm::world();
  install_stop_handlers();
  EXPECT_FALSE(stop_agreed(world));
  const bool mine = world.rank() == world.size() - 1;
  if (mine) raise(SIGUSR1);
  EXPECT_EQ(stop_requested(), mine);
  EXPECT_TRUE(stop_agreed(world));
}

}  // namespace
}  // namespace hullscope::parallel
