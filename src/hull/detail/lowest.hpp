// The first rows of a stream, by (value, row).
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {

/// The `wanted` first rows seen so far of those below `cut`, and the limit that a further one must stay below.
class Lowest {
 public:
  Lowest(std::int32_t wanted, double cut) : wanted_(static_cast<std::size_t>(wanted)), limit_(cut) {}
  double limit() const { return limit_; }
  /// True if the limit has fallen.
  bool add(PricedRow row) {
    if (wanted_ == 0 || !(row.value < limit_ || (full_ && row.value == limit_))) return false;
    rows_.push_back(row);
    return rows_.size() >= wanted_ + std::max<std::size_t>(8, wanted_ / 4) && keep_first();
  }
  /// Ascending.
  std::vector<PricedRow> take() {
    keep_first();
    std::sort(rows_.begin(), rows_.end());
    return std::move(rows_);
  }

 private:
  bool keep_first() {
    if (rows_.size() < wanted_ || wanted_ == 0) return false;
    std::nth_element(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(wanted_ - 1), rows_.end());
    rows_.resize(wanted_);
    limit_ = rows_.back().value;
    full_ = true;
    return true;
  }
  std::size_t wanted_;
  double limit_;
  bool full_ = false;
  std::vector<PricedRow> rows_;
};

}  // namespace hullscope::hull::detail
