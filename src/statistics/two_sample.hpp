// How far apart the distances of right and wrong answers are.
#pragma once
#include <cstdint>
#include <span>

namespace hullscope::statistics {

struct KolmogorovSmirnov {
  double statistic;  ///< largest difference of the two empirical distribution functions
  double p;          ///< asymptotic: Q(sqrt(n m / (n + m)) D), Kolmogorov's limit law
};

/// Two-sample, two-sided. Infinite values may stand in the samples. NaN if either sample is empty.
KolmogorovSmirnov kolmogorov_smirnov(std::span<const double> a, std::span<const double> b);

/// Q(x) = 2 sum_{k>=1} (-1)^(k-1) exp(-2 k^2 x^2), the survival function of Kolmogorov's distribution.
double kolmogorov_survival(double x);

/// Area under the ROC of `score` for the positive class: P(score of a positive > that of a negative) + half of
/// P(equal), by mid-ranks (Mann-Whitney). Here wrong answers are the positive ones. NaN if a class is empty.
double auroc(std::span<const double> score, std::span<const std::uint8_t> positive);

}  // namespace hullscope::statistics
