// Fast proofs in floating point: enclosures that hold whatever the rounding did, or the word that none was found.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <hullscope/base/matrix.hpp>

namespace hullscope::proof {

/// Barycentric coordinates of y on the support rows, each known to lie in weight[i] +- radius[i].
struct EnclosedBarycentric {
  /// True: the rows are proved affinely independent, y to be exactly their combination, and the exact coordinates to
  /// lie in the enclosures (usually of relative width 2^-53). False: floating point could not tell; see exact.hpp.
  bool proved = false;
  std::vector<double> weight, radius;
};

/// Verified solve of  sum_i l_i x_i = y,  sum_i l_i = 1.  points: N x d; support: distinct rows; y: d finite numbers.
/// Proves square systems (d + 1 rows), also after the exact reductions that real data need: coordinates that are
/// constant on the support, equal or proportional to another there. About 20 us at d = 16. Thread-safe.
/// Source: Rump, "Verification methods" (Acta Numerica 2010), section 10 (Krawczyk's operator), with residuals in
/// twice the working precision (Ogita, Rump, Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 2005).
EnclosedBarycentric enclosed_barycentric(const PointsView& points, std::span<const std::int64_t> support,
                                         std::span<const double> y);

/// The distance from y to a hull point  p = sum(w x) / sum(w).
struct HullPointDistance {
  double lower = 0, upper = 0;  ///< lower <= |y - p| <= upper; upper is what a finder may store as distance_upper
  double magnitude = 0;         ///< about | |y| + sum(w |x|) / sum(w) |: what rounding errors are measured by
};

/// support: rows of the points; weight > 0 and finite, one a row; y: d finite numbers. Enclosed to about 2^-50 of its
/// size. `upper` is infinite if it overflows doubles. Thread-safe.
HullPointDistance hull_point_distance(const PointsView& points, std::span<const std::int64_t> support,
                                      std::span<const double> weight, std::span<const double> y);

}  // namespace hullscope::proof
