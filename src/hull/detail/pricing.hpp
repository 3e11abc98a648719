// Pricing: the one door through which a running engine sees the points.
//
// Column generation asks for a direction u of a query y: which rows x lie lowest along it, and how low can any row lie?
//
//   value(x) = fl( sum_k (x_k - y_k) u_k ),   one fixed order of double operations (row_value), in the data's units.
//
// Both answers are functions of the points, y, u and the request alone: rows are ordered by (value, row number), so
// whatever an implementation skips, screens in float32 or spreads over ranks, every implementation gives the same
// bits. An implementation may only leave out a row if a rigorous bound shows that it cannot be in the answer.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/detail/cells.hpp>

namespace hullscope::hull::detail {

/// Which rows take part in one query's hull.
struct RowFilter {
  const std::uint8_t* mask = nullptr;  ///< N entries, or none
  std::int64_t left_out = -1;
  bool allows(std::int64_t row) const { return row != left_out && (mask == nullptr || mask[row] != 0); }
};

/// A row and its value along a direction (or its squared distance); ordered by value, ties by row.
struct PricedRow {
  double value;
  std::int64_t row;
  bool operator<(const PricedRow& other) const {
    return value < other.value || (value == other.value && row < other.row);
  }
};

/// One direction of a batch.
struct Ask {
  const double* y = nullptr;          ///< d numbers
  const double* direction = nullptr;  ///< d numbers, a unit vector to within 1e-12; nearest() does not read it
  std::int64_t left_out = -1;         ///< a row that takes no part, or -1
  CellSet cells = kAllCells;          ///< only rows of these cells are asked for; with a mask, all
  double cut = 0;                     ///< rows with value >= cut are of no interest; nearest() does not read it
  std::int32_t wanted = 0;            ///< at most so many rows; 0: only the bound
};

/// What is known of one direction.
struct Priced {
  /// <x - y, u> >= lower, exactly, for every row that is asked for: min(cut, min over rows of (value - its error
  /// bound)).
  double lower = 0;
  std::vector<PricedRow> lowest;  ///< the `wanted` first rows with value < cut, ascending
  double products = 0;  ///< coordinate products that were computed (a whole pass: N d); not part of the answer
};

/// Rows that take part in every ask of a batch: mask[row] != 0, or all.
using Mask = std::span<const std::uint8_t>;

class Pricing {
 public:
  virtual ~Pricing() = default;
  virtual std::int64_t size() const = 0;
  virtual std::int64_t dimension() const = 0;
  virtual double scale() const = 0;   ///< mean distance of the points to their centre, in the data's units
  virtual double unit() const = 0;    ///< a power of two, of the scale's size
  virtual double radius() const = 0;  ///< max |x - centre| in the data's units, rounded up
  virtual const std::vector<double>& centre() const = 0;  ///< about the mean; any value is right

  /// The given rows as doubles, exact, one after another: rows.size() x d. Takes masked rows, too.
  virtual void rows(std::span<const std::int64_t> rows, double* out) const = 0;
  /// These rows will be asked for: an implementation that must bring them from elsewhere brings them at once.
  virtual void fetch(std::span<const std::int64_t>) const {}
  /// The cells around y; all of them where rows are not in cells.
  virtual CellSet neighbourhood(const double*) const { return kAllCells; }
  /// Per ask, up to `wanted` rows near y, the nearest first (in the full space, or in a fixed embedding of it): a good
  /// start, no proof. At least one row if one of those cells takes part.
  virtual std::vector<std::vector<std::int64_t>> nearest(std::span<const Ask> asks, Mask mask) const = 0;
  /// Per ask, what is known of its direction.
  virtual std::vector<Priced> price(std::span<const Ask> asks, Mask mask) const = 0;
};

/// value(x), and a bound of its rounding error: |value - <x - y, u>| <= error. d numbers each. Eight partial sums
/// (k mod 8), added as ((0+4)+(2+6))+((1+5)+(3+7)): the same bits on every instruction set.
double row_value(const float* x, const double* y, const double* u, std::int64_t d, double& error);
double row_value(const double* x, const double* y, const double* u, std::int64_t d, double& error);

/// sum ((x_k - y_k) factor)^2 in the same order.
double squared_distance(const float* x, const double* y, double factor, std::int64_t d);
double squared_distance(const double* x, const double* y, double factor, std::int64_t d);

}  // namespace hullscope::hull::detail
