// Pricing over points in this process's memory, below one pass over them.
//
// Let c be the centre, Q orthonormal rows by falling variance, a = Q (x - c) and b = Q u in float32. Then
//
//   <x - c, u>  >=  <a, b>  -  |x_t| |u_t|  -  e_x,
//
// where x_t and u_t are what the k = min(d, kWidth) rotated coordinates leave of x - c and u (Cauchy and Schwarz), and
// e_x = 2^-22 (k + 12) |x - c| pays for all roundings. A row whose bound exceeds the limit (the cut, or the value of
// the last row wanted) is not in the answer; every other row is evaluated as pricing.hpp defines it.
//
// d <= kBoxDimensions: rows in the order of a k-d tree, 64 a group, each group in a box (centre m, half width h):
//   min over the group >= <m, b> - <h, |b|> - e. One product with 2d numbers a group; few groups are opened.
// above: rows by falling |x - c|, so that the limit falls soon and a direction is left where no longer row follows; a
//   group of rows with a batch of directions as one product, then the rows that it leaves. (Measured at d = 128 and
//   784: a shorter prefix first, and the other coordinates row by row, costs more, for rows come from memory.)
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include <hullscope/hull/detail/frame.hpp>
#include <hullscope/hull/detail/panel.hpp>
#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {

class LocalPricing final : public Pricing {
 public:
  static constexpr std::int64_t kBoxDimensions = 12;
  static constexpr std::int64_t kWidth = 256;  ///< rotated coordinates kept of a row

  /// points and frame must outlive it. Memory: about 2 N min(d, kWidth) floats. Thread-safe.
  LocalPricing(const PointsView& points, const Frame& frame);
  ~LocalPricing() override;

  std::int64_t size() const override { return hullscope::rows(points_); }
  std::int64_t dimension() const override { return cols(points_); }
  double scale() const override { return frame_.scale; }
  double unit() const override { return frame_.unit; }
  double radius() const override { return frame_.radius * frame_.unit; }
  const std::vector<double>& centre() const override { return frame_.centre; }
  void rows(std::span<const std::int64_t> rows, double* out) const override;
  std::vector<std::vector<std::int64_t>> nearest(std::span<const Ask> asks, Mask mask) const override;
  std::vector<Priced> price(std::span<const Ask> asks, Mask mask) const override;

 private:
  struct Index;
  struct Search;
  struct Near;
  void rotate();
  std::shared_ptr<const Index> index(Mask mask) const;
  std::shared_ptr<const Index> make_index(std::vector<std::int64_t> rows) const;
  void order_by_boxes(Index& index) const;
  void order_by_norm(Index& index) const;
  const float* rotated(std::int64_t row) const { return rotated_.data() + row * width_; }
  bool boxes() const { return dimension() <= kBoxDimensions; }

  std::vector<Search> searches(std::span<const Ask> asks) const;
  void consider(Search& search, std::int64_t row) const;
  bool ruled_out_in_single(Search& search, std::int64_t row) const;
  void price_boxes(const Index& index, std::span<Search> searches) const;
  void price_panels(const Index& index, std::span<Search> searches) const;
  std::vector<Near> near_points(std::span<const Ask> asks) const;
  void consider_near(Near& near, std::int64_t row) const;
  void nearest_boxes(const Index& index, Near& near) const;
  void nearest_prefixes(const Index& index, std::span<Near> near) const;

  PointsView points_;
  const Frame& frame_;
  std::int64_t width_, near_width_;
  Matrix<double> basis_;        // width x d
  std::vector<float> rotated_;  // N x width
  std::vector<float> tail_;     // |x_t|, rounded up
  bool wide_;                   // rows are tried in float32 before float64
  std::vector<double> origin_;
  double centre_length_;  // |c| in the data's units, rounded up
  std::shared_ptr<const Index> all_;
  mutable std::mutex masked_lock_;
  mutable std::vector<std::pair<std::vector<std::uint8_t>, std::shared_ptr<const Index>>> masked_;
};

}  // namespace hullscope::hull::detail
