// The paper's model of a right answer: correct ~ distance + in_hull + distance:in_hull.
//
// The paper fits it to raw distances, so that the coefficient of in_hull is the effect at distance 0, outside the data;
// the standardised fit, with distance centred and divided by its standard deviation (n - 1), is the same model in other
// coordinates: likelihood and interaction test are equal, the main effects are those at the mean distance.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace hullscope::statistics {

enum class LogitStatus {
  kOk,
  kSeparation,       ///< a combination of the terms tells all right answers from all wrong ones: no finite estimate
  kQuasiSeparation,  ///< ... all but ties, or one of the two hull groups alone: some coefficients have no finite
                     ///< estimate
  kConstantInHull,   ///< all points inside, or none: in_hull is not testable; the fit is that of correct ~ distance
  kOneOutcome,       ///< all answers right, or all wrong
  kCollinear,        ///< a group's distances are all equal: the terms are linearly dependent
  kNotConverged
};

/// As results.h5 holds it: "ok", "separation", "quasi-separation", "constant in_hull", "one outcome", "collinear",
/// "not converged".
std::string_view status_name(LogitStatus status);

enum Term { kIntercept, kDistance, kInHull, kInteraction, kTerms };

struct Coefficient {
  double value, standard_error, z, p;  ///< Wald test against 0, two-sided normal
};

/// Likelihood-ratio test of a nested model against the full one, 2 degrees of freedom.
struct LikelihoodRatio {
  double statistic, p;
};

enum Restriction { kNoInHullTerms, kNoDistanceTerms, kRestrictions };

/// What does not exist under the status is NaN.
struct Logit {
  LogitStatus status;
  std::array<Coefficient, kTerms> raw, standardised;
  double log_likelihood;
  std::array<LikelihoodRatio, kRestrictions> tests;
  std::int64_t used;  ///< points in the fit
};

/// distance, in_hull (1, 0, NaN = undecided) and correct of n points. Undecided points and points without a finite
/// distance are left out. Never throws on data.
Logit fit_logit(std::span<const double> distance, std::span<const double> in_hull,
                std::span<const std::uint8_t> correct);

}  // namespace hullscope::statistics
