// A solver finds candidates: for every query of a block a verdict with its proof, or where it stopped. What it does not
// vouch for is judged by the checker afterwards, and decided exactly where that refuses (membership.cpp).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <hullscope/hull/detail/goal.hpp>
#include <hullscope/hull/detail/prepared_points.hpp>
#include <hullscope/hull/membership.hpp>
#include <hullscope/proof/proof.hpp>

namespace hullscope::hull::detail {

/// The queries of one request.
struct QueryBlock {
  const MembershipRequest& request;
  std::int64_t size() const { return request.queries.rows(); }
  const double* query(std::int64_t q) const { return request.queries.data() + q * request.queries.cols(); }
  const std::uint8_t* mask() const { return request.mask.empty() ? nullptr : request.mask.data(); }
  std::int64_t left_out(std::int64_t q) const {
    return request.leave_out.empty() ? -1 : request.leave_out[static_cast<std::size_t>(q)];
  }
  RowFilter filter(std::int64_t q) const { return {mask(), left_out(q)}; }
};

/// `proof.verdict` undecided: the solver could not tell, and support and weight are where it stopped (or empty).
struct Candidate {
  proof::Proof proof;
  QueryStatistics statistics;
  bool proved = false;  ///< the solver has proved it by itself: it need not be judged again
};

/// What a solver works with; all of it outlives the solver.
struct SolverContext {
  const Pricing& pricing;
  Goal goal;
  std::function<bool()> out_of_time;  ///< asked at least once a round; queries not begun by then are left empty
  std::function<void()> beat;         ///< called after each query
};

class Solver {
 public:
  virtual ~Solver() = default;
  /// One candidate a query, in order. Thread-safe.
  virtual std::vector<Candidate> find(const QueryBlock& block) const = 0;
};

/// The default: many queries at once, pricing below one pass over the points (batched_solver.cpp).
std::unique_ptr<Solver> make_batched_solver(const SolverContext& context);
std::unique_ptr<Solver> make_reference_solver(const SolverContext& context, const PreparedPoints& points);
/// Few dimensions and not too many points: Qhull's facets first (facets.hpp), `rest` for what they leave. Otherwise
/// `rest` itself. points: all of them; they must outlive it.
std::unique_ptr<Solver> make_facet_solver(const SolverContext& context, const PointsView& points,
                                          std::unique_ptr<Solver> rest);
/// type: of TAO.
std::unique_ptr<Solver> make_tao_solver(const SolverContext& context, const PreparedPoints& points,
                                        const std::string& type);

}  // namespace hullscope::hull::detail
