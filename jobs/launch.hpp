// Starting the stage programs: where they are, with which environment, under mpirun or not, and their end.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace hullscope::jobs {

struct Command {
  std::vector<std::string> words;                                ///< program and arguments
  std::vector<std::pair<std::string, std::string>> environment;  ///< set on top of ours
  bool mpirun = false;
  std::string text() const;  ///< as one would type it
};

/// libexec/hullscope/NAME beside our own bin/, in a build tree or an installed one. Throws EnvironmentError if this
/// build has none.
std::string stage_program(const std::string& name);
/// share/hullscope/NAME beside our own bin/ ("analysis").
std::string shared_folder(const std::string& name);

/// Are we one of several ranks that mpirun or srun started, or in a Slurm job: must not start mpirun ourselves.
bool under_launcher();
/// Cores that this process may use; in a Slurm job its number of tasks.
int available_ranks(int threads);

/// The program on `ranks` ranks: directly if that is one, or if we are under a launcher; else through mpirun. Threads
/// of BLAS and OpenMP are set explicitly: one a call, for the stages thread over tiles themselves.
Command stage_command(const std::string& name, const std::vector<std::string>& arguments, int ranks);

/// Runs the command and waits. TERM, USR1, USR2 and HUP ask it to leave at its next checkpoint, so does INT (a second
/// one ends it at once). Standard input is closed. Returns the exit code; 128 + n if signal n ended it.
int run_child(const Command& command);
/// The same, and its standard output.
int capture_child(const Command& command, std::string& output);
/// From here on signals wait until run_child() or stop_asked() looks at them: a `run` then always ends in order.
void hold_signals();
/// Did a signal ask us to stop?
bool stop_asked();
/// Becomes the command.
[[noreturn]] void replace_by(const Command& command);

}  // namespace hullscope::jobs
