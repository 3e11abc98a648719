#include <hullscope/statistics/logit.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/statistics/intervals.hpp>
#include <hullscope/statistics/logistic.hpp>

namespace hullscope::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Coefficient kNoCoefficient{kNaN, kNaN, kNaN, kNaN};

struct Points {
  std::vector<double> distance;
  std::vector<std::uint8_t> inside, correct;
};

Points usable(std::span<const double> distance, std::span<const double> in_hull,
              std::span<const std::uint8_t> correct) {
  Points points;
  for (std::size_t i = 0; i < distance.size(); ++i) {
    if (!std::isfinite(distance[i]) || std::isnan(in_hull[i])) continue;
    points.distance.push_back(distance[i]);
    points.inside.push_back(in_hull[i] != 0);
    points.correct.push_back(correct[i] != 0);
  }
  return points;
}

// Range of the distances of one hull group and outcome.
struct Range {
  double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  bool empty() const { return lowest > highest; }
  void add(double v) { lowest = std::min(lowest, v), highest = std::max(highest, v); }
};

enum class Overlap { kOverlap, kTouching, kSeparated, kDependent };

// Does intercept + slope * distance separate right from wrong? Touching: all but points on the boundary.
Overlap overlap_of(const Range& wrong, const Range& right) {
  if (wrong.empty() || right.empty()) return Overlap::kSeparated;
  if (wrong.lowest == wrong.highest && right.lowest == right.highest && wrong.lowest == right.lowest)
    return Overlap::kDependent;
  if (wrong.highest < right.lowest || right.highest < wrong.lowest) return Overlap::kSeparated;
  if (wrong.highest == right.lowest || right.highest == wrong.lowest) return Overlap::kTouching;
  return Overlap::kOverlap;
}

bool one_value(const std::vector<std::uint8_t>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
}

// With the interaction the model is two separate logits, outside and inside, each of an intercept and a slope; so the
// estimate exists iff the distances of right and wrong answers overlap in both (Albert & Anderson, Biometrika 71,
// 1984, in one dimension). Exact: only comparisons.
LogitStatus status_of(const Points& points) {
  if (one_value(points.correct)) return LogitStatus::kOneOutcome;
  if (one_value(points.inside)) return LogitStatus::kConstantInHull;
  Range ranges[2][2];
  for (std::size_t i = 0; i < points.distance.size(); ++i)
    ranges[points.inside[i]][points.correct[i]].add(points.distance[i]);
  const Overlap outside = overlap_of(ranges[0][0], ranges[0][1]), inside = overlap_of(ranges[1][0], ranges[1][1]);
  if (outside == Overlap::kOverlap && inside == Overlap::kOverlap) return LogitStatus::kOk;
  if (outside == Overlap::kSeparated && inside == Overlap::kSeparated) return LogitStatus::kSeparation;
  const auto diverges = [](Overlap o) { return o == Overlap::kSeparated || o == Overlap::kTouching; };
  return diverges(outside) || diverges(inside) ? LogitStatus::kQuasiSeparation : LogitStatus::kCollinear;
}

Coefficient coefficient(double value, double variance) {
  const double error = std::sqrt(variance), z = value / error;
  return {value, error, z, std::erfc(std::fabs(z) / std::numbers::sqrt2)};
}

LikelihoodRatio likelihood_ratio(double full, const LogisticFit& nested) {
  if (!nested.converged) return {kNaN, kNaN};
  const double statistic = std::max(0.0, 2 * (full - nested.log_likelihood));
  return {statistic, std::exp(-statistic / 2)};  // chi-squared with 2 degrees of freedom
}

// Design of the terms in `terms`, from the standardised distance.
Matrix<double> design_of(const Points& points, double centre, double spread, const std::vector<Term>& terms) {
  Matrix<double> design(static_cast<Eigen::Index>(points.distance.size()), static_cast<Eigen::Index>(terms.size()));
  for (Eigen::Index i = 0; i < design.rows(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double distance = (points.distance[at] - centre) / spread, inside = points.inside[at];
    const double values[kTerms] = {1, distance, inside, distance * inside};
    for (std::size_t k = 0; k < terms.size(); ++k) design(i, static_cast<Eigen::Index>(k)) = values[terms[k]];
  }
  return design;
}

// Coefficients and variances of both parametrisations: b_raw = A b, A from distance = centre + spread * z.
void store(const LogisticFit& fit, const std::vector<Term>& terms, double centre, double spread, Logit& logit) {
  Matrix<double> to_raw = Matrix<double>::Identity(kTerms, kTerms);
  to_raw(kDistance, kDistance) = to_raw(kInteraction, kInteraction) = 1 / spread;
  to_raw(kIntercept, kDistance) = to_raw(kInHull, kInteraction) = -centre / spread;
  Vector<double> value = Vector<double>::Zero(kTerms);
  Matrix<double> covariance = Matrix<double>::Zero(kTerms, kTerms);
  for (std::size_t a = 0; a < terms.size(); ++a) {
    value[terms[a]] = fit.coefficient[static_cast<Eigen::Index>(a)];
    for (std::size_t b = 0; b < terms.size(); ++b)
      covariance(terms[a], terms[b]) = fit.covariance(static_cast<Eigen::Index>(a), static_cast<Eigen::Index>(b));
  }
  const Vector<double> raw_value = to_raw * value;
  const Matrix<double> raw_covariance = to_raw * covariance * to_raw.transpose();
  for (const Term term : terms) {
    const auto at = static_cast<std::size_t>(term);
    logit.standardised[at] = coefficient(value[term], covariance(term, term));
    logit.raw[at] = coefficient(raw_value[term], raw_covariance(term, term));
  }
}

}  // namespace

std::string_view status_name(LogitStatus status) {
  switch (status) {
    case LogitStatus::kOk:
      return "ok";
    case LogitStatus::kSeparation:
      return "separation";
    case LogitStatus::kQuasiSeparation:
      return "quasi-separation";
    case LogitStatus::kConstantInHull:
      return "constant in_hull";
    case LogitStatus::kOneOutcome:
      return "one outcome";
    case LogitStatus::kCollinear:
      return "collinear";
    case LogitStatus::kNotConverged:
      return "not converged";
  }
  throw InternalError("a status of the logit without a name");
}

Logit fit_logit(std::span<const double> distance, std::span<const double> in_hull,
                std::span<const std::uint8_t> correct) {
  const Points points = usable(distance, in_hull, correct);
  Logit logit{status_of(points), {}, {}, kNaN, {}, static_cast<std::int64_t>(points.distance.size())};
  logit.raw.fill(kNoCoefficient);
  logit.standardised.fill(kNoCoefficient);
  logit.tests.fill({kNaN, kNaN});
  std::vector<Term> terms = {kIntercept, kDistance, kInHull, kInteraction};
  if (logit.status == LogitStatus::kConstantInHull) {
    terms.resize(2);
    Range ranges[2];
    for (std::size_t i = 0; i < points.distance.size(); ++i) ranges[points.correct[i]].add(points.distance[i]);
    if (overlap_of(ranges[0], ranges[1]) != Overlap::kOverlap) return logit;
  } else if (logit.status != LogitStatus::kOk) {
    return logit;
  }
  const double centre = mean(points.distance), spread = standard_deviation(points.distance);
  const LogisticFit fit = fit_logistic(design_of(points, centre, spread, terms), points.correct);
  if (!fit.converged) {
    if (logit.status == LogitStatus::kOk) logit.status = LogitStatus::kNotConverged;
    return logit;
  }
  logit.log_likelihood = fit.log_likelihood;
  store(fit, terms, centre, spread, logit);
  if (logit.status != LogitStatus::kOk) return logit;
  const auto nested = [&](const std::vector<Term>& some) {
    return likelihood_ratio(fit.log_likelihood, fit_logistic(design_of(points, centre, spread, some), points.correct));
  };
  logit.tests[kNoInHullTerms] = nested({kIntercept, kDistance});
  logit.tests[kNoDistanceTerms] = nested({kIntercept, kInHull});
  return logit;
}

}  // namespace hullscope::statistics
