// Does a direction separate its query from every point that takes part? Batched over directions, exact in the end.
//
// For a claim (y, r, lower) each point x needs  <x - c, r> > <y - c, r> + lower |r|,  with any centre c. Four tests, of
// which each takes only what the one before could not tell:
//   1. all points and a group of directions as one product in float32, a rounding bound per point subtracted;
//   2. single points in double, likewise;
//   3. in twice the working precision;
//   4. in exact arithmetic, which always tells.
// Rounding bounds: whatever the order of summation, with or without fused multiply-add,
//   |fl<z, r> - <z, r>| <= gamma(d) sum|z_k r_k| <= gamma(d) |z| |r|,  gamma(n) = n u / (1 - n u)
// (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1). Further terms of gamma pay for z = x - c and
// r rounded to the format, and for subtracting the bound; a small absolute term pays for underflow. The centre keeps
// |z| of the size of the data's extent, however far from the origin they lie.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/proof/exact.hpp>
#include <hullscope/proof/proof.hpp>

namespace hullscope::proof::detail {

/// <x - y, r> > 0 and >= lower |r| for all points x that take part.
struct SeparationClaim {
  std::vector<double> y;
  const Proof* proof = nullptr;  ///< direction or exact_direction, distance_lower
  std::int64_t left_out = -1;
};

/// The points prepared for many directions: a common power of two, a centre, and the rows' distances to it. Does not
/// own the points.
class Separation {
 public:
  /// Throws UsageError on NaN or infinity.
  explicit Separation(PointsView points);
  const PointsView& points() const { return points_; }
  /// One sentence a claim: empty if it holds, else why not. Thread-safe. 2 n d flop a claim in float32, n = number of
  /// points that take part; memory: 3 MB at d = 784.
  std::vector<std::string> prove(const std::vector<SeparationClaim>& claims,
                                 const std::vector<std::uint8_t>& mask) const;

 private:
  struct Direction;
  /// Rows rows[0, count) as x - c, scaled.
  template <class Out>
  void centred_rows(const std::int64_t* rows, std::int64_t count, Out* out) const;
  std::vector<std::string> prove_group(const SeparationClaim* claims, std::size_t count,
                                       const std::vector<std::int64_t>& members) const;
  bool row_holds(Direction& direction, const SeparationClaim& claim, std::int64_t row) const;

  PointsView points_;
  int exponent_ = 0;            ///< all coordinates of the points are below 2^exponent
  std::vector<double> centre_;  ///< c, of the points scaled by 2^-exponent; any numbers are right
  std::vector<double> norm_;    ///< per row: upper bound of |x - c|, scaled
};

}  // namespace hullscope::proof::detail
