// One query at a time (search.hpp): slow, simple, and the oracle of the others.
#include <hullscope/hull/detail/search.hpp>
#include <hullscope/hull/detail/solver.hpp>

namespace hullscope::hull::detail {
namespace {

class ReferenceSolver final : public Solver {
 public:
  ReferenceSolver(SolverContext context, const PreparedPoints& points)
      : context_(std::move(context)), points_(points) {}

  std::vector<Candidate> find(const QueryBlock& block) const override {
    std::vector<Candidate> found(static_cast<std::size_t>(block.size()));
    const std::vector<float> allowed = points_.allowed(block.mask());
    Workspace work;
    for (std::int64_t q = 0; q < block.size() && !context_.out_of_time(); ++q) {
      found[static_cast<std::size_t>(q)] =
          search(points_, allowed, block.filter(q), block.query(q), context_.goal, {}, context_.out_of_time, work);
      context_.beat();
    }
    return found;
  }

 private:
  SolverContext context_;
  const PreparedPoints& points_;
};

}  // namespace

std::unique_ptr<Solver> make_reference_solver(const SolverContext& context, const PreparedPoints& points) {
  return std::make_unique<ReferenceSolver>(context, points);
}

}  // namespace hullscope::hull::detail
