#include <hullscope/statistics/trend.hpp>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numbers>

namespace hullscope::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Sums over the sizes of ties or groups that the variance of J needs.
struct Sizes {
  double squares = 0, pairs = 0, triples = 0;
  void add(double n) {
    squares += n * (n - 1) * (2 * n + 5);
    pairs += n * (n - 1);
    triples += n * (n - 1) * (n - 2);
  }
};

}  // namespace

Contrast welch(std::span<const double> a, std::span<const double> b, double level) {
  Contrast result{mean(a) - mean(b), {kNaN, kNaN}, kNaN};
  if (a.size() < 2 || b.size() < 2 || !std::isfinite(result.value)) return result;
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  const double va = std::pow(standard_deviation(a), 2) / n, vb = std::pow(standard_deviation(b), 2) / m;
  if (va + vb == 0) {
    result.interval = {result.value, result.value};
    result.degrees = std::min(n, m) - 1;
    return result;
  }
  result.degrees = (va + vb) * (va + vb) / (va * va / (n - 1) + vb * vb / (m - 1));
  const boost::math::students_t t(result.degrees);
  const double half = boost::math::quantile(t, (1 + level) / 2) * std::sqrt(va + vb);
  result.interval = {result.value - half, result.value + half};
  return result;
}

Trend jonckheere_terpstra(const std::vector<std::vector<double>>& groups) {
  double j = 0, n = 0, squares = 0;
  Sizes of_groups, of_ties;
  std::vector<double> all;
  std::size_t filled = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t later = g + 1; later < groups.size(); ++later)
      for (const double x : groups[g])
        for (const double y : groups[later]) j += x < y ? 1 : x == y ? 0.5 : 0;
    const double size = static_cast<double>(groups[g].size());
    of_groups.add(size), squares += size * size, n += size;
    filled += !groups[g].empty();
    all.insert(all.end(), groups[g].begin(), groups[g].end());
  }
  std::sort(all.begin(), all.end());
  for (std::size_t first = 0, last = 0; first < all.size(); first = last) {
    while (last < all.size() && all[last] == all[first]) ++last;
    of_ties.add(static_cast<double>(last - first));
  }
  double variance = (n * (n - 1) * (2 * n + 5) - of_groups.squares - of_ties.squares) / 72;
  if (n > 2) variance += of_groups.triples * of_ties.triples / (36 * n * (n - 1) * (n - 2));
  if (n > 1) variance += of_groups.pairs * of_ties.pairs / (8 * n * (n - 1));
  if (filled < 2 || !(variance > 0)) return {filled < 2 ? kNaN : j, kNaN, kNaN};
  const double z = (j - (n * n - squares) / 4) / std::sqrt(variance);
  return {j, z, std::erfc(std::fabs(z) / std::numbers::sqrt2)};
}

}  // namespace hullscope::statistics
