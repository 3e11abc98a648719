// The logit over all trials at once: each trial has an intercept of its own (a fixed effect), the other terms are
// shared. The trials' test points are the same, so the covariance is clustered by sample (Liang & Zeger 1986).
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <hullscope/statistics/logit.hpp>

namespace hullscope::statistics {

/// Test points of one trial.
struct PooledTrial {
  std::vector<double> distance, in_hull;  ///< in_hull: 1, 0, NaN = undecided
  std::vector<std::uint8_t> correct;
  std::vector<std::int64_t> id;  ///< of the sample: points with one id are a cluster
};

enum PooledTerm { kPooledDistance, kPooledInHull, kPooledInteraction, kPooledTerms };

struct PooledLogit {
  LogitStatus status = LogitStatus::kOk;  ///< kOk, kOneOutcome (no trial has both), kConstantInHull or kNotConverged
  std::array<Coefficient, kPooledTerms> term;  ///< NaN where there is no fit; standard errors clustered by sample
  int trials = 0;                              ///< in the fit; those with one outcome alone are not
  std::int64_t points = 0, clusters = 0;
};

/// correct ~ trial + distance + in_hull + distance:in_hull, distance centred and divided by its standard deviation
/// within each trial (its unit differs from trial to trial). Points without a finite distance or a verdict are left
/// out. Covariance: the sandwich of cluster sums, times G/(G-1) (N-1)/(N-K), as statsmodels has it. No likelihood-ratio
/// test: the likelihood takes the points of a cluster for independent. Never throws on data.
PooledLogit fit_pooled_logit(std::span<const PooledTrial> trials);

}  // namespace hullscope::statistics
