#include <hullscope/statistics/crossed_bootstrap.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <hullscope/base/random.hpp>

namespace hullscope::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kTrials = 0x7472'6961'6c73;  // "trials": sets their streams apart from the points'

std::vector<std::int32_t> weights(std::int64_t n, std::uint64_t key, std::int64_t b) {
  std::vector<std::int32_t> count(static_cast<std::size_t>(n), 0);
  RandomStream random(key, static_cast<std::uint64_t>(b));
  for (std::int64_t i = 0; i < n; ++i) ++count[random.below(static_cast<std::uint64_t>(n))];
  return count;
}

}  // namespace

std::vector<std::int32_t> point_weights(std::int64_t n, std::uint64_t key, std::int64_t b) {
  return weights(n, key, b);
}

std::vector<std::int32_t> trial_weights(std::int64_t n, std::uint64_t key, std::int64_t b) {
  return weights(n, key ^ kTrials, b);
}

std::vector<double> join_trials(const std::vector<std::vector<double>>& draws, std::uint64_t key) {
  const auto trials = static_cast<std::int64_t>(draws.size());
  std::vector<double> joined(draws.empty() ? 0 : draws[0].size(), kNaN);
  for (std::size_t b = 0; b < joined.size(); ++b) {
    const auto weight = trial_weights(trials, key, static_cast<std::int64_t>(b));
    double sum = 0;
    std::int64_t count = 0;
    for (std::size_t t = 0; t < draws.size(); ++t)
      if (weight[t] > 0 && !std::isnan(draws[t][b])) sum += weight[t] * draws[t][b], count += weight[t];
    if (count > 0) joined[b] = sum / static_cast<double>(count);
  }
  return joined;
}

Interval percentile_interval(std::span<const double> draws, double level) {
  std::vector<double> known;
  for (const double v : draws)
    if (std::isfinite(v)) known.push_back(v);
  if (known.empty() || known.size() * 20 < draws.size() * 19) return {kNaN, kNaN};
  std::sort(known.begin(), known.end());
  return {quantile(known, (1 - level) / 2), quantile(known, (1 + level) / 2)};
}

}  // namespace hullscope::statistics
