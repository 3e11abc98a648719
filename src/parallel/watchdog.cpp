#include <hullscope/parallel/detail/watchdog.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/parallel/detail/mpi.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::parallel {

namespace {

std::int64_t now_ns() {  // one clock for all processes of a machine
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t unwatched = 0;
std::atomic<std::int64_t*> my_sign{&unwatched};  // where heartbeat() writes

}  // namespace

void heartbeat() {
  std::atomic_ref<std::int64_t>(*my_sign.load(std::memory_order_relaxed)).store(now_ns());
}

namespace detail {

double watchdog_seconds() {
  const char* text = std::getenv("HULLSCOPE_WATCHDOG_SECONDS");
  if (!text || !*text) return 3600;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (*end || !(seconds >= 0 && seconds <= 1e9))
    throw UsageError("HULLSCOPE_WATCHDOG_SECONDS is '" + std::string(text) +
                     "', expected a number of seconds, or 0 for no watchdog");
  return seconds;
}

Watchdog::Watchdog(const Comm& world, double seconds, std::function<void(const std::string&)> bark)
    : seconds_(seconds),
      bark_(std::move(bark)),
      node_(world.node()),
      leaders_(world.split(node_.root() ? 0 : 1, world.rank())),
      signs_(node_, node_.size() + 1) {
  for (int i = 0; i < signs_.size(); ++i) signs_[i].store(now_ns());
  node_.barrier();
  my_sign = signs_.cell(node_.rank());
  if (seconds_ > 0) thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  my_sign = &unwatched;
  end_ = true;
  if (thread_.joinable()) thread_.join();
}

std::int64_t Watchdog::latest() const {
  std::int64_t latest = 0;
  for (int i = 0; i < signs_.size(); ++i) latest = std::max(latest, signs_[i].load());
  return latest;
}

void Watchdog::exchange() {
  const MPI_Comm comm = handle(leaders_);
  std::int64_t own = 0;
  for (int i = 0; i < node_.size(); ++i) own = std::max(own, signs_[i].load());
  const std::int64_t age = now_ns() - own;  // an age, because clocks of two machines differ
  for (int r = 0; r < leaders_.size(); ++r)
    if (r != leaders_.rank()) MPI_Send(&age, 1, MPI_INT64_T, r, 0, comm);
  for (int waiting = 1; waiting;) {
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, 0, comm, &waiting, &status);
    if (!waiting) break;
    std::int64_t other = 0;
    MPI_Recv(&other, 1, MPI_INT64_T, status.MPI_SOURCE, 0, comm, MPI_STATUS_IGNORE);
    const std::int64_t sign = now_ns() - other;
    if (sign > signs_[node_.size()].load()) signs_[node_.size()].store(sign);
  }
}

void Watchdog::watch() {
  const auto nap = std::chrono::duration<double>(std::min(0.05, seconds_ / 20));
  const double exchange_seconds = std::min(10.0, seconds_ / 8);
  std::int64_t exchanged = now_ns();
  for (; !end_; std::this_thread::sleep_for(nap)) {
    if (node_.root() && leaders_.size() > 1 && static_cast<double>(now_ns() - exchanged) > exchange_seconds * 1e9) {
      exchanged = now_ns();
      exchange();
    }
    if (static_cast<double>(now_ns() - latest()) > seconds_ * 1e9)
      return bark_("nothing has moved for " + format_duration(seconds_) +
                   " on any rank, so the program is taken to hang and was ended; the same command resumes it, and "
                   "HULLSCOPE_WATCHDOG_SECONDS sets a longer time (0: no watchdog)");
  }
}

}  // namespace detail
}  // namespace hullscope::parallel
