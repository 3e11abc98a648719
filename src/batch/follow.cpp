#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <unordered_map>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/batch/detail/slurm_view.hpp>
#include <hullscope/batch/follow.hpp>
#include <hullscope/batch/outcome.hpp>
#include <hullscope/batch/process.hpp>
#include <hullscope/batch/script.hpp>

namespace hullscope::batch {
namespace fs = std::filesystem;
using detail::SlurmView;

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
      return entry->waits() ? TaskStatus{TaskState::waiting, waiting_words(*entry), log}
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

std::string report_state(const Record& record, const SlurmView& slurm, bool& done) {
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
  if (entry && entry->alive()) return entry->waits() ? "waits " + waiting_words(*entry) : "running";
  done = outcome.ended && outcome.code == 0 && fs::exists(page);
  if (done) return page;
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

}  // namespace

StudyStatus follow(const std::string& folder, const CostsOf& runs, bool accounting) {
  Record record;
  if (!load_record(folder, record) || record.rounds.empty())
    throw UsageError(fmt::format(
        "{}: nothing was submitted from this folder; expected the output folder of hullscope submit", folder));
  StudyStatus status;
  status.folder = folder;
  const auto study = study::load(folder + "/study.toml");
  status.study = study.name;
  const SlurmView slurm(record, accounting);
  status.queue_fault = slurm.queue_fault;
  status.accounting_fault = slurm.accounting_fault;
  Follower follower(record, study, slurm);
  const auto tasks = follower.all();
  const auto& plan = follower.plan();
  count(plan, tasks, status);
  std::map<std::string, std::size_t> never;
  std::unordered_map<std::string, std::string> done;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    // the reduction is part of the last job, whose state is told by itself
    if (tasks[i].state == TaskState::failed && plan[i].stage != "reduce") {
      const auto known = record.tasks.find(plan[i].name);
      Failed failed{
          plan[i].name, tasks[i].reason, tasks[i].log, known == record.tasks.end() ? 0 : known->second.tries, {}};
      if (status.failed.size() < kShownOnScreen) failed.last_lines = last_lines(folder + "/" + failed.log, 4);
      status.failed.push_back(std::move(failed));
    }
    if (tasks[i].state == TaskState::blocked) {
      ++never[tasks[i].reason];
      status.blocked.push_back({plan[i].name, tasks[i].reason});
    }
    if (tasks[i].state == TaskState::done) done[plan[i].name] = plan[i].output;
  }
  for (const auto& [reason, number] : never)
    status.never.push_back(
        fmt::format("{} task{} wait{} for {}", number, number == 1 ? "" : "s", number == 1 ? "s" : "", reason));
  const auto group = std::max<std::int64_t>(1, study.train.ranks_per_task);
  for (auto& stage : status.stages)
    stage.efficiency = efficiency_of(record, slurm, stage.stage, done, stage.stage == "train" ? group : 1, runs);
  bool report_done = false;
  status.report = report_state(record, slurm, report_done);
  status.seconds_left = time_left(record, slurm);
  status.alive = status.seconds_left >= 0;
  status.complete = report_done && std::all_of(status.stages.begin(), status.stages.end(),
                                               [](const auto& stage) { return stage.done == stage.tasks(); });
  return status;
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
