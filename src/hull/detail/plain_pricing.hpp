// Pricing as it is defined: every row, in double, one after another. The oracle of the other implementations.
#pragma once
#include <hullscope/hull/detail/prepared_points.hpp>
#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {

class PlainPricing final : public Pricing {
 public:
  /// The points must outlive it.
  explicit PlainPricing(const PreparedPoints& points) : points_(points) {}
  std::int64_t size() const override { return points_.size(); }
  std::int64_t dimension() const override { return points_.dimension(); }
  double scale() const override { return points_.scale(); }
  double unit() const override { return points_.unit(); }
  double radius() const override { return points_.radius() * points_.unit(); }
  const std::vector<double>& centre() const override { return points_.centre(); }
  void rows(std::span<const std::int64_t> rows, double* out) const override;
  std::vector<std::vector<std::int64_t>> nearest(std::span<const Ask> asks, Mask mask) const override;
  std::vector<Priced> price(std::span<const Ask> asks, Mask mask) const override;

 private:
  const PreparedPoints& points_;
};

}  // namespace hullscope::hull::detail
