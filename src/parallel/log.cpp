#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include <hullscope/parallel/detail/console.hpp>
#include <hullscope/parallel/progress.hpp>

namespace hullscope::parallel {

namespace {

int rank_in_world = 0;

/// One mutex for lines and bar, so that neither is torn.
struct Console {
  std::mutex mutex;
  std::string bar;

  void put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr), std::fflush(stderr); }
  void clear() {
    if (!bar.empty()) put("\r\033[K");
  }
};

Console& console() {
  static Console c;
  return c;
}

spdlog::level::level_enum level_from_environment() {
  const char* text = std::getenv("HULLSCOPE_LOG");
  const std::string_view name = text ? text : "info";
  if (name == "debug") return spdlog::level::debug;
  if (name == "warning") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static spdlog::logger log = [] {
    auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
    if (detail::bar_wanted() && !std::getenv("NO_COLOR")) sink->set_color_mode(spdlog::color_mode::always);
    spdlog::logger l("hullscope", std::move(sink));
    l.set_pattern("[%H:%M:%S] %^%l%$: %v");
    l.set_level(level_from_environment());
    l.flush_on(spdlog::level::trace);
    return l;
  }();
  return log;
}

void log(spdlog::level::level_enum level, const std::string& line) {
  Console& c = console();
  const std::lock_guard lock(c.mutex);
  c.clear();
  logger().log(level, "{}", line);
  if (!c.bar.empty()) c.put(c.bar);
}

}  // namespace

namespace detail {

void set_world_rank(int rank) {
  rank_in_world = rank;
}
int world_rank() {
  return rank_in_world;
}

bool bar_wanted() {
  const char* text = std::getenv("HULLSCOPE_PROGRESS");
  const std::string_view name = text ? text : "";
  return name == "bar" || (name != "lines" && isatty(STDERR_FILENO));
}

int terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const int width = columns ? std::atoi(columns) : 0;
  return width > 0 ? width : 80;
}

void draw_bar(const std::string& text) {
  Console& c = console();
  const std::lock_guard lock(c.mutex);
  c.clear();
  c.bar = text;
  if (!text.empty()) c.put(text);
}

}  // namespace detail

void log_info(const std::string& line) {
  log(rank_in_world == 0 ? spdlog::level::info : spdlog::level::debug,
      rank_in_world == 0 ? line : "rank " + std::to_string(rank_in_world) + ": " + line);
}

void log_warning(const std::string& line) {
  log(spdlog::level::warn, rank_in_world == 0 ? line : "rank " + std::to_string(rank_in_world) + ": " + line);
}

}  // namespace hullscope::parallel
