// The few numbers about a point set that everything shares: a centre and lengths.
#pragma once
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/detail/row_chain.hpp>

namespace hullscope::hull::detail {

struct PointNumbers {
  std::vector<double> centre;  ///< about the mean; any value is right
  double scale = 0;            ///< mean |x - centre|, in the data's units
  double unit = 1;             ///< a power of two near the scale
  double radius = 0;           ///< max |x - centre| in the data's units, rounded up
};

/// The numbers of PreparedPoints, to the bit, of rows that may be spread over ranks. Two passes. Throws DataError on
/// NaN or infinity. Collective if the chain is.
PointNumbers point_numbers(const PointsView& points, const RowChain& chain);

}  // namespace hullscope::hull::detail
