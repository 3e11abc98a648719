#include <vector>

#include <hullscope/batch/detail/slurm_view.hpp>

namespace hullscope::batch::detail {

SlurmView::SlurmView(const Record& record, bool ask_accounting) {
  std::vector<std::int64_t> ids;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs)
      if (job.id > 0) ids.push_back(job.id);
  queue_ = read_queue(queue_fault);
  if (ask_accounting && !ids.empty())
    usage_ = read_accounting(ids, accounting_fault);
  else
    accounting_fault = "not asked";
}

std::optional<QueueEntry> SlurmView::entry(const JobRecord& job, std::size_t element) const {
  if (queue_)
    if (const auto found = queue_->find({job.id, element}); found != queue_->end() && found->second.name == job.label)
      return found->second;
  if (const auto* used = usage(job, element); used)
    return QueueEntry{used->state, "", "", used->name, "", used->elapsed_seconds};
  return {};
}

const Usage* SlurmView::usage(const JobRecord& job, std::size_t element) const {
  if (!usage_) return nullptr;
  const auto found = usage_->find({job.id, element});
  return found == usage_->end() || found->second.name != job.label ? nullptr : &found->second;
}

}  // namespace hullscope::batch::detail
