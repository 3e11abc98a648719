// What a query's answer has to settle.
#pragma once

namespace hullscope::hull::detail {

struct Goal {
  bool projection = false;
  double eps = 0;  ///< a length in the data's units: on which side of it the distance lies must be known
  /// Are proved bounds of an outside query's distance near enough to each other?
  bool settled(double lower, double upper) const {
    if (!(lower > 0)) return false;
    if (projection) return upper - lower <= 1e-6 * upper;
    return lower > eps || upper <= eps;
  }
};

}  // namespace hullscope::hull::detail
