// Errors have the culprit's type; each carries one sentence: what was found, what was expected, how to mend it.
#pragma once
#include <stdexcept>
#include <string>

namespace hullscope {

/// Exit codes of every program of hullscope.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,       ///< the environment failed, a proof is false, or a bug
  kExitUsage = 2,        ///< wrong usage or bad input
  kExitInterrupted = 75  ///< stopped early by a signal or a limit; the same command resumes
};

class Error : public std::runtime_error {
 public:
  Error(const std::string& sentence, int exit_code) : std::runtime_error(sentence), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// The user's command or study file is wrong.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& sentence) : Error(sentence, kExitUsage) {}
};

/// An input file is not what it should be; `place` is an offset or a data set's path inside the file.
class DataError : public Error {
 public:
  DataError(const std::string& file, const std::string& place, const std::string& sentence)
      : Error(file + (place.empty() ? "" : " (" + place + ")") + ": " + sentence, kExitUsage) {}
};

/// The machine failed us: full disk, missing permission, a library's refusal.
class EnvironmentError : public Error {
 public:
  explicit EnvironmentError(const std::string& sentence) : Error(sentence, kExitFailed) {}
};

/// A bug of hullscope.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& sentence)
      : Error("internal error (a bug of hullscope, please report it): " + sentence, kExitFailed) {}
};

/// A signal or a time limit asked us to leave; state is saved.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& sentence) : Error(sentence, kExitInterrupted) {}
};

}  // namespace hullscope
