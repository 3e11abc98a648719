#include <hullscope/statistics/pooled_logit.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>

#include <hullscope/statistics/intervals.hpp>
#include <hullscope/statistics/logistic.hpp>

namespace hullscope::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// All points of the fit.
struct Pool {
  std::vector<double> distance, inside;  // distance: standardised within its trial
  std::vector<std::uint8_t> correct;
  std::vector<std::int64_t> id;
  std::vector<int> trial;  // 0, 1, ... of the trials in the fit
  int trials = 0;
};

bool one_value(const auto& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
}

void add(const PooledTrial& trial, Pool& pool) {
  Pool own;
  for (std::size_t i = 0; i < trial.distance.size(); ++i) {
    if (!std::isfinite(trial.distance[i]) || std::isnan(trial.in_hull[i])) continue;
    own.distance.push_back(trial.distance[i]);
    own.inside.push_back(trial.in_hull[i] != 0);
    own.correct.push_back(trial.correct[i] != 0);
    own.id.push_back(trial.id[i]);
  }
  const double centre = mean(own.distance), spread = standard_deviation(own.distance);
  if (one_value(own.correct) || !(spread > 0)) return;  // its intercept, or its unit, has no estimate
  for (double& d : own.distance) d = (d - centre) / spread;
  pool.trial.insert(pool.trial.end(), own.distance.size(), pool.trials++);
  pool.distance.insert(pool.distance.end(), own.distance.begin(), own.distance.end());
  pool.inside.insert(pool.inside.end(), own.inside.begin(), own.inside.end());
  pool.correct.insert(pool.correct.end(), own.correct.begin(), own.correct.end());
  pool.id.insert(pool.id.end(), own.id.begin(), own.id.end());
}

/// Columns: an indicator for each trial, then the terms.
Matrix<double> design_of(const Pool& pool) {
  Matrix<double> design =
      Matrix<double>::Zero(static_cast<Eigen::Index>(pool.trial.size()), pool.trials + kPooledTerms);
  for (Eigen::Index i = 0; i < design.rows(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    design(i, pool.trial[at]) = 1;
    design(i, pool.trials + kPooledDistance) = pool.distance[at];
    design(i, pool.trials + kPooledInHull) = pool.inside[at];
    design(i, pool.trials + kPooledInteraction) = pool.distance[at] * pool.inside[at];
  }
  return design;
}

/// H^-1 (sum over clusters s s^T) H^-1, s the summed scores of a cluster, with statsmodels' small-sample factor.
Matrix<double> clustered(const Matrix<double>& design, const Pool& pool, const LogisticFit& fit,
                         std::size_t& clusters) {
  const Eigen::Index k = design.cols();
  std::map<std::int64_t, Eigen::Index> place;
  for (const std::int64_t id : pool.id) place.try_emplace(id, static_cast<Eigen::Index>(place.size()));
  Matrix<double> sums = Matrix<double>::Zero(static_cast<Eigen::Index>(place.size()), k);
  const Vector<double> score = design * fit.coefficient;
  for (Eigen::Index i = 0; i < design.rows(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double residual = (pool.correct[at] ? 1.0 : 0.0) - 1 / (1 + std::exp(-score[i]));
    sums.row(place.at(pool.id[at])) += residual * design.row(i);
  }
  clusters = place.size();
  const double g = static_cast<double>(clusters), n = static_cast<double>(design.rows());
  const double factor = g / (g - 1) * (n - 1) / (n - static_cast<double>(k));
  return factor * fit.covariance * (sums.transpose() * sums) * fit.covariance;
}

}  // namespace

PooledLogit fit_pooled_logit(std::span<const PooledTrial> trials) {
  Pool pool;
  for (const PooledTrial& trial : trials) add(trial, pool);
  PooledLogit logit;
  logit.term.fill({kNaN, kNaN, kNaN, kNaN});
  logit.trials = pool.trials;
  logit.points = static_cast<std::int64_t>(pool.distance.size());
  if (pool.trials == 0)
    logit.status = LogitStatus::kOneOutcome;
  else if (one_value(pool.inside))
    logit.status = LogitStatus::kConstantInHull;
  if (logit.status != LogitStatus::kOk) return logit;
  const Matrix<double> design = design_of(pool);
  const LogisticFit fit = fit_logistic(design, pool.correct);
  if (!fit.converged) {
    logit.status = LogitStatus::kNotConverged;
    return logit;
  }
  std::size_t clusters = 0;
  const Matrix<double> covariance = clustered(design, pool, fit, clusters);
  logit.clusters = static_cast<std::int64_t>(clusters);
  for (int k = 0; k < kPooledTerms; ++k) {
    const Eigen::Index at = pool.trials + k;
    const double value = fit.coefficient[at], error = std::sqrt(covariance(at, at)), z = value / error;
    logit.term[static_cast<std::size_t>(k)] = {value, error, z, std::erfc(std::fabs(z) / std::numbers::sqrt2)};
  }
  return logit;
}

}  // namespace hullscope::statistics
