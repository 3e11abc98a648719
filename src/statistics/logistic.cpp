#include <hullscope/statistics/logistic.hpp>

#include <Eigen/Cholesky>
#include <cmath>

namespace hullscope::statistics {
namespace {

constexpr int kMostIterations = 200;
constexpr int kMostHalvings = 40;
constexpr double kSmallestDecrement = 1e-20;  // g^T H^-1 g: squared step in units of standard errors

// log(1 + exp(x)) without overflow.
double softplus(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

double log_likelihood(const Vector<double>& score, std::span<const std::uint8_t> outcome) {
  double sum = 0;
  for (Eigen::Index i = 0; i < score.size(); ++i)
    sum -= outcome[static_cast<std::size_t>(i)] ? softplus(-score[i]) : softplus(score[i]);
  return sum;
}

// g = X^T (y - p), H = X^T W X at the given scores.
void derivatives(const Matrix<double>& design, std::span<const std::uint8_t> outcome, const Vector<double>& score,
                 Vector<double>& gradient, Matrix<double>& information) {
  const Eigen::Index n = design.rows(), k = design.cols();
  Vector<double> residual(n), weight(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double tail = std::exp(-std::fabs(score[i])), low = tail / (1 + tail), high = 1 / (1 + tail);
    const double p = score[i] > 0 ? high : low;
    residual[i] = outcome[static_cast<std::size_t>(i)] ? (score[i] > 0 ? low : high) : -p;
    weight[i] = low * high;
  }
  gradient = design.transpose() * residual;
  information.resize(k, k);
  information.noalias() = design.transpose() * weight.asDiagonal() * design;
}

}  // namespace

LogisticFit fit_logistic(const Matrix<double>& design, std::span<const std::uint8_t> outcome, double ridge) {
  LogisticFit fit;
  Vector<double> penalty = Vector<double>::Constant(design.cols(), ridge);
  if (design.cols() > 0) penalty[0] = 0;
  const auto penalised = [&](const Vector<double>& coefficient, const Vector<double>& score) {
    return log_likelihood(score, outcome) - penalty.dot(coefficient.cwiseAbs2()) / 2;
  };
  const auto differentiate = [&](const Vector<double>& score, Vector<double>& gradient, Matrix<double>& information) {
    derivatives(design, outcome, score, gradient, information);
    gradient -= penalty.cwiseProduct(fit.coefficient);
    information.diagonal() += penalty;
  };
  fit.coefficient = Vector<double>::Zero(design.cols());
  Vector<double> score = Vector<double>::Zero(design.rows()), gradient;
  Matrix<double> information;
  fit.log_likelihood = penalised(fit.coefficient, score);
  for (; fit.iterations < kMostIterations && !fit.converged; ++fit.iterations) {
    differentiate(score, gradient, information);
    const Eigen::LDLT<Matrix<double>> factor(information);
    if (factor.info() != Eigen::Success || !factor.isPositive()) break;
    Vector<double> step = factor.solve(gradient);
    const double decrement = gradient.dot(step);
    if (!std::isfinite(decrement)) break;
    fit.converged = decrement <= kSmallestDecrement;
    for (int halving = 0;; ++halving, step /= 2) {
      const Vector<double> coefficient = fit.coefficient + step;
      const Vector<double> next = design * coefficient;
      const double likelihood = penalised(coefficient, next);
      // Near the maximum the likelihood is flat to rounding; the last step is taken as it is.
      if (likelihood >= fit.log_likelihood - 1e-12 * std::fabs(fit.log_likelihood) || fit.converged ||
          halving == kMostHalvings) {
        fit.coefficient = coefficient, fit.log_likelihood = likelihood, score = next;
        break;
      }
    }
  }
  differentiate(score, gradient, information);
  fit.covariance = information.ldlt().solve(Matrix<double>::Identity(design.cols(), design.cols()));
  return fit;
}

}  // namespace hullscope::statistics
