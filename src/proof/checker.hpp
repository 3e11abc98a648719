// The checker: re-proves verdicts from the original data and the stored proof alone, with code that shares nothing
// with the finder. Slow if need be, right always.
//
// What it accepts, claim by claim (anything else is refused, with a sentence):
//
// every verdict   support rows ascending, without repeats, within the points, in the mask and not left out; one weight
// a
//                 row, finite and > 0; bounds finite, 0 <= distance_lower <= distance_upper.
// inside          the rows are affinely independent; the exact barycentric coordinates l of y on them are all > 0 and
//                 combine exactly to y; every stored weight w has |w - l| <= 2^-30 l + 2^-1073 (the last place of the
//                 least doubles); both bounds 0; no direction.
// outside         one direction, of doubles (| |r| - 1 | <= (d + 8) 2^-52) or of integers (not both);
//                 <x, r> - <y, r> > 0 and >= distance_lower |r| for every point x that takes part; distance_lower > 0
//                 (0 only where the distance proved is below the least double). |sum(w) - 1| <= 2^-30, and
//                 distance_upper is the distance D to sum(w x) / sum(w), rounded up:
//                 D <= distance_upper <= (1 + 2^-20) D + 2^-40 S,  S = | |y| + sum(w |x|) / sum(w) |.
// undecided       distance_lower = 0 and no direction (a direction that separates proves `outside`);
//                 distance_upper > 0 and proved as above.
//
// All of these are decided exactly: floating point with rigorous bounds first, rationals where it cannot tell.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/proof/proof.hpp>

namespace hullscope::proof {

struct CheckRequest {
  PointsView points;                    ///< N x d
  PointsView queries;                   ///< M x d
  std::vector<std::uint8_t> mask;       ///< rows that take part, or empty for all
  std::vector<std::int64_t> leave_out;  ///< per query the row left out (-1: none), or empty
};

struct CheckResult {
  bool proved =
      false;           ///< true only if every stored claim (verdict, bounds, support, weights, direction) was re-proved
  std::string reason;  ///< one sentence on the first false claim; empty if proved
};

/// Re-proves proofs[q] for query row first + q. `undecided` counts as proved if its interval is.
/// Throws UsageError if sizes do not fit or a number of points or queries is not finite. Thread-safe, not collective.
std::vector<CheckResult> check(const CheckRequest& request, const std::vector<Proof>& proofs, std::int64_t first = 0);

/// The same for many calls on one set of points: their scale and row norms are computed once (one pass). The points
/// must outlive it. Outside verdicts cost one pass over the points per batch of queries: hand over many at a time.
class Checker {
 public:
  /// Throws UsageError on NaN or infinity.
  explicit Checker(PointsView points);
  ~Checker();
  Checker(Checker&&) noexcept;
  /// As check(). queries: M x d; leave_out: M entries or empty. Thread-safe; OpenBLAS should be set to one thread.
  std::vector<CheckResult> check(const PointsView& queries, const std::vector<Proof>& proofs, std::int64_t first = 0,
                                 const std::vector<std::uint8_t>& mask = {},
                                 const std::vector<std::int64_t>& leave_out = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hullscope::proof
