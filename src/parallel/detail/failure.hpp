// How a program ends when something fails: one sentence, one exit code, all ranks, within seconds.
#pragma once
#include <exception>
#include <string>

#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/detail/shared_counter.hpp>

namespace hullscope::parallel::detail {

/// What is told of an exception: one line, and the exit code.
struct Verdict {
  std::string sentence;
  int exit_code;
};
Verdict judge(std::exception_ptr error);

/// Writes "hullscope: <sentence>" as one line on standard error, in one piece.
void speak(const std::string& sentence);

class Failure {
 public:
  explicit Failure(const Comm& world);  ///< collective, as is the destructor
  /// Called by a rank that failed. Returns the exit code of all if every rank calls it within the grace time (the usual
  /// case of bad input, which all ranks read); otherwise ends all ranks.
  int end(const Verdict& verdict);
  /// Ends all ranks now, from any thread (the watchdog, std::terminate).
  [[noreturn]] void end_now(const Verdict& verdict);

 private:
  [[noreturn]] void abort(int exit_code);
  Comm all_;  ///< a duplicate of the world, for the agreement
  SharedCounter ticket_;
};

}  // namespace hullscope::parallel::detail
