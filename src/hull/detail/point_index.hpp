// The points as pricing looks at them: rotated to principal directions, in an order, in panels of 64 rows.
//
// Let c be the centre, Q orthonormal rows by falling variance, a = Q (x - c) and b = Q u in float32. Then
//
//   <x - c, u>  >=  <a, b>  -  |x_t| |u_t|  -  e_x,
//
// where x_t and u_t are what the k = min(d, kWidth) rotated coordinates leave of x - c and u (Cauchy and Schwarz), and
// e_x = 2^-22 (k + 12) |x - c| pays for all roundings.
//
// Rows lie cell by cell (cells.hpp), whole groups of 64 a cell, within it
// d <= kBoxDimensions: in the order of a k-d tree, each group in a box (centre m, half width h);
// above: by falling |x - c|: the lowest rows of a direction are seldom near the centre.
// The rows of a mask are one cell.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/detail/arrays.hpp>
#include <hullscope/hull/detail/cells.hpp>
#include <hullscope/hull/detail/digit_panel.hpp>
#include <hullscope/hull/detail/frame.hpp>
#include <hullscope/hull/detail/panel.hpp>
#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {

/// The least float >= x, within +-3e38.
float rounded_up(double x);

class PointIndex {
 public:
  static constexpr std::int64_t kBoxDimensions = 12;
  static constexpr std::int64_t kWidth = 256;               ///< rotated coordinates kept of a row
  static constexpr std::int64_t kWidthForProjection = 384;  ///< whose cut is near the level, up to 1,024 dimensions
  static constexpr std::int64_t kLeading = 8;               ///< of which nearness is measured in, above kBoxDimensions
  static constexpr std::int64_t kNoRow = -1;                ///< fills the last group of a cell
  static constexpr std::int64_t kBoundFirst = 2;            ///< of a panel's columns above kBoxDimensions: see Part

  /// What every block of a point set is looked at by.
  struct Axes {
    Matrix<double> basis;  ///< Q (width x d); any width is right
    Cells cells;           ///< by the leading coordinates of Q (x - c)
  };
  /// Collective if the chain is; the same on every rank.
  static Axes axes(const PointsView& points, const Frame& frame, bool projection, const RowChain& chain = {});

  /// The points may be a block of a larger set that begins at a whole tile (kTileRows), with the frame and the axes of
  /// all: a row then has the numbers that it has there. points and frame must outlive it. Memory: about
  /// N (min(d, kWidth) + min(d, kLeading)) floats, in `arrays`, whose sharers make it together, of the same points.
  /// Thread-safe.
  PointIndex(const PointsView& points, const Frame& frame, Axes axes, std::unique_ptr<Arrays> arrays);

  /// Some of the rows, in the order in which they are looked at.
  struct Part {
    std::vector<std::int64_t> row;  ///< place -> row, or kNoRow
    std::vector<CellSet> cell;      ///< of each group
    std::vector<float> group_norm;  ///< the largest |x - c| of each group, rounded up
    /// boxes: a, e_x. Else: |a'|^2 / 2 rounded down, a bound of its error over |y|, a, |x_t|, e_x, where a' are the
    /// leading coordinates: columns 0 ... leading + 1 measure nearness, columns 2 ... are the bound of a direction.
    /// With digits, which bound a direction, only what measures nearness.
    Panel panel;
    Panel box;          ///< boxes: m, h, e of each group
    DigitPanel digits;  ///< of digits(): a, |x_t|, e_x
    /// kNoRow beyond the last as well.
    std::int64_t row_at(std::int64_t place) const {
      return place < static_cast<std::int64_t>(row.size()) ? row[static_cast<std::size_t>(place)] : kNoRow;
    }
  };
  std::shared_ptr<const Part> part(Mask mask) const;

  bool boxes() const { return basis().cols() <= kBoxDimensions; }
  /// Above kBoxDimensions: are rows kept in 8 bits? Where the machine is fast at it, no coordinate is left out and
  /// they lose little.
  bool digits() const { return !steps_.empty(); }
  std::int64_t width() const { return axes_.basis.rows(); }
  std::int64_t leading() const { return leading_width_; }
  const Matrix<double>& basis() const { return axes_.basis; }
  const Cells& cells() const { return axes_.cells; }
  /// The leading rotated coordinates of a row; all of them with boxes.
  const float* leading(std::int64_t row) const { return leading_ + row * leading_width_; }

 private:
  void order_by_boxes(std::vector<std::int64_t>& cell) const;
  void order_by_norm(std::vector<std::int64_t>& cell) const;
  void measure(std::span<const std::int64_t> rows, std::vector<float>& least, std::vector<float>& most) const;
  void make_boxes(Part& part) const;
  void make_box(Part& part, std::int64_t group) const;
  std::vector<std::vector<std::int64_t>> rows_by_cell() const;
  std::shared_ptr<Part> part_of(std::vector<std::vector<std::int64_t>> cells, Arrays* shared) const;
  void turn(const PointsView& points, std::int64_t columns,
            const std::function<void(std::int64_t, const double*)>& take) const;
  void find_leading(const PointsView& points);
  void enter_rows(const PointsView& points);
  std::vector<double> digit_steps(const PointsView& points) const;
  void enter(Part& part, std::int64_t place, std::int64_t row, const float* a, double tail) const;
  std::shared_ptr<const Part> subset(Mask mask) const;

  double norm(std::int64_t row) const { return frame_.norm[static_cast<std::size_t>(row)]; }

  const Frame& frame_;
  Axes axes_;
  std::vector<double> steps_;  // of digits
  std::int64_t size_, leading_width_;
  std::unique_ptr<Arrays> arrays_;
  float* leading_;  // N x leading_width_
  std::shared_ptr<Part> all_;
  mutable std::mutex lock_;
  mutable std::vector<std::pair<std::vector<std::uint8_t>, std::shared_ptr<const Part>>> masked_;
};

}  // namespace hullscope::hull::detail
