// The checker: re-proves verdicts from the original data and the stored proof alone, with code that shares nothing
// with the finder. Slow if need be, right always.
#pragma once
#include <cstdint>
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
  bool proved = false;  ///< true only if every stored claim (verdict, bounds, support, weights, direction) was re-proved
  std::string reason;   ///< one sentence on the first false claim; empty if proved
};

/// Re-proves proofs[q] for query row first + q. `undecided` counts as proved if its interval is.
/// Throws DataError if sizes do not fit. Thread-safe, not collective.
std::vector<CheckResult> check(const CheckRequest& request, const std::vector<Proof>& proofs, std::int64_t first = 0);

}  // namespace hullscope::proof
