// Of every element that was ever submitted from a folder: what Slurm's queue says, else its accounting.
#pragma once
#include <map>
#include <optional>
#include <string>

#include <hullscope/batch/record.hpp>
#include <hullscope/batch/slurm.hpp>

namespace hullscope::batch::detail {

class SlurmView {
 public:
  /// Asks squeue, and sacct if `ask_accounting`; neither fails: `queue_fault` and `accounting_fault` say why one could
  /// not be asked, "" if it could.
  SlurmView(const Record& record, bool ask_accounting);

  std::string queue_fault, accounting_fault;
  bool knows_queue() const { return queue_.has_value(); }
  /// nullopt if neither knows of it.
  std::optional<QueueEntry> entry(const JobRecord& job, std::size_t element) const;
  /// nullptr where accounting does not know of it.
  const Usage* usage(const JobRecord& job, std::size_t element) const;

 private:
  std::optional<Queue> queue_;
  std::optional<std::map<JobElement, Usage>> usage_;
};

}  // namespace hullscope::batch::detail
