// The counter behind WorkCounter, and the ticket that decides which rank speaks when several fail.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/detail/node_cells.hpp>
#include <hullscope/parallel/detail/unwinding.hpp>

namespace hullscope::parallel::detail {

class SharedCounter {
 public:
  explicit SharedCounter(const Comm& comm);  ///< collective
  ~SharedCounter();                          ///< collective
  SharedCounter(const SharedCounter&) = delete;
  /// The next number. Not collective, any thread. Empty only if rank 0 did not answer within `patience_seconds`
  /// (several nodes; a negative patience waits for ever).
  std::optional<std::int64_t> next(double patience_seconds = -1);

 private:
  std::optional<std::int64_t> ask(double patience_seconds);
  void serve();  ///< rank 0's thread: answers the other nodes until told to end

  Comm comm_;  ///< a duplicate: nobody else's messages
  bool one_node_;
  std::unique_ptr<NodeCells> cells_;     ///< one node: the number
  std::atomic<std::int64_t> number_{0};  ///< several nodes: the number, on rank 0
  std::thread server_;
  std::atomic<bool> end_{false};
  Unwinding unwinding_;
};

}  // namespace hullscope::parallel::detail
