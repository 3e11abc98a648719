#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/detail/in_queue.hpp>
#include <hullscope/batch/process.hpp>
#include <hullscope/batch/script.hpp>

namespace hullscope::batch::detail {

const QueueEntry* entry_of(const Queue& queue, const JobRecord& job, std::size_t element) {
  const auto found = queue.find({job.id, element});
  return found == queue.end() || found->second.name != job.label ? nullptr : &found->second;
}

bool alive(const Queue& queue, const JobRecord& job, std::size_t element) {
  const auto* entry = entry_of(queue, job, element);
  return entry && entry->alive();
}

std::size_t alive_elements(const Queue& queue, const JobRecord& job) {
  std::size_t count = 0;
  for (std::size_t e = 1; e <= job.elements; ++e) count += alive(queue, job, e);
  return count;
}

Queue queue_or_throw(const std::string& what) {
  std::string fault;
  auto queue = read_queue(fault);
  if (!queue)
    throw EnvironmentError(fmt::format(
        "squeue cannot be asked what is in the queue ({}); nothing was {}: {}", fault, what,
        fault.find("not in PATH") != std::string::npos ? "submit on a login node of the cluster, or use hullscope run"
                                                       : "try again when Slurm answers"));
  return *queue;
}

InQueue in_queue(const Record& record, const Queue& queue, const StudyState& state, const std::string& self) {
  InQueue found;
  for (const auto& [place, entry] : queue) found.elements += entry.alive();
  if (record.rounds.empty()) return found;
  std::unordered_map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < state.plan.size(); ++i) index[state.plan[i].name] = i;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) {
      if (job.id == 0 || alive_elements(queue, job) == 0) continue;
      const bool ends = job.state != "submitted";
      if (job.name == "report") {
        if (!ends && std::to_string(job.id) != self) found.reports.push_back(job.id);
        continue;
      }
      const auto lists = read_tasks(record.folder, round_folder(round.number), job.name);
      for (std::size_t e = 0; e < lists.size(); ++e) {
        if (!alive(queue, job, e + 1)) continue;
        for (const auto& name : lists[e])
          if (const auto task = index.find(name); task != index.end() && !state.done[task->second])
            (ends ? found.ending : found.made_by)[task->second] = job.id;
      }
    }
  return found;
}

void refuse_other_options(const Record& record, const InQueue& queued, const StudyState& state) {
  std::set<std::int64_t> ids;
  for (const auto& [task, id] : queued.made_by) ids.insert(id);
  for (const auto& round : record.rounds) {
    const bool concerned =
        std::any_of(round.jobs.begin(), round.jobs.end(), [&](const auto& job) { return ids.count(job.id) > 0; });
    if (!concerned) continue;
    const auto before = study::parse(round.study, "study.toml of round " + std::to_string(round.number));
    for (const auto& [task, id] : queued.made_by)
      if (study::options_hash(before, state.plan[task]) != study::options_hash(state.study, state.plan[task]))
        throw UsageError(fmt::format(
            "{} is in the queue with other options than the study has now; hullscope cancel {} first, or go back to "
            "those options",
            state.plan[task].name, shell_word(record.folder)));
  }
}

void adopt_strays(Record& record, const Queue& queue) {
  std::set<std::int64_t> known, strays;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) known.insert(job.id);
  const std::string mark = "hullscope " + record.token + "/";
  for (const auto& [place, entry] : queue) {
    if (!entry.alive() || known.count(place.job) || !entry.comment.starts_with(mark)) continue;
    bool taken = strays.count(place.job) > 0;
    for (auto& round : record.rounds)
      for (auto& job : round.jobs)
        if (!taken && entry.comment == fmt::format("{}{}/{}", mark, round.number, job.name) && job.id == 0) {
          job.id = place.job;
          job.state = "submitted";
          known.insert(place.job);
          taken = true;
        }
    if (!taken) strays.insert(place.job);
  }
  if (strays.empty()) return;
  const std::string fault = cancel_jobs({strays.begin(), strays.end()});
  if (!fault.empty())
    throw EnvironmentError(fmt::format(
        "{} jobs of a submission that was cut are in the queue and cannot be cancelled: {}", strays.size(), fault));
}

std::size_t release_held(const Record& record, const Queue& queue) {
  std::vector<std::int64_t> held;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs)
      for (std::size_t e = 1; job.id > 0 && e <= job.elements; ++e) {
        const auto* entry = entry_of(queue, job, e);
        if (!entry || !entry->held()) continue;
        held.push_back(job.id);
        break;
      }
  if (held.empty()) return 0;
  const std::string fault = release_jobs(held);
  if (!fault.empty())
    throw EnvironmentError(
        fmt::format("{} jobs that Slurm holds after too many requeues cannot be released: {}", held.size(), fault));
  return held.size();
}

}  // namespace hullscope::batch::detail
