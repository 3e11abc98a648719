// Pricing over points in this process's memory, below one pass over them.
//
// A row whose bound (point_index.hpp) exceeds the limit, which is the cut or the value of the last row wanted, is not
// in the answer; every other row is evaluated as pricing.hpp defines it.
//
// In few dimensions the boxes come first, min over a group >= <m, b> - <h, |b|> - e: one product with 2d numbers a
// group, and few groups are opened. Above, rows come by falling |x - c|, so that the limit falls soon and a direction
// is left where no longer row follows; a group of rows with a batch of directions is one product, then the rows that it
// leaves. Where a query asks for the rows of some cells only, the groups of others are passed over. (Measured at d =
// 128 and 784: a shorter prefix first, and the other coordinates row by row, costs more, for rows come from memory.)
#pragma once
#include <vector>

#include <hullscope/hull/detail/frame.hpp>
#include <hullscope/hull/detail/point_index.hpp>
#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {

class LocalPricing final : public Pricing {
 public:
  /// points and frame must outlive it; they may be a block of a larger set (point_index.hpp), the frame then that of
  /// the whole set with this block's norms. Memory: as PointIndex, in `arrays`. Thread-safe.
  LocalPricing(const PointsView& points, const Frame& frame, bool projection = false,
               std::unique_ptr<Arrays> arrays = std::make_unique<OwnArrays>())
      : LocalPricing(points, frame, PointIndex::axes(points, frame, projection), std::move(arrays)) {}
  LocalPricing(const PointsView& points, const Frame& frame, PointIndex::Axes axes,
               std::unique_ptr<Arrays> arrays = std::make_unique<OwnArrays>());

  std::int64_t size() const override { return hullscope::rows(points_); }
  std::int64_t dimension() const override { return cols(points_); }
  double scale() const override { return frame_.scale; }
  double unit() const override { return frame_.unit; }
  double radius() const override { return frame_.radius * frame_.unit; }
  const std::vector<double>& centre() const override { return frame_.centre; }
  void rows(std::span<const std::int64_t> rows, double* out) const override;
  CellSet neighbourhood(const double* y) const override;
  std::vector<std::vector<std::int64_t>> nearest(std::span<const Ask> asks, Mask mask) const override;
  std::vector<Priced> price(std::span<const Ask> asks, Mask mask) const override;
  /// nearest() with the values that order the rows.
  std::vector<std::vector<PricedRow>> near(std::span<const Ask> asks, Mask mask) const;

 private:
  using Part = PointIndex::Part;
  struct Search;
  struct Opened;
  std::vector<Search> searches(std::span<const Ask> asks) const;
  void consider(const Part& part, Search& search, std::int64_t place) const;
  bool ruled_out_in_single(Search& search, std::int64_t row) const;
  void price_boxes(const Part& part, std::span<Search> searches) const;
  void price_opened(const Part& part, Search& search, std::vector<Opened>& opened) const;
  void price_panels(const Part& part, std::span<Search> searches) const;
  void price_digits(const Part& part, std::span<Search> searches) const;
  void consider_waiting(const Part& part, Search& search) const;

  PointsView points_;
  const Frame& frame_;
  PointIndex index_;
  bool wide_;  ///< rows are tried in float32 before float64
  std::vector<double> origin_;
  double centre_length_;  ///< |c| in the data's units, rounded up
};

}  // namespace hullscope::hull::detail
