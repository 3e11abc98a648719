// The working set of active_set.hpp for many dimensions, by the Gram matrix of its columns.
//
// K = A^T A with a_j = [p_j; s]: one product for all columns, after which a step costs k^2 flop instead of d k. The
// active block is kept as L L^T = K, with z = L^-1 1, extended by a row and shrunk by Givens rotations (Lawson and
// Hanson, Solving Least Squares Problems, 1974, ch. 24); l = s^2 L^-T z. Squaring the condition costs half the digits:
// nearer than kWeak of the lift the set says that it is weak, and active_set.hpp must go on.
#pragma once
#include <cstdint>
#include <vector>

namespace hullscope::hull::detail {

class GramSet {
 public:
  /// Empties the set. d: dimension; lift: s > 0, of the size of the columns that matter.
  void reset(std::int64_t d, double lift);
  /// Adds p (d doubles) under the name `row`.
  void add(const double* p, std::int64_t row);
  /// Minimises over the working set.
  void minimise();
  /// Keeps the active columns and the `most` nearest to being active.
  void forget(std::size_t most);

  /// The minimiser is too near for a Gram matrix, or inside: nothing below may be used.
  bool weak() const { return weak_; }
  const std::vector<double>& direction() const { return direction_; }
  double active_level() const { return level_; }
  std::size_t working_size() const { return row_.size(); }
  const std::vector<std::int64_t>& working_rows() const { return row_; }
  std::vector<std::int64_t> active_rows() const;
  std::vector<double> active_weights() const;

 private:
  static constexpr double kWeak = 1e-5;
  void extend_gram();
  bool enter(std::int64_t column);
  void leave(std::size_t position);
  void solve_target();
  bool settle();
  void gradient();
  bool extend(std::size_t count);
  void measure();
  double* factor(std::size_t i) { return factor_.data() + i * capacity_; }
  const double* gram(std::int64_t j) const { return gram_.data() + static_cast<std::size_t>(j) * capacity_; }

  std::size_t d_ = 0, capacity_ = 0, known_ = 0;  // columns that the Gram matrix knows
  double lift_ = 1, level_ = 0, sum_ = 0;         // sum_: of the weights; 1 - sum_ is the squared residual / lift^2
  bool weak_ = false;
  std::vector<double> column_, gram_, factor_, z_;
  std::vector<std::int64_t> row_, active_;
  std::vector<std::uint8_t> closed_;  // active or banned
  std::vector<double> weight_, target_, gradient_, work_, direction_;
  std::vector<std::int64_t> order_;
};

}  // namespace hullscope::hull::detail
