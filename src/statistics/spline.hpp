// Restricted cubic splines: a flexible curve of distance, straight beyond its outer knots.
#pragma once
#include <span>
#include <vector>

#include <hullscope/base/matrix.hpp>

namespace hullscope::statistics {

/// Knots of the spline with four degrees of freedom: the quantiles .05, .275, .5, .725, .95 of the values (Harrell,
/// Regression Modeling Strategies, 2015, table 2.3), equal ones once. Values finite.
std::vector<double> spline_knots(std::span<const double> values);

/// Harrell's basis (eq. 2.25): x, and for k knots t_1 ... t_k the k - 2 terms
///   ((x-t_j)+^3 - (x-t_{k-1})+^3 (t_k-t_j)/(t_k-t_{k-1}) + (x-t_k)+^3 (t_{k-1}-t_j)/(t_k-t_{k-1})) / (t_k-t_1)^2.
/// Fewer than three knots: x alone. n x (1 + max(0, k - 2)).
Matrix<double> spline_basis(std::span<const double> values, std::span<const double> knots);

}  // namespace hullscope::statistics
