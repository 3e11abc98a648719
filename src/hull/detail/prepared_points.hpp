// The points as pricing wants them: scores of all rows along a direction, with a bound of their rounding error.
#pragma once
#include <cstdint>
#include <mutex>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/detail/frame.hpp>
#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {

/// A row and its score; ordered by score, ties by row.
struct ScoredRow {
  float score;
  std::int64_t row;
  bool operator<(const ScoredRow& other) const {
    return score < other.score || (score == other.score && row < other.row);
  }
};

/// The scores of one pass over the points, in groups of kGroup rows.
struct Pass {
  std::vector<float> score;      ///< of every row (padded to whole groups); infinite for rows that take no part
  std::vector<float> group_min;  ///< smallest score of each group
  float min = 0;                 ///< smallest score
  double noise = 0;              ///< |score - exact value| is at most this, for every row that takes part
};

/// All lengths inside are in units of 2^exponent() of the data's unit, so that the scale is in [0.5, 1): float32
/// products neither overflow nor underflow on data of 1e-30 or 1e30.
class PreparedPoints {
 public:
  static constexpr std::int64_t kGroup = 64;
  static constexpr std::int64_t kPanelBytes = 64 << 20;

  /// Throws DataError on NaN or infinity. N >= 1, d >= 1.
  explicit PreparedPoints(PointsView points);

  std::int64_t size() const { return size_; }
  std::int64_t dimension() const { return dimension_; }
  const PointsView& points() const { return points_; }
  const Frame& frame() const { return frame_; }
  double scale() const { return frame_.scale; }  ///< mean distance to the mean, in the data's units
  double unit() const { return frame_.unit; }    ///< 2^exponent
  double inverse_unit() const { return 1 / frame_.unit; }
  double radius() const { return frame_.radius; }                      ///< max |x - c| in units, rounded up
  const std::vector<double>& centre() const { return frame_.centre; }  ///< c, about the mean
  /// Row i as doubles, exact, in the data's units. out: d values.
  void copy_row(std::int64_t i, double* out) const;
  /// sum_k (x_ik - y_k) r_k in double, in the data's units, and a bound of its rounding error.
  double separation(std::int64_t i, const double* y, const double* r, double& error) const;

  /// 0 for rows that take part, infinity for masked ones and padding: what both passes take as `allowed`.
  std::vector<float> allowed(const std::uint8_t* mask) const;
  /// Scores order the rows by distance to y: (|x - y|^2 - |y - c|^2) / 2, up to noise.
  void nearest(const double* y, const std::vector<float>& allowed, std::int64_t left_out, Pass& pass) const;
  /// Scores <x_i - y, r> in units; r: unit direction (d doubles).
  void price(const double* y, const double* r, const std::vector<float>& allowed, std::int64_t left_out,
             Pass& pass) const;

 private:
  void run(const std::vector<float>& direction, double factor, float constant, const std::vector<float>& allowed,
           bool add_half_norms, std::int64_t left_out, Pass& pass) const;
  void fill_panel() const;
  const std::vector<float>& panel() const {
    std::call_once(panel_made_, [this] { fill_panel(); });
    return panel_;
  }

  PointsView points_;
  std::int64_t size_, dimension_, groups_;
  Frame frame_;
  std::vector<float> half_norm_;  ///< |x - c|^2 / 2 in units^2
  mutable std::once_flag panel_made_;
  mutable std::vector<float> panel_;  ///< [group][coordinate][row in group]: (x - c) in units; empty if too large
};

/// Rows with the `count` smallest scores, and every row with a score <= threshold, ascending.
std::vector<ScoredRow> smallest(const Pass& pass, std::size_t count, float threshold);

}  // namespace hullscope::hull::detail
