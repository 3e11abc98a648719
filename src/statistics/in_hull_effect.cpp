#include <hullscope/statistics/in_hull_effect.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <hullscope/statistics/logistic.hpp>
#include <hullscope/statistics/spline.hpp>

namespace hullscope::statistics {
namespace {

bool one_value(const auto& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
}

}  // namespace

double in_hull_effect(std::span<const double> distance, std::span<const double> in_hull,
                      std::span<const std::uint8_t> correct, DistanceCurve curve,
                      const std::vector<std::vector<double>>& covariates) {
  std::vector<std::size_t> rows;
  std::vector<double> used, inside;
  std::vector<std::uint8_t> right;
  for (std::size_t i = 0; i < distance.size(); ++i) {
    if (!std::isfinite(distance[i]) || std::isnan(in_hull[i])) continue;
    rows.push_back(i);
    used.push_back(distance[i]), inside.push_back(in_hull[i] != 0), right.push_back(correct[i] != 0);
  }
  if (one_value(inside) || one_value(right)) return std::numeric_limits<double>::quiet_NaN();

  const Matrix<double> basis =
      spline_basis(used, curve == DistanceCurve::spline ? spline_knots(used) : std::vector<double>());
  const Eigen::Index n = basis.rows(), curves = basis.cols(), k = 1 + curves + 2;
  const auto design_at = [&](const std::function<double(std::size_t)>& in) {  // in_hull of point i
    Matrix<double> design(n, k + static_cast<Eigen::Index>(covariates.size()));
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      design(i, 0) = 1;
      design.row(i).segment(1, curves) = basis.row(i);
      design(i, 1 + curves) = in(at);
      design(i, 2 + curves) = in(at)*used[at];
      for (std::size_t c = 0; c < covariates.size(); ++c)
        design(i, k + static_cast<Eigen::Index>(c)) = covariates[c][rows[at]];
    }
    return design;
  };
  Matrix<double> design = design_at([&](std::size_t i) { return inside[i]; });
  const Eigen::RowVectorXd centre = design.colwise().mean();
  Eigen::RowVectorXd spread =
      ((design.rowwise() - centre).colwise().squaredNorm() / static_cast<double>(n)).cwiseSqrt();
  const auto standardise = [&](Matrix<double>& m) {
    for (Eigen::Index c = 1; c < m.cols(); ++c)
      if (spread[c] > 0)
        m.col(c) = (m.col(c).array() - centre[c]) / spread[c];
      else
        m.col(c).setZero();
  };
  standardise(design);
  const LogisticFit fit = fit_logistic(design, right, 1e-6 * static_cast<double>(n));
  if (!fit.converged) return std::numeric_limits<double>::quiet_NaN();
  Matrix<double> all_in = design_at([](std::size_t) { return 1.0; }),
                 all_out = design_at([](std::size_t) { return 0.0; });
  standardise(all_in);
  standardise(all_out);
  const Vector<double> in = all_in * fit.coefficient, out = all_out * fit.coefficient;
  return ((1 / (1 + (-in.array()).exp())) - (1 / (1 + (-out.array()).exp()))).mean();
}

}  // namespace hullscope::statistics
