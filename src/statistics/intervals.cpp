#include <hullscope/statistics/intervals.hpp>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include <hullscope/base/random.hpp>

namespace hullscope::statistics {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean(std::span<const double> values) {
  if (values.empty()) return kNaN;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return kNaN;
  const double centre = mean(values);
  double sum = 0;
  for (const double v : values) sum += (v - centre) * (v - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double quantile(std::span<const double> sorted, double q) {
  if (sorted.empty()) return kNaN;
  const double place = q * static_cast<double>(sorted.size() - 1), whole = std::floor(place), part = place - whole;
  const double a = sorted[static_cast<std::size_t>(whole)];
  const double b = sorted[std::min(static_cast<std::size_t>(whole) + 1, sorted.size() - 1)];
  if (a == b) return a;                                               // also where both are infinite
  return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);  // numpy's two branches, to the bit
}

Interval student_t_interval(std::span<const double> values, double level) {
  const double n = static_cast<double>(values.size()), centre = mean(values), s = standard_deviation(values);
  if (!std::isfinite(s)) return {kNaN, kNaN};
  const boost::math::students_t t(n - 1);
  const double half = boost::math::quantile(t, (1 + level) / 2) * s / std::sqrt(n);
  return {centre - half, centre + half};
}

Interval bootstrap_interval(std::span<const double> values, std::int64_t resamples, std::uint64_t key, double level) {
  if (values.size() < 2 || resamples < 1 || !std::isfinite(mean(values))) return {kNaN, kNaN};
  std::vector<double> means(static_cast<std::size_t>(resamples));
  for (std::size_t b = 0; b < means.size(); ++b) {
    RandomStream random(key, b);
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[random.below(values.size())];
    means[b] = sum / static_cast<double>(values.size());
  }
  std::sort(means.begin(), means.end());
  return {quantile(means, (1 - level) / 2), quantile(means, (1 + level) / 2)};
}

}  // namespace hullscope::statistics
