#include <hullscope/statistics/firth.hpp>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <vector>

#include <hullscope/statistics/intervals.hpp>

namespace hullscope::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kMostIterations = 200;
constexpr int kMostHalvings = 40;
constexpr double kSmallestDecrement = 1e-18;  // U^T I^-1 U: squared step in units of standard errors

/// What one value of the coefficients comes to.
struct Place {
  double objective = -std::numeric_limits<double>::infinity();
  Vector<double> gradient;     // U* = X^T (y - p + h (1/2 - p))
  Matrix<double> information;  // X^T W X
};

double softplus(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

Place evaluate(const Matrix<double>& design, std::span<const std::uint8_t> outcome, const Vector<double>& coefficient) {
  const Eigen::Index n = design.rows();
  const Vector<double> score = design * coefficient;
  Vector<double> p(n), weight(n);
  double likelihood = 0;
  for (Eigen::Index i = 0; i < n; ++i) {
    p[i] = 1 / (1 + std::exp(-score[i]));
    const double tail = std::exp(-std::fabs(score[i]));
    weight[i] = tail / ((1 + tail) * (1 + tail));
    likelihood -= outcome[static_cast<std::size_t>(i)] ? softplus(-score[i]) : softplus(score[i]);
  }
  Place place;
  place.information.noalias() = design.transpose() * weight.asDiagonal() * design;
  const Eigen::LLT<Matrix<double>> factor(place.information);
  if (factor.info() != Eigen::Success) return place;
  const Matrix<double> lower = factor.matrixL();
  place.objective = likelihood + lower.diagonal().array().log().sum();
  // h_i = w_i x_i^T (X^T W X)^-1 x_i, by one triangular solve of all rows
  const Matrix<double> solved = factor.matrixL().solve(design.transpose());
  Vector<double> residual(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double leverage = weight[i] * solved.col(i).squaredNorm();
    residual[i] = (outcome[static_cast<std::size_t>(i)] ? 1.0 : 0.0) - p[i] + leverage * (0.5 - p[i]);
  }
  place.gradient = design.transpose() * residual;
  return place;
}

}  // namespace

LogisticFit fit_firth(const Matrix<double>& design, std::span<const std::uint8_t> outcome) {
  LogisticFit fit;
  fit.coefficient = Vector<double>::Zero(design.cols());
  Place place = evaluate(design, outcome, fit.coefficient);
  fit.covariance = Matrix<double>::Constant(design.cols(), design.cols(), kNaN);
  fit.log_likelihood = place.objective;
  if (!std::isfinite(place.objective)) return fit;
  for (; fit.iterations < kMostIterations && !fit.converged; ++fit.iterations) {
    Vector<double> step = place.information.llt().solve(place.gradient);
    fit.converged = place.gradient.dot(step) <= kSmallestDecrement;
    for (int halving = 0;; ++halving, step /= 2) {
      const Vector<double> coefficient = fit.coefficient + step;
      Place next = evaluate(design, outcome, coefficient);
      const bool better = next.objective >= place.objective - 1e-12 * std::fabs(place.objective);
      if (better) fit.coefficient = coefficient, place = std::move(next);
      if (better || fit.converged || halving == kMostHalvings) break;
    }
  }
  fit.log_likelihood = place.objective;
  fit.covariance = place.information.llt().solve(Matrix<double>::Identity(design.cols(), design.cols()));
  return fit;
}

FirthLogit fit_firth_logit(std::span<const double> distance, std::span<const double> in_hull,
                           std::span<const std::uint8_t> correct) {
  std::vector<double> used, inside;
  std::vector<std::uint8_t> right;
  for (std::size_t i = 0; i < distance.size(); ++i) {
    if (!std::isfinite(distance[i]) || std::isnan(in_hull[i])) continue;
    used.push_back(distance[i]), inside.push_back(in_hull[i]), right.push_back(correct[i] != 0);
  }
  FirthLogit logit{LogitStatus::kOk, {}, kNaN};
  logit.coefficient.fill({kNaN, kNaN, kNaN, kNaN});
  const auto one_value = [](const auto& values) {
    return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
  };
  if (one_value(right))
    logit.status = LogitStatus::kOneOutcome;
  else if (one_value(inside))
    logit.status = LogitStatus::kConstantInHull;
  if (logit.status != LogitStatus::kOk) return logit;
  const auto in_group = [&](double group) {
    std::vector<double> own;
    for (std::size_t i = 0; i < used.size(); ++i)
      if (inside[i] == group) own.push_back(used[i]);
    return own;
  };
  const double centre = mean(used), spread = standard_deviation(used);
  Matrix<double> design(static_cast<Eigen::Index>(used.size()), kTerms);
  for (Eigen::Index i = 0; i < design.rows(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double z = (used[at] - centre) / spread;
    design.row(i) << 1, z, inside[at], z * inside[at];
  }
  if (one_value(in_group(1)) || one_value(in_group(0))) {
    logit.status = LogitStatus::kCollinear;
    return logit;
  }
  const LogisticFit fit = fit_firth(design, right);
  if (!fit.converged) {
    logit.status = LogitStatus::kNotConverged;
    return logit;
  }
  logit.log_likelihood = fit.log_likelihood;
  for (int k = 0; k < kTerms; ++k) {
    const double value = fit.coefficient[k], error = std::sqrt(fit.covariance(k, k)), z = value / error;
    logit.coefficient[static_cast<std::size_t>(k)] = {value, error, z, std::erfc(std::fabs(z) / std::numbers::sqrt2)};
  }
  return logit;
}

}  // namespace hullscope::statistics
