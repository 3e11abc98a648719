// Pricing over a block of the rows of a point set, as the ranks of a group need it (row_group.hpp).
#pragma once
#include <hullscope/hull/detail/plain_pricing.hpp>
#include <hullscope/hull/detail/point_numbers.hpp>

namespace hullscope::hull::detail {

/// Rows are numbered from 0 within the block; centre, scale, unit and radius are the whole set's.
class BlockPricing final : public Pricing {
 public:
  /// The points must outlive it.
  BlockPricing(const PointsView& points, PointNumbers numbers) : points_(points), numbers_(std::move(numbers)) {}
  std::int64_t size() const override { return hullscope::rows(points_); }
  std::int64_t dimension() const override { return cols(points_); }
  double scale() const override { return numbers_.scale; }
  double unit() const override { return numbers_.unit; }
  double radius() const override { return numbers_.radius; }
  const std::vector<double>& centre() const override { return numbers_.centre; }
  void rows(std::span<const std::int64_t> rows, double* out) const override;
  std::vector<std::vector<std::int64_t>> nearest(std::span<const Ask> asks, Mask mask) const override;
  std::vector<Priced> price(std::span<const Ask> asks, Mask mask) const override;
  /// nearest() with the values that order the rows: squared distances in units^2.
  std::vector<std::vector<PricedRow>> near(std::span<const Ask> asks, Mask mask) const;

 private:
  PointsView points_;
  PointNumbers numbers_;
};

}  // namespace hullscope::hull::detail
