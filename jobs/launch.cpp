#include "launch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/process.hpp>

namespace hullscope::jobs {
namespace fs = std::filesystem;

namespace {

fs::path prefix() {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path();
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value && *value;
}

/// The first program of that name in PATH, or "".
std::string find_in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (std::string rest = path ? path : "/usr/bin:/bin"; !rest.empty();) {
    const auto colon = rest.find(':');
    const fs::path candidate = fs::path(rest.substr(0, colon)) / name;
    if (access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate)) return candidate.string();
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return "";
}

}  // namespace

std::string Command::text() const {
  return batch::shell_text(words);
}

std::string stage_program(const std::string& name) {
  const auto path = prefix() / "libexec" / "hullscope" / name;
  if (access(path.c_str(), X_OK) != 0)
    throw EnvironmentError(
        fmt::format("{}: this build has no such program; configure it with the library that the stage "
                    "needs (HULLSCOPE_WITH_TORCH for train, extract and encode) and build again",
                    path.string()));
  return path.string();
}

std::string shared_folder(const std::string& name) {
  return (prefix() / "share" / "hullscope" / name).string();
}

bool under_launcher() {
  return is_set("OMPI_COMM_WORLD_SIZE") || is_set("PMIX_RANK") || is_set("PMI_RANK") || is_set("SLURM_NTASKS");
}

int available_ranks(int threads) {
  if (const char* tasks = std::getenv("SLURM_NTASKS"); tasks && std::atoi(tasks) > 0) return std::atoi(tasks);
  cpu_set_t set;
  CPU_ZERO(&set);
  const int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::max(1, cores / std::max(1, threads));
}

Command stage_command(const std::string& name, const std::vector<std::string>& arguments, int ranks) {
  Command command;
  command.environment = {{"OPENBLAS_NUM_THREADS", "1"}, {"OMP_NUM_THREADS", "1"}, {"MKL_NUM_THREADS", "1"}};
  const std::string given = is_set("HULLSCOPE_MPIRUN") ? std::getenv("HULLSCOPE_MPIRUN") : "";
  const std::string mpirun = given.empty() ? find_in_path("mpirun") : given;
  command.mpirun = ranks > 1;
  if (ranks > 1 && mpirun.empty())
    throw EnvironmentError(
        fmt::format("{} ranks need mpirun, which is not in PATH: install openmpi-bin, or ask for one "
                    "rank (--ranks 1)",
                    ranks));
  if (command.mpirun) {
    // --quiet: our sentence stands alone. Sharing cores is allowed, binding is not ours to choose. mpirun is never sent
    // TERM (see pass_on), so its odls_base_sigkill_timeout stays short: it waits that long after every failure.
    command.words = {mpirun, "--quiet", "--oversubscribe", "--bind-to", "none"};
    if (geteuid() == 0) command.words.push_back("--allow-run-as-root");
    for (const auto& [variable, value] : command.environment)
      command.words.insert(command.words.end(), {"-x", variable});
    command.words.insert(command.words.end(), {"-n", std::to_string(ranks)});
  }
  command.words.push_back(stage_program(name));
  command.words.insert(command.words.end(), arguments.begin(), arguments.end());
  return command;
}

namespace {

bool asked = false, held = false;
sigset_t signals_of_user;  // the mask that we were started with, for our children

sigset_t held_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

[[noreturn]] void execute(const Command& command) {
  for (const auto& [name, value] : command.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> words;
  for (const auto& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execv(words[0], words.data());
  std::fprintf(stderr, "hullscope: %s cannot be started: %s\n", words[0], std::strerror(errno));
  _exit(kExitFailed);
}

/// In the child: a process group of its own, so that the terminal's Ctrl-C comes to us alone and the child is asked to
/// leave at a checkpoint; and an end with us, also if we are killed.
[[noreturn]] void become_child(const Command& command, pid_t parent, int output) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, command.mpirun ? SIGUSR1 : SIGTERM);
  if (getppid() != parent) _exit(kExitInterrupted);
  sigprocmask(SIG_SETMASK, &signals_of_user, nullptr);
  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  if (output >= 0) dup2(output, STDOUT_FILENO);
  execute(command);
}

/// Passes a signal on in a form that lets the child write its checkpoint. mpirun hands USR1 to its ranks, but ends
/// them on TERM.
void pass_on(int signal, const Command& command, pid_t child, int& interrupts) {
  const bool first = !asked;
  asked = true;
  if (signal == SIGINT && ++interrupts > 1) {
    kill(interrupts > 2 ? -child : child, interrupts > 2 ? SIGKILL : SIGTERM);
    return;
  }
  if (first)
    std::fprintf(stderr, "hullscope: stopping at the next checkpoint%s\n",
                 signal == SIGINT ? " (Ctrl-C again: now)" : "");
  kill(child, command.mpirun ? SIGUSR1 : SIGTERM);
}

int wait_for(const Command& command, pid_t child) {
  const sigset_t signals = held_signals();
  for (int interrupts = 0;;) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      // A program that had not yet set its handlers ends by the request itself: nothing was begun.
      const bool by_request = code == 128 + SIGUSR1 || code == 128 + SIGTERM;
      return asked && by_request ? int{kExitInterrupted} : code;
    }
    siginfo_t info;
    const timespec second{1, 0};
    const int signal = sigtimedwait(&signals, &info, &second);
    if (signal > 0 && signal != SIGCHLD) pass_on(signal, command, child, interrupts);
  }
}

int spawn(const Command& command, int output, int other_end, std::string* text) {
  std::fflush(nullptr);
  hold_signals();
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw EnvironmentError(fmt::format("no process can be started: {}", std::strerror(errno)));
  if (child == 0) become_child(command, parent, output);
  setpgid(child, child);
  if (text) {
    close(output);
    char buffer[65536];
    for (ssize_t n; (n = read(other_end, buffer, sizeof buffer)) != 0;)
      if (n > 0)
        text->append(buffer, static_cast<std::size_t>(n));
      else if (errno != EINTR)
        break;
  }
  return wait_for(command, child);
}

}  // namespace

int run_child(const Command& command) {
  return spawn(command, -1, -1, nullptr);
}

int capture_child(const Command& command, std::string& output) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw EnvironmentError(fmt::format("no pipe can be made: {}", std::strerror(errno)));
  const int code = spawn(command, ends[1], ends[0], &output);
  close(ends[0]);
  return code;
}

void hold_signals() {
  if (held) return;
  const sigset_t signals = held_signals();
  sigprocmask(SIG_BLOCK, &signals, &signals_of_user);
  held = true;
}

bool stop_asked() {
  sigset_t signals = held_signals();
  sigdelset(&signals, SIGCHLD);
  const timespec now{0, 0};
  if (held && sigtimedwait(&signals, nullptr, &now) > 0) asked = true;
  return asked;
}

void replace_by(const Command& command) {
  std::fflush(nullptr);
  if (held) sigprocmask(SIG_SETMASK, &signals_of_user, nullptr);
  execute(command);
}

}  // namespace hullscope::jobs
