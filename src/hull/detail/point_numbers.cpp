#include <algorithm>
#include <cmath>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/point_numbers.hpp>
#include <string>

namespace hullscope::hull::detail {
namespace {

/// |x - from|, through the largest difference, so that squares of 1e200 do not overflow.
template <class Scalar>
double distance(const Scalar* x, const std::vector<double>& from) {
  double largest = 0, sum = 0;
  for (std::size_t k = 0; k < from.size(); ++k)
    largest = std::max(largest, std::abs(static_cast<double>(x[k]) - from[k]));
  if (largest == 0) return 0.0;
  const double shrink = std::ldexp(1.0, -std::clamp(std::ilogb(largest), -1000, 1000));
  for (std::size_t k = 0; k < from.size(); ++k) {
    const double v = (static_cast<double>(x[k]) - from[k]) * shrink;
    sum += v * v;
  }
  return std::sqrt(sum) / shrink;
}

template <class Scalar>
void require_finite(const MatrixView<Scalar>& x, std::int64_t first) {
  for (std::int64_t i = 0; i < x.rows(); ++i)
    for (std::int64_t k = 0; k < x.cols(); ++k)
      if (!std::isfinite(x(i, k)))
        throw DataError("the points", "row " + std::to_string(first + i) + ", coordinate " + std::to_string(k),
                        "found " + std::to_string(x(i, k)) + ", expected finite numbers; remove or mask that row.");
}

template <class Scalar>
PointNumbers numbers_of(const MatrixView<Scalar>& x, const RowChain& chain) {
  require_finite(x, chain.first());
  const std::int64_t n = x.rows(), d = x.cols();
  const double total = static_cast<double>(chain.total(n));
  PointNumbers numbers;
  numbers.centre.assign(static_cast<std::size_t>(d), 0);
  chain.in_turn(numbers.centre, [&] {
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t k = 0; k < d; ++k)
        numbers.centre[static_cast<std::size_t>(k)] += static_cast<double>(x(i, k)) / total;
  });
  const std::vector<double> origin(numbers.centre.size(), 0);
  std::vector<double> norm(static_cast<std::size_t>(n));
  double raw = 0, radius = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const Scalar* row = x.data() + i * d;
    norm[static_cast<std::size_t>(i)] = distance(row, numbers.centre);
    radius = std::max(radius, norm[static_cast<std::size_t>(i)]);
    raw = std::max(raw, distance(row, origin));
  }
  chain.in_turn({&numbers.scale, 1}, [&] {
    for (const double length : norm) numbers.scale += length / total;
  });
  raw = chain.largest(raw);
  numbers.radius = chain.largest(radius) * (1 + 1e-12);
  const double size = numbers.scale > 0 ? numbers.scale : raw;  // all points equal: their own size
  numbers.unit = size > 0 ? std::ldexp(1.0, std::clamp(std::ilogb(size) + 1, -1000, 1000)) : 1;
  return numbers;
}

}  // namespace

PointNumbers point_numbers(const PointsView& points, const RowChain& chain) {
  return std::visit([&](const auto& x) { return numbers_of(x, chain); }, points);
}

}  // namespace hullscope::hull::detail
