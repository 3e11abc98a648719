// Leaving early: TERM, USR1 and USR2 set a flag; all ranks agree on it at shard or epoch boundaries.
#pragma once
#include <hullscope/parallel/comm.hpp>

namespace hullscope::parallel {

void install_stop_handlers();
bool stop_requested();               ///< this process got a signal
bool stop_agreed(const Comm& comm);  ///< collective: did any rank get one?
/// Call from inside long work; a watchdog ends the program with a sentence when no rank's heartbeat has come for
/// HULLSCOPE_WATCHDOG_SECONDS (default 3600, 0 = off).
void heartbeat();

}  // namespace hullscope::parallel
