// Ends the program when no rank has shown a sign of life for a stated time.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/detail/node_cells.hpp>

namespace hullscope::parallel::detail {

/// HULLSCOPE_WATCHDOG_SECONDS, 3600 if not set. Throws UsageError if it is no number >= 0.
double watchdog_seconds();

class Watchdog {
 public:
  /// Constructor and destructor are collective. `bark` runs in a thread of every rank. Off if seconds is 0.
  Watchdog(const Comm& world, double seconds, std::function<void(const std::string& sentence)> bark);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;

 private:
  void watch();
  std::int64_t latest() const;  ///< the newest sign of life that this node knows of
  void exchange();              ///< several nodes: the first rank of each tells the others
  double seconds_;
  std::function<void(const std::string&)> bark_;
  Comm node_, leaders_;
  NodeCells signs_;  ///< by rank of the node; the last one: of all other nodes
  std::atomic<bool> end_{false};
  std::thread thread_;
};

}  // namespace hullscope::parallel::detail
