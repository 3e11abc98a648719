// Near rows of many queries: where a query starts from, no proof.
#pragma once
#include <span>
#include <vector>

#include <hullscope/hull/detail/point_index.hpp>

namespace hullscope::hull::detail {

/// Per ask the `wanted` rows nearest to y with their squared distances in units^2, ascending: in the full space up to
/// PointIndex::kBoxDimensions, above that in the leading rotated coordinates, their float32 taken as exact. Either way
/// a function of the row, y and the frame and axes of all points.
std::vector<std::vector<PricedRow>> near_points(const PointsView& points, const Frame& frame, const PointIndex& index,
                                                std::span<const Ask> asks, Mask mask);

/// The numbers of the asks, those of the same cells beside one another: they share products.
std::vector<std::size_t> by_cells(std::span<const Ask> asks);

/// The cells around y.
CellSet near_cells(const PointsView& points, const Frame& frame, const PointIndex& index, const double* y);

}  // namespace hullscope::hull::detail
