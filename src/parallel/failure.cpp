#include <hullscope/parallel/detail/failure.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <new>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/parallel/detail/mpi.hpp>
#include <hullscope/parallel/progress.hpp>

namespace hullscope::parallel::detail {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kGrace{1000};     // for the other ranks to come to the same error
constexpr milliseconds kSpeakers{5000};  // a rank that does not speak waits to be ended by the one that does
constexpr double kTicketSeconds = 2;     // for rank 0's node to say who speaks
constexpr unsigned kLastResort = 5;      // seconds that MPI_Abort may take

/// Has every rank of `all` come here within the grace time? Those that have not are not waited for.
bool everyone_is_here(const Comm& all) {
  MPI_Request request;
  check(MPI_Ibarrier(handle(all), &request), "MPI_Ibarrier");
  const auto end = std::chrono::steady_clock::now() + kGrace;
  for (int done = 0;;) {
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
}

}  // namespace

Verdict judge(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return {e.what(), e.exit_code()};
  } catch (const std::bad_alloc&) {
    return {"out of memory (this rank held up to " + format_bytes(static_cast<double>(Stopwatch::peak_bytes())) +
                "): use fewer ranks on this node or a machine with more memory",
            kExitFailed};
  } catch (const std::exception& e) {
    return {std::string("unexpected error: ") + e.what(), kExitFailed};
  } catch (...) {
    return {"unexpected error of an unknown type", kExitFailed};
  }
}

void speak(const std::string& sentence) {
  // Libraries put stack traces behind their first line.
  const std::string line = "hullscope: " + sentence.substr(0, sentence.find('\n')) + "\n";
  std::fflush(stdout);
  std::cout.flush();
  std::cerr.flush();
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t n = write(STDERR_FILENO, line.data() + sent, line.size() - sent);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

Failure::Failure(const Comm& world) : all_(world.split(0, world.rank())), ticket_(world) {}

int Failure::end(const Verdict& verdict) {
  const bool mine = ticket_.next(kTicketSeconds).value_or(0) == 0;
  if (mine) speak(verdict.sentence);
  if (everyone_is_here(all_)) return static_cast<int>(all_.max(std::int64_t{mine ? verdict.exit_code : 0}));
  if (!mine) std::this_thread::sleep_for(kSpeakers);
  abort(verdict.exit_code);
}

void Failure::end_now(const Verdict& verdict) {
  if (ticket_.next(kTicketSeconds).value_or(0) == 0)
    speak(verdict.sentence);
  else
    std::this_thread::sleep_for(kSpeakers);
  abort(verdict.exit_code);
}

void Failure::abort(int exit_code) {
  std::signal(SIGALRM, SIG_DFL);
  alarm(kLastResort);
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  _exit(exit_code);
}

}  // namespace hullscope::parallel::detail
