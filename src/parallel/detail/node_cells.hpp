// A few counters in memory that the ranks of a node share. Every access is atomic and needs nobody's help.
#pragma once
#include <mpi.h>

#include <atomic>
#include <cstdint>

#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/detail/unwinding.hpp>

namespace hullscope::parallel::detail {

class NodeCells {
 public:
  /// Collective over `node`, which must be the ranks of one node (Comm::node()). All cells start at 0.
  NodeCells(const Comm& node, int count);
  ~NodeCells();  ///< collective
  NodeCells(const NodeCells&) = delete;
  std::atomic_ref<std::int64_t> operator[](int i) const { return std::atomic_ref<std::int64_t>(cells_[i]); }
  std::int64_t* cell(int i) const { return cells_ + i; }
  int size() const { return count_; }

 private:
  Comm node_;
  int count_;
  MPI_Win window_ = MPI_WIN_NULL;
  std::int64_t* cells_ = nullptr;
  Unwinding unwinding_;
};

}  // namespace hullscope::parallel::detail
