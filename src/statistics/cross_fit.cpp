#include <hullscope/statistics/cross_fit.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <hullscope/base/random.hpp>
#include <hullscope/statistics/logistic.hpp>
#include <hullscope/statistics/spline.hpp>

namespace hullscope::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kRidgeAPoint = 1e-6;

/// The terms of all points; whatever is learned from data (knots, means, spreads) is learned from the rows `from`.
Matrix<double> design_of(std::span<const double> distance, std::span<const double> inside,
                         const std::vector<std::size_t>& from, bool with_hull) {
  std::vector<double> seen;
  for (const std::size_t i : from) seen.push_back(distance[i]);
  const Matrix<double> basis = spline_basis(distance, spline_knots(seen));
  const Eigen::Index n = basis.rows(), terms = basis.cols();
  Matrix<double> design(n, 1 + terms + (with_hull ? 2 : 0));
  design.col(0).setOnes();
  design.middleCols(1, terms) = basis;
  if (with_hull)
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      design(i, terms + 1) = inside[at];
      design(i, terms + 2) = inside[at] * distance[at];
    }
  for (Eigen::Index c = 1; c < design.cols(); ++c) {
    double mean = 0, square = 0;
    for (const std::size_t i : from) mean += design(static_cast<Eigen::Index>(i), c);
    mean /= static_cast<double>(from.size());
    for (const std::size_t i : from) square += std::pow(design(static_cast<Eigen::Index>(i), c) - mean, 2);
    const double spread = std::sqrt(square / static_cast<double>(from.size()));
    design.col(c).array() -= mean;
    design.col(c) *= spread > 0 ? 1 / spread : 0;  // a constant term says nothing
  }
  return design;
}

/// Log odds of all points by the model fitted to the rows `from`; NaN if that has one outcome only or diverges.
std::vector<double> fitted(const Matrix<double>& design, std::span<const std::uint8_t> wrong,
                           const std::vector<std::size_t>& from) {
  Matrix<double> rows(static_cast<Eigen::Index>(from.size()), design.cols());
  std::vector<std::uint8_t> outcome;
  for (std::size_t k = 0; k < from.size(); ++k) {
    rows.row(static_cast<Eigen::Index>(k)) = design.row(static_cast<Eigen::Index>(from[k]));
    outcome.push_back(wrong[from[k]]);
  }
  std::vector<double> score(wrong.size(), kNaN);
  const auto [least, most] = std::minmax_element(outcome.begin(), outcome.end());
  if (outcome.empty() || *least == *most) return score;
  const auto fit = fit_logistic(rows, outcome, kRidgeAPoint * static_cast<double>(from.size()));
  if (!fit.converged) return score;
  const Vector<double> all = design * fit.coefficient;
  std::copy(all.begin(), all.end(), score.begin());
  return score;
}

}  // namespace

std::vector<int> folds_of(std::span<const std::int64_t> ids, std::uint64_t key) {
  std::vector<int> folds;
  for (const std::int64_t id : ids)
    folds.push_back(static_cast<int>(RandomStream(key, static_cast<std::uint64_t>(id)).below(kFolds)));
  return folds;
}

CrossFit cross_fit(std::span<const double> distance, std::span<const double> in_hull,
                   std::span<const std::uint8_t> wrong, std::span<const int> fold) {
  CrossFit result{std::vector<double>(wrong.size(), kNaN), std::vector<double>(wrong.size(), kNaN), 0};
  std::vector<std::size_t> usable;
  std::vector<double> d, inside;
  std::vector<std::uint8_t> outcome;
  for (std::size_t i = 0; i < wrong.size(); ++i)
    if (std::isfinite(distance[i]) && !std::isnan(in_hull[i])) {
      usable.push_back(i);
      d.push_back(distance[i]), inside.push_back(in_hull[i]), outcome.push_back(wrong[i]);
    }
  for (int f = 0; f < kFolds; ++f) {
    std::vector<std::size_t> from;
    for (std::size_t k = 0; k < usable.size(); ++k)
      if (fold[usable[k]] != f) from.push_back(k);
    const bool constant =
        std::all_of(from.begin(), from.end(), [&](std::size_t k) { return inside[k] == inside[from[0]]; });
    result.folds_with_constant_hull += constant;
    const auto alone = fitted(design_of(d, inside, from, false), outcome, from);
    const auto both = fitted(design_of(d, inside, from, true), outcome, from);
    for (std::size_t k = 0; k < usable.size(); ++k)
      if (fold[usable[k]] == f) {
        result.distance[usable[k]] = alone[k];
        result.distance_and_hull[usable[k]] = both[k];
      }
  }
  return result;
}

}  // namespace hullscope::statistics
