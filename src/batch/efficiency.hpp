// What the jobs of a stage asked for and what they used, and what would have been enough.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <hullscope/batch/record.hpp>

namespace hullscope::batch {

namespace detail {
class SlurmView;
}

/// What making a file took, as the file says (its group /run).
struct FileCost {
  double cpu_seconds = 0;  ///< of all ranks that made it
  double peak_bytes = 0;   ///< of all of them on one node, the node where that is most
};

/// Of finished files, in their order; nullopt for one that cannot be read. Paths are absolute.
using CostsOf = std::function<std::vector<std::optional<FileCost>>(const std::vector<std::string>& files)>;

/// Over the ended elements of a stage.
struct Efficiency {
  std::size_t elements = 0;
  double requested_seconds = 0, longest_seconds = 0, sum_seconds = 0;  ///< time limit of one; of one; of all
  double requested_bytes = 0, peak_bytes = 0;                          ///< a node; 0: not known
  double core_seconds = 0, cpu_seconds = -1;                           ///< time x cores; -1: not known
  std::int64_t ranks = 0, threads = 0;                                 ///< as asked for by the newest of its jobs
  std::string source;      ///< of memory and CPU: "sacct", "files of N tasks", "" if not known
  std::string suggestion;  ///< "" if the request was right
};

/// Time, memory and CPU as sacct has them. Where it knows nothing of some element, memory and CPU are those that the
/// tasks' files tell of the runs that made them, for at most 32 tasks of the stage: CPU is then only what the finished
/// tasks took, without what failed; of the last job they are not known, for its report is no such file. `done`: name ->
/// output of the tasks that are done. `group`: ranks of one training.
Efficiency efficiency_of(const Record& record, const detail::SlurmView& slurm, const std::string& stage,
                         const std::unordered_map<std::string, std::string>& done, std::int64_t group,
                         const CostsOf& runs);

/// Keys of a profile that would have fitted better, with values rounded as requests are; "" if none would.
std::string suggest(const Efficiency& used, const std::string& stage, double time_factor);

}  // namespace hullscope::batch
