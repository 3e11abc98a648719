// One query by column generation over any pricing, from given rows.
#pragma once
#include <functional>
#include <vector>

#include <hullscope/hull/detail/goal.hpp>
#include <hullscope/hull/detail/pricing.hpp>
#include <hullscope/hull/detail/solver.hpp>

namespace hullscope::hull::detail {

/// One query of a request.
struct PricingQuery {
  const double* y = nullptr;
  Mask mask = {};
  std::int64_t left_out = -1;
};

/// Started from `seeds` (rows that take part; none: the row nearest to y), with orthogonal factors and everything below
/// the level (Effort::thorough). `out_of_time` is asked once a round.
Candidate pricing_search(const Pricing& pricing, const PricingQuery& query, const Goal& goal,
                         const std::vector<std::int64_t>& seeds, const std::function<bool()>& out_of_time);

/// At most `wanted` rows near the query, the nearest first (Pricing::nearest).
std::vector<std::int64_t> nearest_rows(const Pricing& pricing, const PricingQuery& query, std::int64_t wanted);

/// The rows' coordinates, one a row.
Matrix<double> rows_of(const Pricing& pricing, const std::vector<std::int64_t>& rows);

/// A rigorous upper bound of |y - sum(w x) / sum(w)| in the data's units.
double distance_to(const Pricing& pricing, const std::vector<std::int64_t>& rows, const std::vector<double>& weights,
                   const double* y);

}  // namespace hullscope::hull::detail
