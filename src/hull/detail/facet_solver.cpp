// Few dimensions: the facets answer what they can, and the solver behind them the rest.
#include <mutex>

#include <hullscope/hull/detail/facets.hpp>
#include <hullscope/hull/detail/solver.hpp>

namespace hullscope::hull::detail {
namespace {

class FacetSolver final : public Solver {
 public:
  FacetSolver(SolverContext context, const PointsView& points, std::unique_ptr<Solver> rest)
      : context_(std::move(context)), points_(points), rest_(std::move(rest)) {}

  std::vector<Candidate> find(const QueryBlock& block) const override {
    const MembershipRequest& request = block.request;
    if (!request.mask.empty() || !request.leave_out.empty()) return rest_->find(block);  // other hulls than this one
    std::call_once(made_, [this] { facets_ = Facets::make(points_); });
    if (facets_ == nullptr) return rest_->find(block);
    std::vector<Candidate> found(static_cast<std::size_t>(block.size()));
    std::vector<std::int64_t> left;
    for (std::int64_t q = 0; q < block.size() && !context_.out_of_time(); ++q) {
      Candidate& candidate = found[static_cast<std::size_t>(q)];
      candidate.proof = facets_->find(block.query(q));
      candidate.proved = settled(candidate.proof);
      if (candidate.proved)
        context_.beat();
      else
        left.push_back(q);
    }
    if (!left.empty()) find_rest(request, left, found);
    return found;
  }

 private:
  bool settled(const proof::Proof& proof) const {
    if (proof.verdict == proof::Verdict::outside)
      return context_.goal.settled(proof.distance_lower, proof.distance_upper);
    return proof.verdict == proof::Verdict::inside;
  }

  void find_rest(const MembershipRequest& request, const std::vector<std::int64_t>& left,
                 std::vector<Candidate>& found) const {
    Matrix<double> queries(static_cast<Eigen::Index>(left.size()), request.queries.cols());
    for (std::size_t i = 0; i < left.size(); ++i)
      queries.row(static_cast<Eigen::Index>(i)) = request.queries.row(left[i]);
    const MembershipRequest smaller{view(queries), {}, {}};
    std::vector<Candidate> rest = rest_->find(QueryBlock{smaller});
    for (std::size_t i = 0; i < left.size(); ++i) found[static_cast<std::size_t>(left[i])] = std::move(rest[i]);
  }

  SolverContext context_;
  PointsView points_;
  std::unique_ptr<Solver> rest_;
  mutable std::once_flag made_;  ///< by the first request that they serve
  mutable std::unique_ptr<const Facets> facets_;
};

}  // namespace

std::unique_ptr<Solver> make_facet_solver(const SolverContext& context, const PointsView& points,
                                          std::unique_ptr<Solver> rest) {
  if (!Facets::may_help(rows(points), cols(points))) return rest;
  return std::make_unique<FacetSolver>(context, points, std::move(rest));
}

}  // namespace hullscope::hull::detail
