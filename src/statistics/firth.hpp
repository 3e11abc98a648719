// Firth's logistic regression: maximum likelihood penalised by Jeffreys' prior. Its estimate is finite also where right
// and wrong answers are separated, and less biased where few are wrong.
// Source: Firth, "Bias reduction of maximum likelihood estimates", Biometrika 80 (1993); Heinze & Schemper, "A solution
// to the problem of separation in logistic regression", Statistics in Medicine 21 (2002).
#pragma once
#include <cstdint>
#include <span>

#include <hullscope/statistics/logistic.hpp>
#include <hullscope/statistics/logit.hpp>

namespace hullscope::statistics {

/// The maximum of log-likelihood + log det(X^T W X) / 2. design: n x k, of full rank, columns of similar size; outcome:
/// n values 0 or 1. covariance: inverse of X^T W X there; log_likelihood: the penalised one. Not converged where the
/// design is not of full rank.
LogisticFit fit_firth(const Matrix<double>& design, std::span<const std::uint8_t> outcome);

/// The standardised model of logit.hpp by Firth's method: correct ~ distance + in_hull + distance:in_hull, distance
/// centred and divided by its standard deviation. Coefficients with Wald tests. `status` is kOk, kConstantInHull,
/// kOneOutcome, kCollinear or kNotConverged: separation does not hinder it. Never throws on data.
struct FirthLogit {
  LogitStatus status;
  std::array<Coefficient, kTerms> coefficient;  ///< NaN where there is no fit
  double log_likelihood;
};
FirthLogit fit_firth_logit(std::span<const double> distance, std::span<const double> in_hull,
                           std::span<const std::uint8_t> correct);

}  // namespace hullscope::statistics
