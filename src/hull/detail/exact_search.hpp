// The last resort: Wolfe's min-norm point in rational arithmetic. It decides every query, also where doubles cannot.
//
// In exact arithmetic each step strictly lowers the distance to the hull of an affinely independent set of rows, of
// which there are finitely many, so it ends without any rule against cycling, on any data: boundary points, duplicates,
// dependent coordinates, fewer points than dimensions. Started from the floating-point engine's support it needs a few
// steps. A step solves (P P^T + s^2 1 1^T) n = 1, P = the active rows minus y as integers, or, where the rows span the
// space, the square system P^T l = 0, sum l = 1, by FLINT (fraction-free or Dixon's p-adic lifting).
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <hullscope/hull/detail/prepared_points.hpp>
#include <hullscope/proof/proof.hpp>

namespace hullscope::hull::detail {

struct ExactRequest {
  RowFilter rows;
  const double* y = nullptr;
  std::vector<std::int64_t> start;   ///< rows to start from; empty: the first row that takes part
  std::vector<double> start_weight;  ///< >= 0, one a row of `start`
  /// Doubles as direction are enough if they prove bounds that this accepts.
  std::function<bool(double lower, double upper)> settled;
  std::function<bool()> out_of_time;  ///< asked once a step
  bool allow_double_direction = true;
};

/// The verdict with its proof; undecided only if out_of_time() said so. `steps` is raised by the exact solves.
/// Throws InternalError if no row takes part.
proof::Proof exact_search(const PreparedPoints& points, const ExactRequest& request, std::int32_t& steps);

}  // namespace hullscope::hull::detail
