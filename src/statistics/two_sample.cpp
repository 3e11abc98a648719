#include <hullscope/statistics/two_sample.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

namespace hullscope::statistics {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double kolmogorov_survival(double x) {
  if (!(x > 0)) return 1;
  if (x < 1) {  // the theta-transformed series: fast for small x, where the other one alternates slowly
    const double c = std::numbers::pi * std::numbers::pi / (8 * x * x);
    double sum = 0;
    for (int k = 1; k < 40; k += 2) sum += std::exp(-c * k * k);
    return 1 - std::sqrt(2 * std::numbers::pi) / x * sum;
  }
  double sum = 0;
  for (int k = 1; k < 20; ++k) sum += (k % 2 ? 2 : -2) * std::exp(-2.0 * k * k * x * x);
  return sum;
}

KolmogorovSmirnov kolmogorov_smirnov(std::span<const double> first, std::span<const double> second) {
  if (first.empty() || second.empty()) return {kNaN, kNaN};
  std::vector<double> a(first.begin(), first.end()), b(second.begin(), second.end());
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  double largest = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double value = std::min(a[i], b[j]);  // both functions step over all values equal to it
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    largest = std::max(largest, std::fabs(static_cast<double>(i) / n - static_cast<double>(j) / m));
  }
  return {largest, kolmogorov_survival(std::sqrt(n * m / (n + m)) * largest)};
}

double auroc(std::span<const double> score, std::span<const std::uint8_t> positive) {
  const std::size_t n = score.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] < score[b]; });
  double rank_sum = 0, positives = 0;
  for (std::size_t first = 0, last = 0; first < n; first = last) {
    double tied_positives = 0;
    for (last = first; last < n && score[order[last]] == score[order[first]]; ++last)
      tied_positives += positive[order[last]] ? 1 : 0;
    rank_sum += tied_positives * (static_cast<double>(first + last + 1) / 2);  // ranks first + 1 ... last, their mean
    positives += tied_positives;
  }
  const double negatives = static_cast<double>(n) - positives;
  if (positives == 0 || negatives == 0) return kNaN;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

}  // namespace hullscope::statistics
