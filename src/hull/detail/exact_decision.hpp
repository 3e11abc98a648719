// The exact decision of one query over any pricing: the exact search on the few rows that matter, and an exact look at
// all others.
//
// exact_search decides, in rational arithmetic, for the hull of a working set W of rows. Inside conv(W) is inside. An
// outside verdict comes with a direction and the distance that it proves; pricing returns every row that might not keep
// that distance, up to the rounding of doubles, and each of them is tried exactly. Rows that do not keep it join W, and
// the search goes on; none: the direction is proved for all rows. Each round lowers the distance to conv(W) or its
// claimed bound, over finitely many W, so it ends.
#pragma once
#include <hullscope/hull/detail/exact_search.hpp>
#include <hullscope/hull/detail/pricing_search.hpp>

namespace hullscope::hull::detail {

struct ExactQuery {
  PricingQuery query;
  std::vector<std::int64_t> start;                          ///< rows to start from; empty: the row nearest to y
  std::vector<double> start_weight;                         ///< >= 0, one a row of `start`
  std::function<bool(double lower, double upper)> settled;  ///< see exact_search.hpp, also the following ones
  std::function<bool()> out_of_time;
  bool allow_double_direction = true;
};

/// The verdict with its proof, whose separation holds exactly for every row that takes part; undecided only if
/// out_of_time() said so. `steps` is raised by the exact solves.
proof::Proof exact_decision(const Pricing& pricing, const ExactQuery& exact, std::int32_t& steps);

/// Rows that take part and that the outside proof's direction does not separate, with its distance_lower, from y:
/// exactly; the lowest ones, at most `most`. None: the separation is proved over all rows.
std::vector<std::int64_t> unseparated_rows(const Pricing& pricing, const PricingQuery& query, const proof::Proof& proof,
                                           std::size_t most);

}  // namespace hullscope::hull::detail
