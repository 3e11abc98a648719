#include <hullscope/statistics/dimension.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace hullscope::statistics {

// Number of grid points before those that pass for good.
static std::size_t first_passing(std::span<const double> relative_accuracy, double threshold) {
  std::size_t k = relative_accuracy.size();
  while (k > 0 && relative_accuracy[k - 1] >= threshold) --k;
  return k;
}

static bool any_nan(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

std::int64_t intrinsic_dimension(std::span<const std::int64_t> dimensions, std::span<const double> relative_accuracy,
                                 double threshold) {
  const std::size_t k = first_passing(relative_accuracy, threshold);
  return k == dimensions.size() || any_nan(relative_accuracy) ? -1 : dimensions[k];
}

double interpolated_log2_dimension(std::span<const std::int64_t> dimensions, std::span<const double> relative_accuracy,
                                   double threshold) {
  if (dimensions.empty() || any_nan(relative_accuracy)) return std::numeric_limits<double>::quiet_NaN();
  const auto log2_of = [&](std::size_t i) { return std::log2(static_cast<double>(dimensions[i])); };
  const std::size_t k = first_passing(relative_accuracy, threshold);
  if (k == 0) return log2_of(0);
  if (k == dimensions.size()) return log2_of(k - 1);
  const double below = relative_accuracy[k - 1], above = relative_accuracy[k];
  return log2_of(k - 1) + (threshold - below) / (above - below) * (log2_of(k) - log2_of(k - 1));
}

}  // namespace hullscope::statistics
