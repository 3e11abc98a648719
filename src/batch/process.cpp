#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/process.hpp>

extern char** environ;

namespace hullscope::batch {
namespace {

using Clock = std::chrono::steady_clock;

/// Of the variables SLURM_* only those that say which cluster is meant.
std::vector<std::string> clean_environment() {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable; ++variable) {
    const std::string text = *variable;
    const bool of_a_job = text.starts_with("SLURM_") || text.starts_with("SLURMD_") || text.starts_with("PMIX_");
    if (!of_a_job || text.starts_with("SLURM_CONF=") || text.starts_with("SLURM_CLUSTERS=") ||
        text.starts_with("SLURM_PMIX_FENCE="))
      kept.push_back(text);
  }
  return kept;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

constexpr int kNoSuchProgram = 127;

[[noreturn]] void become(const std::vector<char*>& words, const std::vector<char*>& environment, int output,
                         int errors) {
  setpgid(0, 0);  // Ctrl-C at the terminal is ours: a submission in hand ends in order
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  execvpe(words[0], words.data(), environment.data());
  _exit(errno == ENOENT ? kNoSuchProgram : 126);
}

/// Reads both pipes until they end or time is up. False if it is.
bool drain(std::array<pollfd, 2>& pipes, std::array<std::string*, 2> texts, Clock::time_point end) {
  while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    if (poll(pipes.data(), pipes.size(), static_cast<int>(std::min<long>(left, 1000))) < 0 && errno != EINTR)
      return false;
    for (std::size_t i = 0; i < pipes.size(); ++i) {
      if (pipes[i].fd < 0 || pipes[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t n = read(pipes[i].fd, buffer, sizeof buffer);
      if (n > 0) texts[i]->append(buffer, static_cast<std::size_t>(n));
      if (n == 0) pipes[i].fd = -1;
    }
  }
  return true;
}

bool wait_until(pid_t child, int& status, Clock::time_point end) {
  while (true) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return true;
    if (ended < 0 && errno != EINTR) return false;
    if (Clock::now() > end) return false;
    usleep(2000);
  }
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& words, double seconds) {
  int output[2], errors[2];
  if (pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0)
    throw EnvironmentError(fmt::format("no pipe can be made: {}", std::strerror(errno)));
  const auto environment = clean_environment();
  const auto argument_pointers = pointers(words), environment_pointers = pointers(environment);
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const pid_t child = fork();
  if (child < 0) throw EnvironmentError(fmt::format("no process can be started: {}", std::strerror(errno)));
  if (child == 0) become(argument_pointers, environment_pointers, output[1], errors[1]);
  close(output[1]);
  close(errors[1]);

  ProcessResult result;
  int status = 0;
  std::array<pollfd, 2> pipes{pollfd{output[0], POLLIN, 0}, pollfd{errors[0], POLLIN, 0}};
  const bool read_all = drain(pipes, {&result.output, &result.errors}, end);
  if (!read_all || !wait_until(child, status, end)) {
    result.timed_out = true;
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  close(output[0]);
  close(errors[0]);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.not_found = result.code == kNoSuchProgram && result.output.empty() && result.errors.empty();
  if (result.timed_out) result.errors += fmt::format("{} did not answer within {:.0f} s", words[0], seconds);
  if (result.not_found) result.errors = words[0] + " is not in PATH";
  return result;
}

std::string ProcessResult::words() const {
  std::string line;
  for (const char c : errors.empty() ? output : errors) line += c == '\n' || c == '\r' ? ' ' : c;
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line.empty() ? fmt::format("exit code {}, without a word", code) : line;
}

std::string shell_word(const std::string& word) {
  if (!word.empty() &&
      word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/=:,@%") ==
          std::string::npos)
    return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string shell_text(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + shell_word(word);
  return text;
}

}  // namespace hullscope::batch
