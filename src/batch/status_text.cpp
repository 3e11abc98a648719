#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <hullscope/base/text.hpp>
#include <hullscope/batch/follow.hpp>
#include <hullscope/batch/process.hpp>

namespace hullscope::batch {
using nlohmann::json;

namespace {

std::string efficiency_line(const StageStatus& stage) {
  const auto& e = stage.efficiency;
  std::string line = fmt::format("  {:<10} time {} of {} at the longest", stage.stage,
                                 format_duration(e.longest_seconds), format_duration(e.requested_seconds));
  if (e.peak_bytes > 0)
    line += fmt::format(", memory {} of {}", format_bytes(e.peak_bytes), format_bytes(e.requested_bytes));
  if (e.cpu_seconds >= 0 && e.core_seconds > 0)
    line += fmt::format(", CPU {:.0f} %", 100 * e.cpu_seconds / e.core_seconds);
  if (e.source.starts_with("files")) line += " (by the " + e.source + ")";
  return line + (e.suggestion.empty() ? "" : "; better: " + e.suggestion) + "\n";
}

std::string table(const StudyStatus& status) {
  std::string out =
      fmt::format("{:<10} {:>7} {:>7} {:>7} {:>7} {:>7}\n", "stage", "tasks", "done", "running", "waiting", "failed");
  for (const auto& stage : status.stages) {
    std::vector<std::string> notes;
    for (const auto& [reason, number] : stage.reasons)
      notes.push_back(number == stage.waiting ? reason : fmt::format("{} {}", number, reason));
    if (stage.blocked > 0) notes.push_back(fmt::format("{} can not come", stage.blocked));
    if (stage.absent > 0) notes.push_back(fmt::format("{} not submitted", stage.absent));
    out += fmt::format("{:<10} {:>7} {:>7} {:>7} {:>7} {:>7}{}\n", stage.stage, stage.tasks(), stage.done,
                       stage.running, stage.waiting, stage.failed, notes.empty() ? "" : "   " + join(notes, "; "));
  }
  return out;
}

}  // namespace

std::string status_text(const StudyStatus& status) {
  std::string out = fmt::format("study {} in {}\n", status.study, status.folder);
  if (!status.queue_fault.empty())
    out += fmt::format("squeue cannot be reached ({}): what follows is from the files alone\n", status.queue_fault);
  out += table(status);
  out += "report     " + status.report + "\n";
  for (std::size_t i = 0; i < std::min(kShownOnScreen, status.failed.size()); ++i) {
    const auto& failed = status.failed[i];
    out += fmt::format("\nfailed: {}{}: {}\n  {}\n", failed.task,
                       failed.tries > 1 ? fmt::format(" ({} tries)", failed.tries) : "", failed.reason, failed.log);
    for (const auto& line : failed.last_lines) out += "  | " + line + "\n";
  }
  if (status.failed.size() > kShownOnScreen)
    out += fmt::format("\n... and {} more failed; --json has all\n", status.failed.size() - kShownOnScreen);
  if (!status.never.empty()) out += "\nWaits for what can not come, unless hullscope resume does it again:\n";
  for (std::size_t i = 0; i < std::min(kShownOnScreen, status.never.size()); ++i) out += "  " + status.never[i] + "\n";
  bool titled = false;
  for (const auto& stage : status.stages) {
    if (stage.efficiency.elements == 0) continue;
    if (!titled) out += "\nUsed of what was asked for:\n";
    titled = true;
    out += efficiency_line(stage);
  }
  out += "\n";
  if (status.complete)
    out += "All done.\n";
  else if (status.alive)
    out += fmt::format("About {} of work is in the queue.\n", format_duration(status.seconds_left));
  else if (status.queue_fault.empty())
    out += fmt::format("Nothing is in the queue; hullscope resume {} submits what is missing.\n",
                       shell_word(status.folder));
  return out;
}

std::string status_json(const StudyStatus& status) {
  json out = {{"folder", status.folder},
              {"study", status.study},
              {"squeue", status.queue_fault.empty() ? "ok" : status.queue_fault},
              {"accounting", status.accounting_fault.empty() ? "ok" : status.accounting_fault},
              {"report", status.report},
              {"complete", status.complete},
              {"in_queue", status.alive},
              {"never", status.never},
              {"stages", json::array()},
              {"failed", json::array()},
              {"blocked", json::array()}};
  out["seconds_left"] = status.seconds_left < 0 ? json() : json(status.seconds_left);
  for (const auto& stage : status.stages) {
    const auto& e = stage.efficiency;
    out["stages"].push_back({{"stage", stage.stage},
                             {"tasks", stage.tasks()},
                             {"done", stage.done},
                             {"running", stage.running},
                             {"waiting", stage.waiting},
                             {"failed", stage.failed},
                             {"blocked", stage.blocked},
                             {"absent", stage.absent},
                             {"reasons", stage.reasons},
                             {"used",
                              {{"elements", e.elements},
                               {"requested_seconds", e.requested_seconds},
                               {"longest_seconds", e.longest_seconds},
                               {"requested_bytes", e.requested_bytes},
                               {"peak_bytes", e.peak_bytes > 0 ? json(e.peak_bytes) : json()},
                               {"ranks", e.ranks},
                               {"threads", e.threads},
                               {"core_seconds", e.core_seconds},
                               {"cpu_seconds", e.cpu_seconds >= 0 ? json(e.cpu_seconds) : json()},
                               {"source", e.source},
                               {"suggestion", e.suggestion}}}});
  }
  for (const auto& failed : status.failed)
    out["failed"].push_back({{"task", failed.task},
                             {"reason", failed.reason},
                             {"tries", failed.tries},
                             {"log", failed.log},
                             {"last_lines", failed.last_lines}});
  for (const auto& blocked : status.blocked)
    out["blocked"].push_back({{"task", blocked.task}, {"reason", blocked.reason}});
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace hullscope::batch
