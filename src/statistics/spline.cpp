#include <hullscope/statistics/spline.hpp>

#include <algorithm>

#include <hullscope/statistics/intervals.hpp>

namespace hullscope::statistics {
namespace {

double cube_above(double x) {
  return x > 0 ? x * x * x : 0;
}

}  // namespace

std::vector<double> spline_knots(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end()), knots;
  std::sort(sorted.begin(), sorted.end());
  for (const double q : {0.05, 0.275, 0.5, 0.725, 0.95})
    if (const double knot = quantile(sorted, q); !sorted.empty() && (knots.empty() || knot > knots.back()))
      knots.push_back(knot);
  return knots;
}

Matrix<double> spline_basis(std::span<const double> values, std::span<const double> knots) {
  const std::size_t k = knots.size(), terms = k >= 3 ? k - 1 : 1;
  Matrix<double> basis(static_cast<Eigen::Index>(values.size()), static_cast<Eigen::Index>(terms));
  for (Eigen::Index i = 0; i < basis.rows(); ++i) {
    const double x = values[static_cast<std::size_t>(i)];
    basis(i, 0) = x;
    for (std::size_t j = 0; j + 1 < terms; ++j) {
      const double last = knots[k - 1], before = knots[k - 2], width = knots[k - 1] - knots[0];
      const double above_before = cube_above(x - before) * ((last - knots[j]) / (last - before));
      const double above_last = cube_above(x - last) * ((before - knots[j]) / (last - before));
      basis(i, static_cast<Eigen::Index>(j + 1)) =
          (cube_above(x - knots[j]) - above_before + above_last) / (width * width);
    }
  }
  return basis;
}

}  // namespace hullscope::statistics
