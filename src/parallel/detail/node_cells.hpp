// A few counters in memory that the ranks of a node share. Every access is atomic and needs nobody's help.
#pragma once
#include <atomic>
#include <cstdint>

#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/detail/node_memory.hpp>

namespace hullscope::parallel::detail {

class NodeCells {
 public:
  /// Collective over `node`, which must be the ranks of one node (Comm::node()); the destructor is not. All start at 0.
  NodeCells(const Comm& node, int count)
      : count_(count), memory_(node, sizeof(std::int64_t) * static_cast<std::size_t>(count), Sharing::kAllWrite) {}
  std::int64_t* cell(int i) const { return reinterpret_cast<std::int64_t*>(memory_.data()) + i; }
  std::atomic_ref<std::int64_t> operator[](int i) const { return std::atomic_ref<std::int64_t>(*cell(i)); }
  int size() const { return count_; }

 private:
  int count_;
  NodeMemory memory_;
};

}  // namespace hullscope::parallel::detail
