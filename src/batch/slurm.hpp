// Slurm by its own commands: sbatch, squeue, sacct, scancel. Its errors are passed on in its own words.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hullscope::batch {

/// One element of an array (or a job that is none: element 1), as squeue or sacct tells it.
struct QueueEntry {
  std::string state;   ///< Slurm's long word: "PENDING", "RUNNING", "COMPLETED", "OUT_OF_MEMORY", ...
  std::string reason;  ///< Slurm's, for what is pending or failed: "Dependency", "Resources", ...
  std::string node, name, comment;
  double elapsed_seconds = -1;

  /// Waiting, running or ending: it may still write.
  bool alive() const;
  /// Alive and not on a node: pending, requeued or held.
  bool waits() const;
  /// Held by Slurm, after more requeues than it allows: it waits for ever unless it is released.
  bool held() const;
};

struct JobElement {
  std::int64_t job = 0;
  std::size_t element = 1;
  auto operator<=>(const JobElement&) const = default;
};

using Queue = std::map<JobElement, QueueEntry>;

/// All jobs of the user that squeue still knows, finished ones included. `fault`: why squeue cannot be asked, in its
/// words; the queue is then unknown (nullopt).
std::optional<Queue> read_queue(std::string& fault);

/// What one element used, as accounting has it; its requeues added up.
struct Usage {
  std::string name;   ///< of the job
  std::string state;  ///< of the last of them
  double elapsed_seconds = 0, cpu_seconds = 0;
  double peak_bytes = 0;  ///< the largest of its steps, all ranks together
};

/// nullopt where accounting is off or cannot be reached (`fault`: its words).
std::optional<std::map<JobElement, Usage>> read_accounting(const std::vector<std::int64_t>& jobs, std::string& fault);

/// sbatch OPTIONS... SCRIPT, in `folder`. Returns the job's id. Throws EnvironmentError with Slurm's words.
std::int64_t submit_script(const std::string& folder, const std::string& script,
                           const std::vector<std::string>& options);

/// scancel of the jobs. "" or why not, in Slurm's words.
std::string cancel_jobs(const std::vector<std::int64_t>& jobs);

/// Lets held jobs go on (scontrol release). "" or why not, in Slurm's words.
std::string release_jobs(const std::vector<std::int64_t>& jobs);

}  // namespace hullscope::batch
