// Running another program (sbatch, squeue, ...) by an argument vector: no shell ever reads a name.
#pragma once
#include <string>
#include <vector>

namespace hullscope::batch {

struct ProcessResult {
  int code = 0;  ///< exit code; 128 + n if signal n ended it
  std::string output, errors;
  bool not_found = false;  ///< there is no such program in PATH
  bool timed_out = false;  ///< it was killed after the limit

  bool ok() const { return code == 0 && !not_found && !timed_out; }
  /// What it said about its failure, in one line, its own words.
  std::string words() const;
};

/// The program is looked up in PATH. It reads nothing, sees none of the variables by which Slurm describes the job that
/// we may be in (they would become options of the jobs that it submits), and is killed after `seconds`.
ProcessResult run_process(const std::vector<std::string>& words, double seconds);

/// A word, or many, as one would type them in a shell: quoted where needed.
std::string shell_word(const std::string& word);
std::string shell_text(const std::vector<std::string>& words);

}  // namespace hullscope::batch
