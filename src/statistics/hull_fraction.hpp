// What the verdicts of a hull file come to.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace hullscope::statistics {

struct HullFraction {
  double inside;      ///< share inside, exact
  double within_eps;  ///< share inside or with a proved upper bound of the distance <= eps * scale
  std::int64_t undecided;
};

/// Over the decided queries (NaN if there is none). verdict: 0 undecided, 1 inside, 2 outside; distance_upper in the
/// data's unit; scale: mean distance of the points to their mean.
HullFraction hull_fraction(std::span<const std::uint8_t> verdict, std::span<const double> distance_upper, double eps,
                           double scale);

/// In-hull as a regressor: 1 inside, 0 outside, NaN undecided.
std::vector<double> in_hull(std::span<const std::uint8_t> verdict);

}  // namespace hullscope::statistics
