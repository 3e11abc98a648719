#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <fstream>
#include <string>

#include <hullscope/parallel/progress.hpp>

namespace hullscope::parallel {

namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double process_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The first "KEY   N kB" of a file of /proc, in bytes; 0 if there is none.
std::int64_t kilobytes_of(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.compare(0, key.size(), key) == 0) return std::stoll(line.substr(key.size())) * 1024;
  return 0;
}

// Of this process, so far.
std::atomic<std::int64_t> noted_resident = 0, noted_proportional = 0;

}  // namespace

Stopwatch::Stopwatch() : wall_(steady_seconds()), cpu_(process_cpu_seconds()) {}
double Stopwatch::wall_seconds() const {
  return steady_seconds() - wall_;
}
double Stopwatch::cpu_seconds() const {
  return process_cpu_seconds() - cpu_;
}
std::int64_t Stopwatch::proportional_bytes() {
  return kilobytes_of("/proc/self/smaps_rollup", "Pss:");
}
std::int64_t Stopwatch::peak_bytes() {
  return std::max(noted_resident.load(), kilobytes_of("/proc/self/status", "VmHWM:"));
}

void Stopwatch::note_peak() {
  const std::int64_t most = kilobytes_of("/proc/self/status", "VmHWM:"),
                     now = kilobytes_of("/proc/self/status", "VmRSS:");
  noted_resident = std::max(noted_resident.load(), most);
  noted_proportional =
      std::max(noted_proportional.load(), proportional_bytes() + std::max<std::int64_t>(0, most - now));
}

// The kernel's largest resident set begins anew (proc(5)); where that is not allowed, later peaks are too large rather
// than too small.
void Stopwatch::restart_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

void Stopwatch::begin_peak() {
  noted_proportional = 0;
  restart_peak();
}

std::int64_t Stopwatch::peak_proportional_bytes() {
  note_peak();
  return noted_proportional;
}

}  // namespace hullscope::parallel
