// Arrays over the ranks of a node, in shared memory.
#pragma once
#include <vector>

#include <hullscope/hull/detail/arrays.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/sharing.hpp>

namespace hullscope::hull::detail {

class NodeArrays final : public Arrays {
 public:
  /// Collective. Only ranks of one node share.
  explicit NodeArrays(const parallel::Comm& comm) : node_(comm.node()) {}
  /// Collective over the node. Throws EnvironmentError on every rank of it where it has no room.
  float* zeros(std::int64_t n) override {
    arrays_.emplace_back(node_, static_cast<std::size_t>(n) * sizeof(float));
    return reinterpret_cast<float*>(arrays_.back().writable().data());
  }
  int sharer() const override { return node_.rank(); }
  int sharers() const override { return node_.size(); }
  void meet() override { node_.barrier(); }

 private:
  parallel::Comm node_;
  std::vector<parallel::SharedBytes> arrays_;
};

}  // namespace hullscope::hull::detail
