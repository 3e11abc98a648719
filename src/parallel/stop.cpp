#include <hullscope/parallel/stop.hpp>

#include <csignal>

namespace hullscope::parallel {

namespace {
volatile std::sig_atomic_t requested = 0;
}

void install_stop_handlers() {
  struct sigaction action {};
  action.sa_handler = [](int) { requested = 1; };
  action.sa_flags = SA_RESTART;  // reads and writes of libraries go on
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2}) sigaction(signal, &action, nullptr);
}

bool stop_requested() {
  return requested != 0;
}

bool stop_agreed(const Comm& comm) {
  heartbeat();
  return comm.any(stop_requested());
}

}  // namespace hullscope::parallel
