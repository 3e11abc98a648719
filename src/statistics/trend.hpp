// A trend over ordered groups, and the difference of two.
#pragma once
#include <span>
#include <vector>

#include <hullscope/statistics/intervals.hpp>

namespace hullscope::statistics {

struct Contrast {
  double value;       ///< mean(a) - mean(b)
  Interval interval;  ///< 95 %, Welch's t
  double degrees;     ///< Welch and Satterthwaite's
};

/// Two groups of independent trials. NaN interval where a group has fewer than two; where neither varies, the interval
/// is the value and the degrees are those of the smaller group.
Contrast welch(std::span<const double> a, std::span<const double> b, double level = 0.95);

struct Trend {
  double statistic;  ///< J: pairs of groups (i < j) and values with x_i < x_j, ties half
  double z, p;       ///< normal approximation with ties (Hollander & Wolfe 1999, eq. 6.19), two-sided
};

/// Jonckheere and Terpstra's test of a trend over groups in their order. NaN if fewer than two groups hold values or
/// all values are equal.
Trend jonckheere_terpstra(const std::vector<std::vector<double>>& groups);

}  // namespace hullscope::statistics
