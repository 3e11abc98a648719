#include <hullscope/parallel/progress.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include <hullscope/base/text.hpp>
#include <hullscope/parallel/detail/console.hpp>
#include <hullscope/parallel/detail/mpi.hpp>
#include <hullscope/parallel/detail/node_cells.hpp>
#include <hullscope/parallel/detail/rate.hpp>
#include <hullscope/parallel/detail/unwinding.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::parallel {

namespace {

constexpr double kBarSeconds = 0.25, kFileSeconds = 1;

/// Seconds between lines of the log.
double line_seconds() {
  const char* text = std::getenv("HULLSCOPE_PROGRESS_SECONDS");
  const double seconds = text ? std::atof(text) : 0;
  return seconds > 0 ? seconds : 10;
}

std::string utc_now() {
  const std::time_t t = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string rate_text(double rate) {
  char text[32];
  if (rate >= 0.1)
    std::snprintf(text, sizeof text, rate >= 100 ? "%.0f/s" : "%.3g/s", rate);
  else
    std::snprintf(text, sizeof text, rate >= 1.0 / 60 ? "%.3g/min" : "%.3g/h",
                  rate >= 1.0 / 60 ? 60 * rate : 3600 * rate);
  return text;
}

/// What was done in all, and of that what an earlier run had done.
struct Count {
  std::int64_t done = 0, before = 0;
};
constexpr int kCountIntegers = sizeof(Count) / sizeof(std::int64_t);

}  // namespace

// The ranks of a node count in two shared cells. The first rank of each node has a thread: rank 0's shows the sums,
// those of other nodes send it their node's (a 16-byte message, which is on its way at once).
struct Progress::State {
  Comm comm, node, leaders;
  detail::NodeCells cells;  // Count
  std::string folder, stage, unit;
  std::int64_t total;
  Stopwatch watch;
  detail::Rate rate;
  detail::Unwinding unwinding;

  std::thread thread;
  std::mutex mutex;
  std::condition_variable wake;
  bool end = false;
  std::int64_t sent = 0, received = 0;  // messages of this node; messages that rank 0 has got
  std::map<int, Count> elsewhere;       // rank 0: other nodes' counts
  bool file_failed = false;

  State(const Comm& c, std::string f, std::string s, std::string u, std::int64_t t)
      : comm(c.split(0, c.rank())),
        node(comm.node()),
        leaders(comm.split(node.root() ? 0 : 1, comm.rank())),
        cells(node, 2),
        folder(std::move(f)),
        stage(std::move(s)),
        unit(std::move(u)),
        total(t) {}

  bool shows() const { return comm.root(); }
  Count of_node() const { return {cells[0].load(), cells[1].load()}; }
  Count count() const {
    Count sum = of_node();
    for (const auto& [leader, n] : elsewhere) sum.done += n.done, sum.before += n.before;
    return sum;
  }
  void receive(bool wait_for_one);
  void send();
  void run();
  std::string line(std::int64_t done) const;
  std::string bar(std::int64_t done) const;
  void write_file(std::int64_t done, const char* state);
};

void Progress::State::send() {
  const Count n = of_node();
  MPI_Send(&n, kCountIntegers, MPI_INT64_T, 0, 0, detail::handle(leaders));
  ++sent;
}

void Progress::State::receive(bool wait_for_one) {
  for (int waiting = 0;; ++received) {
    MPI_Status status;
    if (wait_for_one)
      MPI_Probe(MPI_ANY_SOURCE, 0, detail::handle(leaders), &status);
    else
      MPI_Iprobe(MPI_ANY_SOURCE, 0, detail::handle(leaders), &waiting, &status);
    if (!wait_for_one && !waiting) return;
    Count& n = elsewhere[status.MPI_SOURCE];
    MPI_Recv(&n, kCountIntegers, MPI_INT64_T, status.MPI_SOURCE, 0, detail::handle(leaders), MPI_STATUS_IGNORE);
    wait_for_one = false;
  }
}

std::string Progress::State::line(std::int64_t done) const {
  std::string text = stage + ": " + std::to_string(done) + " of " + std::to_string(total) + " " + unit;
  if (total > 0) text += " (" + std::to_string(100 * done / total) + " %)";
  const double speed = rate.per_second();
  if (speed > 0) text += ", " + rate_text(speed);
  if (speed > 0 && done < total) text += ", " + format_duration(static_cast<double>(total - done) / speed) + " left";
  return text;
}

std::string Progress::State::bar(std::int64_t done) const {
  const int width = detail::terminal_width() - 1;
  const std::string text = line(done);
  const int room = std::min(30, width - static_cast<int>(text.size()) - 3);
  if (room < 5) return text.substr(0, static_cast<std::size_t>(std::max(0, width)));
  const double part = total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 1;
  const auto filled = static_cast<std::size_t>(std::lround(part * room));
  return "[" + std::string(filled, '#') + std::string(static_cast<std::size_t>(room) - filled, '.') + "] " + text;
}

void Progress::State::write_file(std::int64_t done, const char* state) {
  if (folder.empty() || file_failed) return;
  const double speed = rate.per_second();
  nlohmann::ordered_json json{{"stage", stage},
                              {"state", state},
                              {"unit", unit},
                              {"done", done},
                              {"total", total},
                              {"per_second", speed},
                              {"seconds", watch.wall_seconds()},
                              {"seconds_left", nullptr},
                              {"ranks", comm.size()},
                              {"updated", utc_now()}};
  if (speed > 0) json["seconds_left"] = static_cast<double>(total - done) / speed;
  const std::string path = folder + "/progress.json", temporary = path + "." + std::to_string(getpid());
  std::ofstream out(temporary);
  out << json.dump(2) << '\n';
  out.close();
  if (out && std::rename(temporary.c_str(), path.c_str()) == 0) return;
  unlink(temporary.c_str());
  file_failed = true;  // once is enough to say; the work itself goes on
  log_warning("'" + path + "' could not be written, so it does not show this stage's progress: is the disk full?");
}

void Progress::State::run() {
  const bool bars = detail::bar_wanted();
  const double interval = line_seconds();
  double file_at = 0, line_at = interval, send_at = 0;
  std::unique_lock lock(mutex);
  while (!wake.wait_for(lock, std::chrono::duration<double>(kBarSeconds), [this] { return end; })) {
    if (!detail::mpi_alive()) return;  // an object that nobody destroyed
    const double now = watch.wall_seconds();
    if (!shows()) {
      if (now >= send_at) send(), send_at = now + kFileSeconds;
      continue;
    }
    if (leaders.size() > 1) receive(false);
    const Count n = count();
    rate.see(now, n.done - n.before);
    if (bars)
      detail::draw_bar(bar(n.done));
    else if (now >= line_at)
      log_info(line(n.done)), line_at = now + interval;
    if (now >= file_at) write_file(n.done, "running"), file_at = now + kFileSeconds;
  }
}

Progress::Progress(const Comm& comm, std::string folder, std::string stage, std::string unit, std::int64_t total,
                   std::int64_t done_before)
    : state_(std::make_unique<State>(comm, std::move(folder), std::move(stage), std::move(unit), total)) {
  State& s = *state_;
  if (s.shows()) {
    add_before(done_before);
    if (!detail::bar_wanted()) log_info(s.line(done_before));
    s.write_file(done_before, "running");
  }
  if (s.shows() || (s.node.root() && s.leaders.size() > 1)) s.thread = std::thread([&s] { s.run(); });
}

Progress::~Progress() {
  State& s = *state_;
  const bool together = !s.unwinding.now() && detail::mpi_alive();
  if (together) s.node.barrier();  // the node's count is complete
  if (s.thread.joinable()) {
    {
      const std::lock_guard lock(s.mutex);
      s.end = true;
    }
    s.wake.notify_one();
    s.thread.join();
  }
  if (together && s.node.root() && s.leaders.size() > 1) {
    if (!s.shows()) s.send();
    const std::int64_t messages = s.leaders.sum(s.sent);
    while (s.shows() && s.received < messages) s.receive(true);
  }
  if (!s.shows()) return;
  detail::draw_bar("");
  const auto [done, before] = s.count();
  s.rate.see(s.watch.wall_seconds(), done - before);
  const bool whole = together && done >= s.total;
  const double seconds = s.watch.wall_seconds();
  log_info(s.stage + ": " + std::to_string(done) + " of " + std::to_string(s.total) + " " + s.unit +
           (whole ? " in " : ", stopped after ") + format_duration(seconds));
  s.write_file(done, whole ? "done" : "stopped");
}

void Progress::add(std::int64_t n) {
  heartbeat();
  state_->cells[0].fetch_add(n);
}

void Progress::add_before(std::int64_t n) {
  heartbeat();
  state_->cells[1].fetch_add(n);  // first, or the rate would take it for new for a moment
  state_->cells[0].fetch_add(n);
}

void Progress::note(const std::string& line) {
  if (state_->shows()) log_info(line);
}

}  // namespace hullscope::parallel
