// A stage program that fails in the way its first argument names; tests/cli/parallel_failures.py looks at what the
// user then sees. "the last rank" is the only one where there is one rank.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <new>
#include <stdexcept>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>

using namespace hullscope;
using namespace hullscope::parallel;

namespace {

void sleep_seconds(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}
bool last(const Comm& world) {
  return world.rank() == world.size() - 1;
}

/// The last rank throws while the others wait for it in a collective call.
template <class Exception>
int one_rank(const Comm& world, const Exception& exception) {
  if (last(world)) throw exception;
  world.barrier();
  return 0;
}

int noexcept_function(const Comm& world) noexcept {
  return one_rank(world, std::runtime_error("out of a noexcept function"));
}

int within_collective_objects(const Comm& world) {
  const WorkCounter counter(world);
  const Comm part = world.split(0, 0);
  Progress progress(part, "", "hull", "queries", 10);
  const SharedBytes shared(part, 1000, [](auto) {});
  return one_rank(world, DataError("points.npy", "row 3", "not a number was found, expected finite values"));
}

int until_stopped(const Comm& world) {
  const auto pids = world.gather(std::to_string(getpid()));
  if (world.root()) {
    for (const auto& pid : pids) std::cout << pid << ' ';
    std::cout << std::endl;
  }
  for (int i = 0; !stop_agreed(world); ++i) {
    if (i > 3000) return 9;
    sleep_seconds(0.01);
  }
  throw Interrupted("stopped by a signal after 3 of 10 queries; the same command resumes it");
}

int with_progress(const Comm& world) {
  Progress progress(world, "", "hull", "queries", 10 * world.size());
  for (int i = 0; i < 10; ++i) {
    sleep_seconds(0.13);
    progress.add(1);
    if (i == 5) progress.note("half of it is done");
  }
  return 0;
}

const std::map<std::string, std::function<int(const Comm&)>> kScenarios = {
    {"done", [](const Comm&) { return 0; }},
    {"code", [](const Comm& w) { return last(w) ? 1 : 0; }},
    {"usage-all", [](const Comm&) -> int { throw UsageError("the study has the unknown key 'epoch'"); }},
    {"usage-all-staggered",
     [](const Comm& w) -> int {
       sleep_seconds(0.1 * w.rank());
       throw UsageError("the study has the unknown key 'epoch'");
     }},
    {"different-all",
     [](const Comm& w) -> int { throw UsageError("rank " + std::to_string(w.rank()) + " found something else"); }},
    {"data-one", [](const Comm& w) { return one_rank(w, DataError("a.npy", "offset 6", "is no NPY file")); }},
    {"environment-one", [](const Comm& w) { return one_rank(w, EnvironmentError("the disk is full")); }},
    {"internal-one", [](const Comm& w) { return one_rank(w, InternalError("a weight is negative")); }},
    {"memory-one", [](const Comm& w) { return one_rank(w, std::bad_alloc()); }},
    {"standard-one", [](const Comm& w) { return one_rank(w, std::runtime_error("line one\nline two\nline three")); }},
    {"number-one", [](const Comm& w) { return one_rank(w, 42); }},
    {"interrupted-one", [](const Comm& w) { return one_rank(w, Interrupted("the time is over")); }},
    {"all-but-first",
     [](const Comm& w) -> int {
       if (w.root() && w.size() > 1) w.barrier();
       throw DataError("a.npy", "", "is empty, expected an NPY file");
     }},
    {"first-throws-others-return",
     [](const Comm& w) -> int {
       if (w.root()) throw EnvironmentError("the disk is full");
       return 0;
     }},
    {"collective-objects", within_collective_objects},
    {"noexcept", [](const Comm& w) { return noexcept_function(w); }},
    {"thread",
     [](const Comm& w) {
       if (last(w)) std::thread([] { throw DataError("b.npy", "", "is empty, expected an NPY file"); }).join();
       w.barrier();
       return 0;
     }},
    {"shared-fill",
     [](const Comm& w) {
       const SharedBytes shared(w, 1000, [](auto) { throw DataError("c.npy", "", "is empty, expected an NPY file"); });
       return 0;
     }},
    {"silent",  // hangs: one rank sleeps, the others wait for it
     [](const Comm& w) {
       if (last(w)) sleep_seconds(100);
       w.barrier();
       return 0;
     }},
    {"heartbeats",  // one rank works long and says so, the others wait
     [](const Comm& w) {
       for (int i = 0; last(w) && i < 30; ++i) sleep_seconds(0.1), heartbeat();
       w.barrier();
       return 0;
     }},
    {"until-stopped", until_stopped},
    {"progress", with_progress},
    {"share",
     [](const Comm& w) {
       const SharedBytes shared(w, 100 << 20, [](std::span<std::byte> b) { b.back() = std::byte{5}; });
       return shared.bytes().back() == std::byte{5} ? 0 : 1;
     }},
};

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv, [](const Comm& world, const std::vector<std::string>& arguments) {
    return kScenarios.at(arguments.at(0))(world);
  });
}
