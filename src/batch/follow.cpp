#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/batch/follow.hpp>
#include <hullscope/batch/outcome.hpp>
#include <hullscope/batch/process.hpp>
#include <hullscope/batch/script.hpp>

namespace hullscope::batch {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

/// Where a task was submitted last.
struct Place {
  const Round* round = nullptr;
  const JobRecord* job = nullptr;
  std::size_t element = 0;
};

using Places = std::unordered_map<std::string, Place>;

Places last_places(const Record& record) {
  Places places;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) {
      if (job.id == 0) continue;
      const auto lists = read_tasks(record.folder, round_folder(round.number), job.name);
      for (std::size_t e = 0; e < lists.size(); ++e)
        for (const auto& name : lists[e]) places[name] = {&round, &job, e + 1};
    }
  return places;
}

/// Of an element: what Slurm's queue says, else its accounting.
class SlurmView {
 public:
  SlurmView(const Record& record, bool ask_accounting, StudyStatus& status) {
    std::vector<std::int64_t> ids;
    for (const auto& round : record.rounds)
      for (const auto& job : round.jobs)
        if (job.id > 0) ids.push_back(job.id);
    queue_ = read_queue(status.queue_fault);
    if (ask_accounting && !ids.empty())
      usage_ = read_accounting(ids, status.accounting_fault);
    else
      status.accounting_fault = "not asked";
  }

  bool knows_queue() const { return queue_.has_value(); }

  std::optional<QueueEntry> entry(const JobRecord& job, std::size_t element) const {
    if (queue_)
      if (const auto found = queue_->find({job.id, element}); found != queue_->end() && found->second.name == job.label)
        return found->second;
    if (const auto* used = usage(job, element); used)
      return QueueEntry{used->state, "", "", used->name, "", used->elapsed_seconds};
    return {};
  }

  const Usage* usage(const JobRecord& job, std::size_t element) const {
    if (!usage_) return nullptr;
    const auto found = usage_->find({job.id, element});
    return found == usage_->end() || found->second.name != job.label ? nullptr : &found->second;
  }

 private:
  std::optional<Queue> queue_;
  std::optional<std::map<JobElement, Usage>> usage_;
};

class Follower {
 public:
  Follower(const Record& record, const study::Study& study, const SlurmView& slurm)
      : record_(record), plan_(study::make_plan(study)), places_(last_places(record)), slurm_(slurm) {
    for (std::size_t i = 0; i < plan_.size(); ++i) by_output_[plan_[i].output] = i;
  }

  const std::vector<study::Task>& plan() const { return plan_; }
  const Places& places() const { return places_; }

  /// Producers before consumers, as the plan has them.
  std::vector<TaskStatus> all() {
    for (const auto& task : plan_) {
      auto status = status_of(task);
      if (status.state == TaskState::failed || status.state == TaskState::absent || status.state == TaskState::waiting)
        look_at_inputs(task, status);
      found_.push_back(std::move(status));
    }
    return found_;
  }

 private:
  bool is_done(const study::Task& task, const Place* place) const {
    const std::string identity = identity_of(record_.folder + "/" + task.output);
    if (identity.empty()) return false;
    if (!place) return true;
    const auto before = place->round->replaces.find(task.output);
    return before == place->round->replaces.end() || before->second != identity;
  }

  TaskStatus status_of(const study::Task& task) const {
    const auto found = places_.find(task.name);
    const Place* place = found == places_.end() ? nullptr : &found->second;
    if (is_done(task, place)) return {TaskState::done, "", place ? log_of(*place) : ""};
    if (!place) return {TaskState::absent, "not submitted; hullscope resume does", ""};
    const auto entry = slurm_.entry(*place->job, place->element);
    const std::string log = log_of(*place);
    if (entry && entry->alive())
      return entry->state == "PENDING" ? TaskStatus{TaskState::waiting, waiting_words(*entry), log}
                                       : TaskStatus{TaskState::running, "", log};
    const std::string outcome_file =
        record_.folder + "/" + outcome_path(round_folder(place->round->number), place->job->name, place->element);
    const auto outcome = read_outcome(outcome_file);
    if (!slurm_.knows_queue() && !outcome.ended && !entry)
      return {outcome.started ? TaskState::running : TaskState::waiting,
              outcome.started ? "" : "submitted; squeue cannot be asked", log};
    if (place->job->state == "cancelled" && !outcome.ended) return {TaskState::failed, "cancelled by the user", log};
    const auto failure =
        failure_of(task.name, outcome, record_.folder + "/" + log, entry ? &*entry : nullptr, place->job->request);
    return {TaskState::failed, failure.reason, log};
  }

  /// A task whose input's maker failed did not fail itself.
  void look_at_inputs(const study::Task& task, TaskStatus& status) const {
    if (task.stage == "reduce") return;
    for (const auto& [role, path] : task.inputs) {
      const auto maker = by_output_.find(path);
      if (maker == by_output_.end()) continue;
      const auto& input = found_[maker->second];
      if (input.state == TaskState::failed || input.state == TaskState::blocked) {
        status.state = TaskState::blocked;
        status.reason = fmt::format("{}, which {}", plan_[maker->second].name,
                                    input.state == TaskState::failed ? "failed" : "waits itself");
        return;
      }
    }
  }

  static std::string log_of(const Place& place) {
    return log_path(round_folder(place.round->number), place.job->name, place.job->elements, place.element);
  }

  const Record& record_;
  std::vector<study::Task> plan_;
  Places places_;
  const SlurmView& slurm_;
  std::unordered_map<std::string, std::size_t> by_output_;
  std::vector<TaskStatus> found_;
};

/// What would have been enough: rounded as a person would.
std::string suggestion_of(const Efficiency& e, const std::string& stage, double time_factor) {
  std::vector<std::string> parts;
  if (e.elements == 0) return "";
  const double time_share = e.longest_seconds / e.requested_seconds;
  const auto enough =
      std::max<std::int64_t>(10, static_cast<std::int64_t>(std::ceil(1.5 * e.longest_seconds / 300)) * 5);
  if (time_share < 0.3 && 60.0 * static_cast<double>(enough) < 0.7 * e.requested_seconds)
    parts.push_back(fmt::format("stage.{}.time = \"{}\"", stage, slurm_time(enough)));
  if (time_share > 0.9) parts.push_back(fmt::format("work.time_factor above {:g}", time_factor));
  if (e.peak_bytes > 0) {
    const auto megabytes =
        std::max<std::int64_t>(512, static_cast<std::int64_t>(std::ceil(1.3 * e.peak_bytes / 1048576 / 256)) * 256);
    if (e.peak_bytes < 0.5 * e.requested_bytes && 1048576.0 * static_cast<double>(megabytes) < 0.7 * e.requested_bytes)
      parts.push_back(fmt::format("stage.{}.memory = \"{}\"", stage, slurm_memory(megabytes)));
  }
  if (e.cpu_seconds >= 0 && e.core_seconds > 600 && e.cpu_seconds < 0.5 * e.core_seconds)
    parts.push_back("fewer ranks (its cores were idle for most of the time)");
  return join(parts, "; ");
}

void add_efficiency(const Record& record, const SlurmView& slurm, StageStatus& status) {
  auto& sum = status.efficiency;
  bool all_cpu = true;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) {
      if (job.stage != status.stage || job.id == 0) continue;
      for (std::size_t e = 1; e <= job.elements; ++e) {
        const auto outcome = read_outcome(record.folder + "/" + outcome_path(round_folder(round.number), job.name, e));
        if (!outcome.ended) continue;
        const auto* used = slurm.usage(job, e);
        const double seconds = used ? std::max(used->elapsed_seconds, outcome.seconds) : outcome.seconds;
        ++sum.elements;
        sum.sum_seconds += seconds;
        sum.longest_seconds = std::max(sum.longest_seconds, seconds);
        sum.requested_seconds = std::max(sum.requested_seconds, 60.0 * static_cast<double>(job.request.minutes));
        sum.requested_bytes = std::max(sum.requested_bytes, 1048576.0 * static_cast<double>(job.request.megabytes));
        sum.core_seconds += seconds * static_cast<double>(job.request.ranks * job.request.threads);
        all_cpu = all_cpu && used;
        if (!used) continue;
        sum.peak_bytes = std::max(sum.peak_bytes, used->peak_bytes / static_cast<double>(job.request.nodes));
        sum.cpu_seconds = std::max(0.0, sum.cpu_seconds) + used->cpu_seconds;
      }
    }
  if (!all_cpu) sum.cpu_seconds = -1;
  sum.suggestion = suggestion_of(sum, status.stage, record.rounds.back().time_factor);
}

/// Estimates of what is alive, scaled by how the ended elements compare with theirs; jobs of a round follow each other.
double time_left(const Record& record, const SlurmView& slurm) {
  double estimated = 0, needed = 0, left = 0;
  bool any = false;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) {
      if (job.id == 0) continue;
      double sum = 0, longest = 0;
      std::size_t alive = 0;
      for (std::size_t e = 1; e <= job.elements && e <= job.seconds.size(); ++e) {
        const auto entry = slurm.entry(job, e);
        if (!entry) continue;
        const double estimate = job.seconds[e - 1];
        if (!entry->alive()) {
          const auto outcome =
              read_outcome(record.folder + "/" + outcome_path(round_folder(round.number), job.name, e));
          if (outcome.ended && outcome.code == 0) estimated += estimate, needed += outcome.seconds;
          continue;
        }
        any = true;
        ++alive;
        const double done = entry->state == "RUNNING" ? std::max(0.0, entry->elapsed_seconds) : 0;
        sum += std::max(0.1 * estimate, estimate - done);
        longest = std::max(longest, estimate);
      }
      const auto most = round.running > 0 ? static_cast<std::size_t>(round.running) : alive;
      const double at_once = static_cast<double>(std::min(alive, most));
      if (alive > 0) left += std::max(std::min(longest, sum), sum / at_once);
    }
  if (!any) return -1;
  return estimated > 0 ? left * std::clamp(needed / estimated, 0.05, 20.0) : left;
}

/// `reports`: the study has networks, and so statistics and a report.
std::string report_state(const Record& record, const SlurmView& slurm, bool reports, bool& done) {
  const Round* last = nullptr;
  const JobRecord* job = nullptr;
  for (const auto& round : record.rounds)
    for (const auto& made : round.jobs)
      if (made.name == "report" && made.id > 0 && made.state != "withdrawn") last = &round, job = &made;
  const std::string page = record.folder + "/report/index.html";
  if (!job) {
    done = fs::exists(page);
    return done ? "made" : "not submitted";
  }
  const auto entry = slurm.entry(*job, 1);
  const std::string folder = round_folder(last->number);
  const auto outcome = read_outcome(record.folder + "/" + outcome_path(folder, "report", 1));
  if (entry && entry->alive()) return entry->state == "PENDING" ? "waits " + waiting_words(*entry) : "running";
  done = outcome.ended && outcome.code == 0 && (!reports || fs::exists(page));
  if (done) return reports ? page : "none, for the study has no networks";
  if (job->state == "cancelled") return "cancelled by the user";
  if (!slurm.knows_queue() && !outcome.ended) return "submitted; squeue cannot be asked";
  const auto failure = failure_of("", outcome, record.folder + "/" + log_path(folder, "report", 1, 1),
                                  entry ? &*entry : nullptr, job->request);
  return "failed: " + failure.reason;
}

void count(const std::vector<study::Task>& plan, const std::vector<TaskStatus>& tasks, StudyStatus& status) {
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (status.stages.empty() || status.stages.back().stage != plan[i].stage) {
      status.stages.emplace_back();
      status.stages.back().stage = plan[i].stage;
    }
    auto& stage = status.stages.back();
    switch (tasks[i].state) {
      case TaskState::done:
        ++stage.done;
        break;
      case TaskState::running:
        ++stage.running;
        break;
      case TaskState::waiting:
        ++stage.waiting;
        ++stage.reasons["waits " + tasks[i].reason];
        break;
      case TaskState::failed:
        ++stage.failed;
        break;
      case TaskState::blocked:
        ++stage.blocked;
        break;
      case TaskState::absent:
        ++stage.absent;
        break;
    }
  }
}

constexpr std::size_t kShown = 8;  // failed tasks and sentences on one screen

}  // namespace

StudyStatus follow(const std::string& folder, bool accounting) {
  Record record;
  if (!load_record(folder, record) || record.rounds.empty())
    throw UsageError(fmt::format(
        "{}: nothing was submitted from this folder; expected the output folder of hullscope submit", folder));
  StudyStatus status;
  status.folder = folder;
  const auto study = study::load(folder + "/study.toml");
  status.study = study.name;
  const SlurmView slurm(record, accounting, status);
  Follower follower(record, study, slurm);
  const auto tasks = follower.all();
  const auto& plan = follower.plan();
  count(plan, tasks, status);
  std::map<std::string, std::size_t> never;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    // the reduction is part of the last job, whose state is told by itself
    if (tasks[i].state == TaskState::failed && plan[i].stage != "reduce") {
      const auto known = record.tasks.find(plan[i].name);
      Failed failed{
          plan[i].name, tasks[i].reason, tasks[i].log, known == record.tasks.end() ? 0 : known->second.tries, {}};
      if (status.failed.size() < kShown) failed.last_lines = last_lines(folder + "/" + failed.log, 4);
      status.failed.push_back(std::move(failed));
    }
    if (tasks[i].state == TaskState::blocked) ++never[tasks[i].reason];
  }
  for (const auto& [reason, number] : never)
    status.never.push_back(
        fmt::format("{} task{} wait{} for {}", number, number == 1 ? "" : "s", number == 1 ? "s" : "", reason));
  for (auto& stage : status.stages) add_efficiency(record, slurm, stage);
  bool report_done = false;
  status.report = report_state(record, slurm, !plan.empty() && plan.back().stage == "reduce", report_done);
  status.seconds_left = time_left(record, slurm);
  status.alive = status.seconds_left >= 0;
  status.complete = report_done && std::all_of(status.stages.begin(), status.stages.end(),
                                               [](const auto& stage) { return stage.done == stage.tasks(); });
  return status;
}

namespace {

std::string efficiency_line(const StageStatus& stage) {
  const auto& e = stage.efficiency;
  std::string line = fmt::format("  {:<10} time {} of {} at the longest", stage.stage,
                                 format_duration(e.longest_seconds), format_duration(e.requested_seconds));
  if (e.peak_bytes > 0)
    line += fmt::format(", memory {} of {}", format_bytes(e.peak_bytes), format_bytes(e.requested_bytes));
  if (e.cpu_seconds >= 0 && e.core_seconds > 0)
    line += fmt::format(", CPU {:.0f} %", 100 * e.cpu_seconds / e.core_seconds);
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
  for (std::size_t i = 0; i < std::min(kShown, status.failed.size()); ++i) {
    const auto& failed = status.failed[i];
    out += fmt::format("\nfailed: {}{}: {}\n  {}\n", failed.task,
                       failed.tries > 1 ? fmt::format(" ({} tries)", failed.tries) : "", failed.reason, failed.log);
    for (const auto& line : failed.last_lines) out += "  | " + line + "\n";
  }
  if (status.failed.size() > kShown)
    out += fmt::format("\n... and {} more failed; --json has all\n", status.failed.size() - kShown);
  if (!status.never.empty()) out += "\nWaits for what can not come, unless hullscope resume does it again:\n";
  for (std::size_t i = 0; i < std::min(kShown, status.never.size()); ++i) out += "  " + status.never[i] + "\n";
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
              {"failed", json::array()}};
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
                               {"core_seconds", e.core_seconds},
                               {"cpu_seconds", e.cpu_seconds >= 0 ? json(e.cpu_seconds) : json()},
                               {"suggestion", e.suggestion}}}});
  }
  for (const auto& failed : status.failed)
    out["failed"].push_back({{"task", failed.task},
                             {"reason", failed.reason},
                             {"tries", failed.tries},
                             {"log", failed.log},
                             {"last_lines", failed.last_lines}});
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::vector<std::string> logs_of(const std::string& folder, const std::string& task) {
  Record record;
  if (!load_record(folder, record) || record.rounds.empty())
    throw UsageError(fmt::format(
        "{}: nothing was submitted from this folder; expected the output folder of hullscope submit", folder));
  std::vector<std::string> logs, names = {"report"};
  bool known = task == "report";
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) {
      const auto lists = read_tasks(folder, round_folder(round.number), job.name);
      for (std::size_t e = 0; e < lists.size(); ++e) {
        const bool holds =
            std::count(lists[e].begin(), lists[e].end(), task) > 0 || (job.name == "report" && task == "report");
        names.insert(names.end(), lists[e].begin(), lists[e].end());
        known = known || holds;
        const std::string path = folder + "/" + log_path(round_folder(round.number), job.name, job.elements, e + 1);
        if (holds && fs::exists(path)) logs.push_back(path);
      }
    }
  if (!known) throw UsageError(fmt::format("logs: no such task {}; did you mean {}?", task, nearest_name(task, names)));
  return logs;
}

}  // namespace hullscope::batch
