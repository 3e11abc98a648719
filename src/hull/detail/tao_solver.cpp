// tao:TYPE: PETSc finds a support, and column generation goes on from it.
#include <limits>

#include <hullscope/hull/detail/pricing_search.hpp>
#include <hullscope/hull/detail/solver.hpp>
#include <hullscope/hull/detail/tao.hpp>

namespace hullscope::hull::detail {
namespace {

class TaoSolver final : public Solver {
 public:
  TaoSolver(SolverContext context, const PreparedPoints& points, std::string type)
      : context_(std::move(context)), points_(points), type_(std::move(type)) {}

  std::vector<Candidate> find(const QueryBlock& block) const override {
    std::vector<Candidate> found(static_cast<std::size_t>(block.size()));
    for (std::int64_t q = 0; q < block.size() && !context_.out_of_time(); ++q) {
      const RowFilter filter = block.filter(q);
      const TaoOutcome outcome = tao_solve(request(filter, block.query(q)), type_);
      Candidate& candidate = found[static_cast<std::size_t>(q)];
      candidate = pricing_search(context_.pricing, {block.query(q), block.request.mask, filter.left_out}, context_.goal,
                                 outcome.support, context_.out_of_time);
      candidate.statistics.passes += outcome.passes;
      candidate.statistics.solver_reason = outcome.reason;
      context_.beat();
    }
    return found;
  }

 private:
  TaoRequest request(const RowFilter& filter, const double* y) const {
    const Goal& goal = context_.goal;
    TaoRequest request{nullptr, points_.points(), 0, points_.size(), {}, y, points_.unit(), 0, context_.out_of_time};
    for (std::int64_t i = 0; i < points_.size(); ++i)
      if (filter.allows(i)) request.members.push_back(i);
    request.enough = goal.projection ? std::numeric_limits<double>::infinity() : goal.eps;
    return request;
  }

  SolverContext context_;
  const PreparedPoints& points_;
  std::string type_;
};

}  // namespace

std::unique_ptr<Solver> make_tao_solver(const SolverContext& context, const PreparedPoints& points,
                                        const std::string& type) {
  return std::make_unique<TaoSolver>(context, points, type);
}

}  // namespace hullscope::hull::detail
