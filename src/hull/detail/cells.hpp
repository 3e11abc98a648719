// The points in cells, each around a pivot: where a query looks first.
//
// Column generation ends with a look at all rows, but what enters on the way lies mostly near the query (docs/hull.md
// has the numbers). So a query prices the rows of the few cells around it until they have nothing left to give, and
// only then everything: an inverted file, as in the search for near neighbours (Jégou, Douze, Schmid, "Product
// quantization for nearest neighbor search", IEEE PAMI 2011). Which rows are looked at first changes no proof.
#pragma once
#include <cstdint>
#include <vector>

#include <hullscope/base/matrix.hpp>

namespace hullscope::hull::detail {

using CellSet = std::uint64_t;  ///< bit c: cell c
inline constexpr CellSet kAllCells = ~CellSet{0};

/// Thread-safe.
class Cells {
 public:
  static constexpr std::int64_t kCells = 64;
  static constexpr int kAround = 4;
  static constexpr std::int64_t kFewestRows = 8192;  ///< below that all rows are one cell

  /// One cell.
  Cells() = default;
  /// Pivots for these rows (a sample of the points, one a row), by a few of Lloyd's iterations from evenly taken ones.
  explicit Cells(const Matrix<double>& sample);

  std::int64_t count() const { return count_; }
  /// The cell of a point: its nearest pivot, the first of equals. One number a column of the sample.
  std::int64_t of(const float* point) const;
  /// The cells of the kAround nearest pivots; all if there is one cell.
  CellSet around(const float* point) const;

 private:
  /// |p - x|^2 / 2 - |x|^2 / 2 of all pivots.
  void measure(const float* point, float* out) const;

  std::int64_t count_ = 1, width_ = 0;
  std::vector<float> pivot_;  // [coordinate][cell]
  std::vector<float> half_;   // |p|^2 / 2
};

}  // namespace hullscope::hull::detail
