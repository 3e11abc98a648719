#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include <hullscope/batch/detail/in_queue.hpp>
#include <hullscope/batch/detail/tries.hpp>
#include <hullscope/batch/outcome.hpp>
#include <hullscope/batch/script.hpp>

namespace hullscope::batch::detail {

namespace {

/// A task that runs out of memory is tried once more, with so much more.
constexpr std::int64_t kMoreMemory = 2;

void more_memory(TaskRecord& task, std::int64_t had, std::int64_t limit) {
  task.no_more_memory = task.megabytes > 0 || had >= limit;
  if (!task.no_more_memory) task.megabytes = std::min(kMoreMemory * had, limit);
}

/// Tasks of the plan by output or by name.
std::unordered_map<std::string, std::size_t> places(const std::vector<study::Task>& plan, bool by_output) {
  std::unordered_map<std::string, std::size_t> found;
  for (std::size_t i = 0; i < plan.size(); ++i) found[by_output ? plan[i].output : plan[i].name] = i;
  return found;
}

}  // namespace

void judge_ended(Record& record, const Queue& queue, const StudyState& state) {
  if (record.rounds.empty()) return;
  const auto index = places(state.plan, false);
  const auto by_output = places(state.plan, true);
  const auto inputs_are_there = [&](const study::Task& task) {
    return std::all_of(task.inputs.begin(), task.inputs.end(), [&](const auto& input) {
      const auto maker = by_output.find(input.second);
      return maker == by_output.end() || state.done[maker->second];
    });
  };
  for (auto& round : record.rounds)
    for (auto& job : round.jobs) {
      if (job.state != "submitted" || job.judged.size() == job.elements || job.name == "report") continue;
      const std::string folder = round_folder(round.number);
      const auto lists = read_tasks(record.folder, folder, job.name);
      for (std::size_t e = 1; e <= std::min(lists.size(), job.elements); ++e) {
        if (std::count(job.judged.begin(), job.judged.end(), e) || alive(queue, job, e)) continue;
        job.judged.push_back(e);
        const auto outcome = read_outcome(record.folder + "/" + outcome_path(folder, job.name, e));
        for (const auto& name : lists[e - 1]) {
          const auto task = index.find(name);
          if (task == index.end() || state.done[task->second] || !inputs_are_there(state.plan[task->second])) continue;
          const auto failure =
              failure_of(name, outcome, record.folder + "/" + log_path(folder, job.name, job.elements, e),
                         entry_of(queue, job, e), job.request);
          auto& known = record.tasks[name];
          known.reason = failure.reason;
          known.tries += failure.counts;
          known.cancelled = failure.cancelled;
          if (failure.out_of_memory) more_memory(known, job.request.megabytes, round.memory_megabytes);
        }
      }
    }
  for (std::size_t i = 0; i < state.plan.size(); ++i)
    if (state.done[i]) record.tasks.erase(state.plan[i].name);
}

void forgive(Record& record) {
  for (auto& [name, task] : record.tasks) {
    task.tries = 0;
    task.no_more_memory = task.cancelled = false;
  }
}

void give_up(const Record& record, const SubmitRequest& request, std::vector<bool>& wanted, Submission& submission) {
  if (record.tasks.empty()) return;
  const auto& plan = request.state.plan;
  const auto by_output = places(plan, true);
  std::vector<bool> lost(plan.size(), false);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (!wanted[i] || plan[i].stage == "reduce") continue;
    const auto known = record.tasks.find(plan[i].name);
    const bool tried = known != record.tasks.end() && (known->second.tries >= request.profile.work.tries ||
                                                       known->second.no_more_memory || known->second.cancelled);
    bool blocked = false;
    for (const auto& [role, path] : plan[i].inputs)
      if (const auto maker = by_output.find(path); maker != by_output.end() && lost[maker->second]) blocked = true;
    if (!tried && !blocked) continue;
    lost[i] = true;
    wanted[i] = false;
    if (tried)
      submission.given_up.push_back(fmt::format("{}: {}", plan[i].name, known->second.reason));
    else
      submission.blocked.push_back(plan[i].name);
  }
}

std::map<std::size_t, Lesson> lessons_of(const Record& record, const StudyState& state) {
  std::map<std::size_t, Lesson> lessons;
  if (record.tasks.empty()) return lessons;
  for (std::size_t i = 0; i < state.plan.size(); ++i)
    if (const auto known = record.tasks.find(state.plan[i].name); known != record.tasks.end())
      lessons[i] = {known->second.megabytes, true};
  return lessons;
}

}  // namespace hullscope::batch::detail
