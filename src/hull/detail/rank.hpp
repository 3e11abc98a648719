#pragma once
#include <cstdint>

#include <hullscope/hull/detail/prepared_points.hpp>

namespace hullscope::hull::detail {

/// Number of singular values of the centred points above `relative` times the largest, by the eigenvalues of the
/// covariance (which resolve ratios down to 1e-8).
std::int64_t numerical_rank(const PreparedPoints& points, double relative);

}  // namespace hullscope::hull::detail
