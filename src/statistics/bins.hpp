// Accuracy against distance, in bins made two ways.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace hullscope::statistics {

struct Bin {
  double centre = 0;         ///< paper_bins: the percentile it stands for; quantile_bins: its median
  double mean_distance = 0;  ///< of its points; NaN if it has none
  double accuracy = 0;       ///< share of right answers; NaN if it has no point
  std::int64_t count = 0;
};

/// The paper's bins, those of seaborn's regplot(x_bins=bins): centres at `bins` percentiles inside linspace(0, 100,
/// bins + 2), each point to the nearest centre (ties to the smaller). With ten bins the two at the ends hold about
/// 13.6 % each. Distances finite, n = distance.size() = correct.size(). Nearest first.
std::vector<Bin> paper_bins(std::span<const double> distance, std::span<const std::uint8_t> correct, int bins);

/// Exact quantile bins: points sorted by distance (ties stay in their order), bin k the places [k n / bins, (k+1) n /
/// bins), rounded down. With ten bins: deciles.
std::vector<Bin> quantile_bins(std::span<const double> distance, std::span<const std::uint8_t> correct, int bins);

}  // namespace hullscope::statistics
