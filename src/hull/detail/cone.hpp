// One query as bound-constrained least squares over points that are spread by rows over the ranks of a communicator:
//
//   min over l >= 0 of  f(l) = 1/2 |A^T l - b|^2,   row i of A = [p_i; s],  p_i = (x_i - y) / unit,   b = [0; s],
//
// (Wolfe's min-norm point as non-negative least squares, see active_set.hpp) with gradient A (A^T l - b) and Hessian
// A A^T. A is N x (d + 1) and never made: each rank applies its own block of rows, float32 or float64, without a copy.
//
// Cost of a gradient, P ranks: 4 N (d + 1) / P flop and one read of the block a product (weights of zero are skipped),
// one message of d + 1 doubles for each tile of kTile rows that has a weight.
//
// Sums over points are made tile by tile of the rows' global numbers and the tiles are added in order, so that where
// blocks begin at multiples of kTile every number here is the same on any number of ranks, to the bit.
#pragma once
#include <mpi.h>

#include <cstdint>
#include <vector>

#include <hullscope/base/matrix.hpp>

namespace hullscope::hull::detail {

/// What one rank holds of the N points.
struct RowBlock {
  PointsView rows;         ///< n x d; n may be 0
  std::int64_t first = 0;  ///< global number of its first row; the ranks' blocks follow one another
};

/// A row and a number by which rows are ranked.
struct RankedRow {
  double key;
  std::int64_t row;
  bool operator<(const RankedRow& other) const { return key < other.key || (key == other.key && row < other.row); }
};

class Cone {
 public:
  static constexpr std::int64_t kTile = 1024;

  /// Collective. members: this rank's rows (local numbers, ascending) that take part, one variable each; at least one
  /// over all ranks. y: d numbers, the same on every rank; unit > 0: a power of two of the data's size. The points'
  /// memory must outlive the cone. The lift s is the distance to the nearest point, but at least 1. Throws
  /// EnvironmentError if MPI fails.
  Cone(MPI_Comm comm, const RowBlock& block, std::vector<std::int64_t> members, const double* y, double unit);

  std::int64_t dimension() const { return d_; }
  std::int64_t variables() const { return static_cast<std::int64_t>(members_.size()); }  ///< of this rank
  double lift() const { return lift_; }
  double unit() const { return 1 / inverse_unit_; }
  const std::vector<double>& query() const { return y_; }
  /// Global row of this rank's variable j, and the variable of a global row (-1: not of this rank).
  std::int64_t row_of(std::int64_t j) const { return block_.first + members_[static_cast<std::size_t>(j)]; }
  std::int64_t variable_of(std::int64_t row) const;
  /// Rows nearest to y, the same on every rank, in order; at most `count` of those found when the cone was made.
  const std::vector<RankedRow>& nearest() const { return nearest_; }

  /// sum = A^T l, d + 1 numbers. l: this rank's weights. Collective.
  void transposed_product(const double* l, std::vector<double>& sum) const;
  /// out = A v for this rank's variables. Not collective.
  void product(const std::vector<double>& v, double* out) const;
  /// |A_j|^2, the Hessian's diagonal. Not collective.
  double diagonal(std::int64_t j) const;
  /// The vectors p of the given rows (the same list on every rank), one after the other. Collective.
  std::vector<double> columns(const std::vector<std::int64_t>& rows) const;
  /// The `count` lowest of all ranks' rows, in order. Collective.
  std::vector<RankedRow> lowest(std::vector<RankedRow> mine, std::size_t count) const;
  /// Collective.
  double smallest(double value) const;
  double largest(double value) const;
  bool agreed(bool of_rank_0) const;

 private:
  template <class T>
  std::vector<T> gather(const std::vector<T>& mine) const;
  std::vector<RankedRow> find_nearest() const;
  double square(std::int64_t i) const;

  MPI_Comm comm_;
  int rank_ = 0, ranks_ = 1;
  RowBlock block_;
  std::int64_t d_;
  std::vector<std::int64_t> members_;
  std::vector<std::int64_t> first_of_;  ///< of every rank
  std::vector<double> y_;
  double inverse_unit_, lift_ = 1;
  std::vector<RankedRow> nearest_;
};

}  // namespace hullscope::hull::detail
