// Does a direction separate its query from every point that takes part? Batched over directions, exact in the end.
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

/// The points prepared for many directions: a common power of two, and bounds of the row norms. Does not own them.
class Separation {
 public:
  /// Throws UsageError on NaN or infinity.
  explicit Separation(PointsView points);
  const PointsView& points() const { return points_; }
  /// One sentence a claim: empty if it holds, else why not. Thread-safe.
  std::vector<std::string> prove(const std::vector<SeparationClaim>& claims,
                                 const std::vector<std::uint8_t>& mask) const;

 private:
  struct Direction;
  std::vector<std::string> prove_group(const SeparationClaim* claims, std::size_t count,
                                       const std::vector<double>& slack) const;
  bool row_holds(Direction& direction, const SeparationClaim& claim, const double* x, std::int64_t row) const;

  PointsView points_;
  int exponent_ = 0;           ///< all coordinates of the points are below 2^exponent
  std::vector<double> slack_;  ///< per row: bound of the rounding error of <x, r>, points scaled by 2^-exponent
};

}  // namespace hullscope::proof::detail
