// One query by column generation: solve a small working set, price all points along its direction, add the most
// violated ones, until a direction separates or the residual vanishes.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <hullscope/hull/detail/active_set.hpp>
#include <hullscope/hull/detail/goal.hpp>
#include <hullscope/hull/detail/prepared_points.hpp>
#include <hullscope/hull/detail/solver.hpp>

namespace hullscope::hull::detail {

/// Memory that is kept from query to query.
struct Workspace {
  ActiveSet set;
  Pass pass;
  std::vector<std::uint8_t> chosen;  ///< N: is the row in the working set?
  std::vector<double> column;
};

/// `allowed` and `rows` say the same twice: as the passes take it, and row by row. `seeds`: rows to start with beside
/// the nearest ones (a solver's support). `out_of_time` is asked once a round.
Candidate search(const PreparedPoints& points, const std::vector<float>& allowed, const RowFilter& rows,
                 const double* y, const Goal& goal, const std::vector<std::int64_t>& seeds,
                 const std::function<bool()>& out_of_time, Workspace& work);

}  // namespace hullscope::hull::detail
