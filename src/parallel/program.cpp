#include <exception>

#include <hullscope/base/error.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/detail/failure.hpp>
#include <hullscope/parallel/detail/watchdog.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::parallel {

namespace {

detail::Failure* running = nullptr;  // for std::terminate

/// An exception that no one can catch (another thread's, a noexcept function's) still gets its sentence.
[[noreturn]] void terminated() {
  const std::exception_ptr error = std::current_exception();
  const detail::Verdict verdict = error ? detail::judge(error)
                                        : detail::Verdict{
                                              "internal error (a bug of hullscope, please report it): "
                                              "std::terminate was called",
                                              kExitFailed};
  if (running) running->end_now(verdict);
  detail::speak(verdict.sentence);
  std::_Exit(verdict.exit_code);
}

int run_ranks(const Comm& world, const std::vector<std::string>& arguments,
              const std::function<int(const Comm&, std::vector<std::string>)>& body) {
  detail::Failure failure(world);
  running = &failure;
  try {
    detail::Watchdog watchdog(world, detail::watchdog_seconds(), [&](const std::string& sentence) {
      failure.end_now({sentence, kExitFailed});
    });
    const int code = static_cast<int>(world.max(std::int64_t{body(world, arguments)}));
    running = nullptr;
    return code;
  } catch (...) {
    const int code = failure.end(detail::judge(std::current_exception()));
    running = nullptr;
    return code;
  }
}

}  // namespace

int run_program(int argc, char** argv,
                const std::function<int(const Comm& world, std::vector<std::string> arguments)>& body) {
  try {
    std::set_terminate(terminated);
    install_stop_handlers();
    const Session session(argc, argv);
    return run_ranks(Comm::world(), std::vector<std::string>(argv + 1, argv + argc), body);
  } catch (...) {  // before there were ranks, or among them in the end itself
    const detail::Verdict verdict = detail::judge(std::current_exception());
    detail::speak(verdict.sentence);
    return verdict.exit_code;
  }
}

}  // namespace hullscope::parallel
