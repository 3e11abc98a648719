// Wolfe's min-norm point of a small working set, as an active-set method with an orthogonal factorisation.
//
// With columns a_j = [p_j; s], p_j = x_j - y, and b = [0; s], the nearest point to the origin in conv{p_j} is
// P l / sum(l) for the l >= 0 that minimises |A l - b| (Lawson and Hanson, Solving Least Squares Problems, 1974,
// ch. 23; Wolfe, Finding the nearest point in a polytope, Math. Programming 11, 1976, 128-149). The active columns are
// kept as A = Q R, extended by Gram-Schmidt (twice) and shrunk by Givens rotations; the residual is re-orthogonalised
// against Q, so that its direction is good to rounding even where its length is 1e-13 of the scale.
#pragma once
#include <cstdint>
#include <vector>

namespace hullscope::hull::detail {

class ActiveSet {
 public:
  /// Empties the set. d: dimension; lift: s > 0, of the size of the columns that matter.
  void reset(std::int64_t d, double lift);
  /// Adds p (d doubles) to the working set under the name `row`.
  void add(const double* p, std::int64_t row);
  /// Minimises over the working set. Columns that depend on the active ones to rounding are banned until the next call.
  void minimise();

  /// Iterative refinement of the weights with residuals in extended precision: their error falls to rounding.
  void refine();

  /// The residual vanished: the origin is in the hull of the active columns, up to rounding.
  bool inside() const { return inside_; }
  /// Unit vector (d doubles) along which the minimiser separates the origin from the working set. Not inside().
  const std::vector<double>& direction() const { return direction_; }
  /// Smallest <p_j, direction> over the active columns.
  double active_level() const { return level_; }
  std::size_t active_size() const { return active_.size(); }
  std::size_t working_size() const { return row_.size(); }
  /// Active rows with their weights > 0, in no order; weights sum to 1 up to rounding.
  std::vector<std::int64_t> active_rows() const;
  std::vector<double> active_weights() const;
  std::int64_t steps() const { return steps_; }

 private:
  bool enter(std::int64_t column);
  void leave(std::size_t position);
  void solve_target();
  void solve_triangle(std::vector<double>& right) const;
  bool settle();
  void residual();
  const std::vector<std::int64_t>& violated();
  bool extend(std::size_t count);

  std::int64_t d_ = 0, m_ = 0, lanes_ = 0;  // dimension, d + 1, d + 1 rounded up to whole vectors
  double lift_ = 1, length_ = 0, level_ = 0;
  bool inside_ = false;
  std::int64_t steps_ = 0;
  std::vector<double> column_;        // working columns, lanes_ each
  std::vector<double> blocks_;        // the same in blocks of 8 columns: [block][coordinate][column in block]
  std::vector<double> norm_;          // |a_j|
  std::vector<std::int64_t> row_;     // names
  std::vector<std::uint8_t> closed_;  // active or banned
  std::vector<std::int64_t> violated_;
  std::vector<std::int64_t> active_;  // columns, in the order of Q
  std::vector<double> weight_, target_;
  std::vector<double> q_, r_;  // Q: lanes_ a column; R: (m_ + 1) a column
  std::vector<double> unit_, direction_, work_, score_;
};

}  // namespace hullscope::hull::detail
