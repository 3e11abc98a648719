#pragma once
#include <cstdint>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/detail/row_chain.hpp>

namespace hullscope::hull::detail {

/// Number of singular values of the centred points above `relative` times the largest, by the eigenvalues of the
/// covariance (which resolve ratios down to 1e-8). unit: a power of two near the data's scale. Costs N d^2 flop,
/// far less where some rows show that all d count. Collective over the chain, if there is one; its blocks are of whole
/// tiles.
std::int64_t numerical_rank(const PointsView& points, double unit, double relative, const RowChain* chain = nullptr);

}  // namespace hullscope::hull::detail
