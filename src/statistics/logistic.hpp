// Logistic regression by maximum likelihood, for designs whose estimate exists.
#pragma once
#include <cstdint>
#include <span>

#include <hullscope/base/matrix.hpp>

namespace hullscope::statistics {

struct LogisticFit {
  Vector<double> coefficient;
  Matrix<double> covariance;  ///< inverse of the information X^T W X
  double log_likelihood = 0;
  int iterations = 0;
  bool converged = false;
};

/// P(outcome) = 1 / (1 + exp(-X b)), by Newton's method with halved steps (equal to iteratively reweighted least
/// squares). design: n x k with columns of similar size (standardise first), of full rank; outcome: n values 0 or 1.
/// Not converged where the estimate does not exist (separation): decide that before, see logit.hpp.
/// ridge: half of it times the squares of all coefficients but the first (the intercept's) is taken from the
/// log-likelihood; the maximum then exists for any data with both outcomes. log_likelihood is the penalised one.
LogisticFit fit_logistic(const Matrix<double>& design, std::span<const std::uint8_t> outcome, double ridge = 0);

}  // namespace hullscope::statistics
