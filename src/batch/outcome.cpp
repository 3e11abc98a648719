#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include <hullscope/base/text.hpp>
#include <hullscope/batch/outcome.hpp>

namespace hullscope::batch {
namespace {

/// The end of a file, at most so many bytes.
std::string tail_of(const std::string& path, std::int64_t bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::int64_t size = file.tellg(), from = std::max<std::int64_t>(0, size - bytes);
  file.seekg(from);
  std::string text(static_cast<std::size_t>(size - from), '\0');
  file.read(text.data(), size - from);
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

bool holds_any(const std::string& text, const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const auto& word) { return text.find(word) != std::string::npos; });
}

/// What Slurm and the kernel write when memory is used up.
const std::vector<std::string> kMemoryWords = {"oom_kill event",
                                               "oom-kill event",
                                               "Exceeded job memory limit",
                                               "exceeded memory limit",
                                               "Exceeded step memory limit",
                                               "Out Of Memory",
                                               "OUT_OF_MEMORY",
                                               "std::bad_alloc",
                                               "being killed. Exceeded"};

/// The last sentence of ours in a log, without the program's name.
std::string last_sentence(const std::string& log) {
  static const std::string mark = "hullscope: ";
  std::string found;
  std::istringstream lines(tail_of(log, 65536));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(mark)) found = line.substr(mark.size());
  return found;
}

std::string code_words(int code) {
  if (code == 137) return "killed (signal 9), perhaps by lack of memory";
  if (code > 128 && code < 193) return fmt::format("ended by signal {}", code - 128);
  if (code == 75) return "stopped early, and not requeued any more";
  if (code == 66) return "its node does not see the output folder";
  if (code == 0) return "its job says that it is done, but its file is not there: removed since, or not seen here yet";
  return fmt::format("exit code {}", code);
}

}  // namespace

Outcome read_outcome(const std::string& path) {
  Outcome outcome;
  std::istringstream lines(read_whole(path));
  double before = 0;
  for (std::string line, word; std::getline(lines, line);) {
    std::istringstream words(line);
    words >> word;
    int code = 0;
    double seconds = 0;
    std::string task, job;
    if (word == "start" && words >> job >> code) {
      outcome = {};
      outcome.started = true;
      outcome.restarts = code;
      words >> outcome.host;
      outcome.seconds = before;
    } else if (word == "requeue" && words >> seconds) {
      before += seconds;
    } else if (word == "cancelled" && words >> seconds) {
      outcome.ended = outcome.cancelled = true;
      outcome.code = 75;
      outcome.seconds = before + seconds;
    } else if (word == "failed" && words >> code >> task) {
      outcome.failed[task] = code;
    } else if (word == "end" && words >> code >> seconds) {
      outcome.ended = true;
      outcome.code = code;
      outcome.seconds = before + seconds;
    }
  }
  return outcome;
}

std::vector<std::string> last_lines(const std::string& path, std::size_t lines) {
  std::vector<std::string> found;
  std::istringstream text(tail_of(path, 8192));
  for (std::string line; std::getline(text, line);) {
    // a progress bar writes over its line
    if (const auto back = line.rfind('\r', line.size() < 2 ? 0 : line.size() - 2); back != std::string::npos)
      line = line.substr(back + 1);
    if (!line.empty()) found.push_back(line);
  }
  if (found.size() > lines) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(lines));
  return found;
}

Failure failure_of(const std::string& task, const Outcome& outcome, const std::string& log, const QueueEntry* slurm,
                   const Request& request) {
  const std::string state = slurm ? slurm->state : "";
  if (slurm && slurm->comment.find("does not see the output folder") != std::string::npos)
    return {slurm->comment.substr(slurm->comment.starts_with("hullscope: ") ? 11 : 0), false, false};
  if (!outcome.started) {
    if (state == "CANCELLED") return {"cancelled before it began", false, false};
    // Slurm could not open the log, which is in the output folder.
    if (slurm && state == "FAILED" && slurm->reason == "JobLaunchFailure")
      return {
          "its job never began, most likely because its node does not see the output folder (Slurm: FAILED "
          "JobLaunchFailure); choose one on a file system that all nodes share",
          false, true};
    return {state.empty() ? "its job is not in the queue any more and never began"
                          : fmt::format("its job never began (Slurm: {} {})", state, slurm->reason),
            false, !state.empty()};
  }
  if (outcome.cancelled) return {"cancelled by the user", false, false, true};
  const auto code = outcome.failed.find(task);
  const bool died = !outcome.ended;
  Failure failure;
  // The log may be long and of many tasks: its words about memory count only where the end fits them.
  const bool killed = died || (code != outcome.failed.end() && (code->second == 137 || code->second == 1));
  failure.out_of_memory = state == "OUT_OF_MEMORY" || (killed && holds_any(tail_of(log, 16384), kMemoryWords));
  if (failure.out_of_memory) {
    failure.reason = fmt::format("out of memory: {} a node were not enough", slurm_memory(request.megabytes));
    return failure;
  }
  if (died) {
    static const std::map<std::string, std::string> ends = {
        {"NODE_FAIL", "its node failed"},
        {"TIMEOUT", "it ran into its time limit without writing a checkpoint"},
        {"CANCELLED", "cancelled by the user"},
        {"PREEMPTED", "preempted"},
        {"DEADLINE", "its deadline passed"}};
    const auto end = ends.find(state);
    failure.reason = end != ends.end()
                         ? end->second
                         : "its job ended without a word" + (state.empty() ? "" : " (Slurm: " + state + ")");
    failure.cancelled = state == "CANCELLED";
    failure.counts = !failure.cancelled && state != "NODE_FAIL" && state != "PREEMPTED";
    return failure;
  }
  const std::string words = last_sentence(log);
  failure.reason = code_words(code == outcome.failed.end() ? outcome.code : code->second);
  if (!words.empty()) failure.reason += ": " + words;
  return failure;
}

std::string waiting_words(const QueueEntry& entry) {
  static const std::map<std::string, std::string> words = {
      {"Dependency", "for the jobs before it"},
      {"DependencyNeverSatisfied", "for something that can never come"},
      {"Resources", "for free nodes"},
      {"Priority", "behind jobs of higher priority"},
      {"JobArrayTaskLimit", "for the array's own limit of elements at once (limits.running)"},
      {"BeginTime", "to start again after a requeue"},
      {"None", "to be looked at by Slurm"},
      {"JobHeldUser", "held by the user (scontrol release)"},
      {"JobHeldAdmin", "held by an administrator"},
      {"ReqNodeNotAvail", "for nodes that are down or reserved"},
      {"PartitionDown", "for a partition that is down"},
      {"PartitionInactive", "for a partition that is not active"},
      {"PartitionTimeLimit", "for ever: its time is beyond the partition's limit"},
      {"PartitionNodeLimit", "for ever: its nodes are beyond the partition's limit"},
      {"BadConstraints", "for ever: no node has what it asks for"},
      {"Licenses", "for a licence"}};
  if (entry.held()) return "for ever: Slurm holds it, for it was requeued too often (hullscope resume releases it)";
  const auto reason = entry.reason.substr(0, entry.reason.find_first_of(", ("));
  const auto found = words.find(reason);
  if (entry.state != "PENDING") return entry.state;
  return found != words.end() ? found->second : fmt::format("for Slurm's reason {}", entry.reason);
}

}  // namespace hullscope::batch
