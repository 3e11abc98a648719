#include <hullscope/statistics/histogram.hpp>

#include <algorithm>

namespace hullscope::statistics {

Histogram histogram(std::span<const double> distance, std::span<const std::uint8_t> correct, int intervals) {
  const auto count = static_cast<std::size_t>(intervals);
  double lower = 0, upper = 1;
  if (!distance.empty()) {
    const auto [smallest, largest] = std::minmax_element(distance.begin(), distance.end());
    lower = *smallest, upper = *largest;
    if (lower == upper) lower -= 0.5, upper += 0.5;
    if (lower == upper) lower = 0, upper *= 2;  // a value so large that a half is lost in it
  }
  Histogram result;
  const double step = (upper - lower) / static_cast<double>(intervals);
  for (std::size_t k = 0; k <= count; ++k) result.edges.push_back(static_cast<double>(k) * step + lower);
  result.edges.back() = upper;
  for (auto& counts : result.counts) counts.assign(count, 0);
  for (std::size_t i = 0; i < distance.size(); ++i) {
    const auto above = std::upper_bound(result.edges.begin(), result.edges.end(), distance[i]) - result.edges.begin();
    const auto interval = std::clamp<std::ptrdiff_t>(above - 1, 0, static_cast<std::ptrdiff_t>(count) - 1);
    ++result.counts[correct[i] ? 1 : 0][static_cast<std::size_t>(interval)];
  }
  return result;
}

}  // namespace hullscope::statistics
