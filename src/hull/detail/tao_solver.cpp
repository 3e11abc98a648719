// tao:TYPE: PETSc finds a support, and column generation goes on from it.
#include <hullscope/hull/detail/search.hpp>
#include <hullscope/hull/detail/solver.hpp>
#include <hullscope/hull/detail/tao.hpp>

namespace hullscope::hull::detail {
namespace {

class TaoSolver final : public Solver {
 public:
  explicit TaoSolver(SolverContext context) : context_(std::move(context)), type_(context_.solver.substr(4)) {}

  std::vector<Candidate> find(const QueryBlock& block) const override {
    std::vector<Candidate> found(static_cast<std::size_t>(block.size()));
    const std::vector<float> allowed = context_.points.allowed(block.mask());
    Workspace work;
    for (std::int64_t q = 0; q < block.size() && !context_.out_of_time(); ++q) {
      const TaoOutcome outcome =
          tao_solve(context_.points, block.filter(q), block.query(q), type_, context_.out_of_time);
      Candidate& candidate = found[static_cast<std::size_t>(q)];
      candidate = search(context_.points, allowed, block.filter(q), block.query(q), context_.goal, outcome.support,
                         context_.out_of_time, work);
      candidate.statistics.solver_reason = outcome.reason;
      context_.beat();
    }
    return found;
  }

 private:
  SolverContext context_;
  std::string type_;
};

}  // namespace

std::unique_ptr<Solver> make_tao_solver(const SolverContext& context) {
  return std::make_unique<TaoSolver>(context);
}

}  // namespace hullscope::hull::detail
