// Sums over rows that have the same bits whether one process holds all rows or ranks hold consecutive blocks of them.
#pragma once
#include <cstdint>
#include <functional>
#include <span>

namespace hullscope::hull::detail {

/// The blocks of rows that make up a point set. This class is the one block that is everything; a derived one has a
/// block for each rank of a group, and its members are then collective.
class RowChain {
 public:
  virtual ~RowChain() = default;
  virtual std::int64_t first() const { return 0; }                    ///< global number of this block's first row
  virtual std::int64_t total(std::int64_t own) const { return own; }  ///< rows of all blocks; own: of this one
  virtual double largest(double value) const { return value; }        ///< over the blocks
  /// `add` adds this block's rows to `numbers`, block after block, each going on from what the last one left; in the
  /// end all have the sum. One after another: for work that is small beside the hull problem's.
  virtual void in_turn(std::span<double> numbers, const std::function<void()>& add) const {
    static_cast<void>(numbers);
    add();
  }
};

}  // namespace hullscope::hull::detail
