// What became of one element, from what its job wrote and what Slurm says.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hullscope/batch/record.hpp>
#include <hullscope/batch/slurm.hpp>

namespace hullscope::batch {

/// The file DIR/batch/round-N/outcome/JOB.E, from the last start on:
///   start JOBID RESTARTS HOST | requeue SECONDS | cancelled SECONDS | failed CODE TASK | end CODE SECONDS
struct Outcome {
  bool started = false, ended = false, cancelled = false;
  int code = 0, restarts = 0;
  std::string host;
  double seconds = 0;                 ///< of all its runs
  std::map<std::string, int> failed;  ///< task -> exit code
};

/// A line that a crash has torn is passed over.
Outcome read_outcome(const std::string& path);

/// The last lines of a log, at most `lines` and 8 kB of them.
std::vector<std::string> last_lines(const std::string& path, std::size_t lines);

struct Failure {
  std::string reason = {};  ///< in words, one line
  bool out_of_memory = false;
  bool counts = true;      ///< as a try: not if it never began
  bool cancelled = false;  ///< while it ran, by the user: tried again only when asked for
};

/// Why a task of an ended element is not done. `slurm`: what the queue or accounting says of the element, if anything.
Failure failure_of(const std::string& task, const Outcome& outcome, const std::string& log, const QueueEntry* slurm,
                   const Request& request);

/// "waits for free nodes", "waits for jobs before it (Dependency)": a pending job's reason in words.
std::string waiting_words(const QueueEntry& entry);

}  // namespace hullscope::batch
