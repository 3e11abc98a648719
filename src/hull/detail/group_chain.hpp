// RowChain over the ranks of a group.
#pragma once
#include <hullscope/hull/detail/row_chain.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::hull::detail {

class GroupChain final : public RowChain {
 public:
  /// Collective: rank r's `own` rows follow those of rank r - 1. `total`: the sum, which is checked.
  GroupChain(parallel::Comm group, std::int64_t own, std::int64_t total);
  std::int64_t first() const override { return first_; }
  std::int64_t total(std::int64_t) const override { return total_; }
  double largest(double value) const override;
  void in_turn(std::span<double> numbers, const std::function<void()>& add) const override;

 private:
  parallel::Comm group_;
  std::int64_t first_ = 0, total_;
};

}  // namespace hullscope::hull::detail
