#include <hullscope/hull/spread.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>

#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/exact_decision.hpp>
#include <hullscope/hull/detail/facets.hpp>
#include <hullscope/hull/detail/goal.hpp>
#include <hullscope/hull/detail/group_chain.hpp>
#include <hullscope/hull/detail/one_blas_thread.hpp>
#include <hullscope/hull/detail/pricing_search.hpp>
#include <hullscope/hull/detail/rank.hpp>
#include <hullscope/hull/detail/request.hpp>
#include <hullscope/hull/detail/row_group.hpp>
#include <hullscope/hull/detail/settle.hpp>
#include <hullscope/hull/detail/solver.hpp>
#include <hullscope/hull/detail/spread.hpp>
#include <hullscope/hull/detail/tao.hpp>
#include <hullscope/proof/checker.hpp>

namespace hullscope::hull {

namespace {

using detail::Candidate;
using detail::PricingQuery;
using detail::QueryBlock;
using proof::Proof;
using proof::Verdict;

static_assert(kSpreadTile % detail::kTileRows == 0, "a block's sums go by the tiles of all rows");

/// Why the proof is refused, or nothing. As the checker does it: everything that the support shows, by the checker on
/// the support alone; the separation of all rows, exactly, by all ranks over their own.
std::string refusal(const detail::Pricing& pricing, const PricingQuery& query, const Proof& proof) {
  if (proof.support.empty()) return "its support is empty";
  const Matrix<double> x = detail::rows_of(pricing, proof.support);
  Proof local = proof;
  std::iota(local.support.begin(), local.support.end(), std::int64_t{0});
  const Matrix<double> y = Eigen::Map<const Matrix<double>>(query.y, 1, pricing.dimension());
  std::string reason = proof::check({view(x), view(y), {}, {}}, {local}).front().reason;
  if (reason.empty() && proof.verdict == Verdict::outside &&
      !detail::unseparated_rows(pricing, query, proof, 1).empty())
    reason = "its direction does not separate all rows";
  return reason;
}

using AnyMatrix = std::variant<Matrix<float>, Matrix<double>>;

/// All rows, on every rank. Collective.
AnyMatrix gathered(const SpreadPoints& points) {
  return std::visit(
      [&](const auto& block) -> AnyMatrix {
        using Scalar = std::decay_t<decltype(*block.data())>;
        const std::size_t bytes = static_cast<std::size_t>(block.size()) * sizeof(Scalar);
        const std::string mine(reinterpret_cast<const char*>(block.data()), bytes);
        Matrix<Scalar> all(points.total, block.cols());
        char* to = reinterpret_cast<char*>(all.data());
        for (const std::string& part : points.group.gather(mine)) {
          std::memcpy(to, part.data(), part.size());
          to += part.size();
        }
        return all;
      },
      points.rows);
}

class SpreadState final : public detail::Spread {
 public:
  SpreadState(const SpreadPoints& points, MembershipOptions options,
              const std::vector<std::vector<std::uint8_t>>& masks);

  MembershipAnswer find(const MembershipRequest& request) const override;
  double scale() const override { return frame_.scale; }
  std::int64_t numerical_rank() const override { return rank_; }
  void finish() const override { pricing_.finish(); }
  bool together() const override { return options_.solver.starts_with("tao:"); }

 private:
  bool out_of_time() const {
    return options_.limit_seconds > 0 &&
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() > options_.limit_seconds;
  }
  void beat() const {
    if (options_.heartbeat) options_.heartbeat();
  }
  std::unique_ptr<detail::Solver> make_solver();
  MembershipAnswer settle(const QueryBlock& block, std::vector<Candidate> found) const;
  std::vector<std::string> judge(const QueryBlock& block, std::span<const Proof> proofs, std::int64_t first) const;
  MembershipAnswer find_together(const QueryBlock& block) const;
  detail::TaoOutcome solve_together(const QueryBlock& block, std::int64_t q) const;

  SpreadPoints points_;
  MembershipOptions options_;
  std::chrono::steady_clock::time_point start_;
  detail::GroupChain chain_;
  detail::Frame frame_;
  detail::LocalPricing local_;
  detail::RowGroup pricing_;
  detail::Goal goal_;
  AnyMatrix all_;                           ///< where facets may help, else empty
  std::unique_ptr<detail::Solver> solver_;  ///< unless together()
  std::int64_t rank_;
};

SpreadState::SpreadState(const SpreadPoints& points, MembershipOptions options,
                         const std::vector<std::vector<std::uint8_t>>& masks)
    : points_(points),
      options_(std::move(options)),
      start_(std::chrono::steady_clock::now()),
      chain_(points.group, rows(points.rows), points.total),
      frame_(detail::make_frame(points_.rows, chain_)),
      local_(points_.rows, frame_, detail::PointIndex::axes(points_.rows, frame_, options_.projection, chain_)),
      pricing_(points_.group, local_, chain_.first(), points_.total),
      goal_{options_.projection, options_.eps * frame_.scale},
      solver_(make_solver()),
      rank_(detail::numerical_rank(points_.rows, frame_.unit, 0x1p-20, &chain_)) {
  for (const auto& mask : masks) pricing_.register_mask(mask);
}

/// The one that a process with all points uses, over the ranks' pricing. Collective.
std::unique_ptr<detail::Solver> SpreadState::make_solver() {
  if (together()) return nullptr;
  const detail::SolverContext context{pricing_, goal_, [this] { return out_of_time(); }, [this] { beat(); }};
  std::unique_ptr<detail::Solver> solver = detail::make_batched_solver(context);
  if (!detail::Facets::may_help(points_.total, cols(points_.rows))) return solver;
  all_ = gathered(points_);
  const PointsView all = std::visit([](const auto& m) { return PointsView(view(m)); }, all_);
  return detail::make_facet_solver(context, all, std::move(solver));
}

// --- Queries ------------------------------------------------------------------------------------------------------

MembershipAnswer SpreadState::find(const MembershipRequest& request) const {
  detail::validate(points_.total, cols(points_.rows), request);
  const QueryBlock block{request};
  if (block.size() == 0) return {};
  if (together()) return find_together(block);
  return settle(block, solver_->find(block));
}

MembershipAnswer SpreadState::settle(const QueryBlock& block, std::vector<Candidate> found) const {
  const detail::Court court{pricing_, goal_, [this] { return out_of_time(); }, [this] { beat(); },
                            [this](const auto&... claim) { return judge(claim...); }};
  return detail::settle(court, block, std::move(found));
}

std::vector<std::string> SpreadState::judge(const QueryBlock& block, std::span<const Proof> proofs,
                                            std::int64_t first) const {
  std::vector<std::int64_t> rows;
  for (const Proof& proof : proofs) rows.insert(rows.end(), proof.support.begin(), proof.support.end());
  pricing_.fetch(rows);
  std::vector<std::string> refusals;
  for (std::size_t i = 0; i < proofs.size(); ++i) {
    const std::int64_t q = first + static_cast<std::int64_t>(i);
    refusals.push_back(refusal(pricing_, {block.query(q), block.request.mask, block.left_out(q)}, proofs[i]));
    beat();
  }
  return refusals;
}

// --- One query, all ranks -----------------------------------------------------------------------------------------

/// The Tao is everybody's; then the first rank goes on alone, and the others answer it.
MembershipAnswer SpreadState::find_together(const QueryBlock& block) const {
  const bool first = points_.group.root();
  std::vector<Candidate> found(static_cast<std::size_t>(block.size()));
  for (std::int64_t q = 0; q < block.size(); ++q) {
    if (points_.group.any(first && out_of_time())) break;
    const detail::TaoOutcome outcome = solve_together(block, q);
    if (first) {
      Candidate& candidate = found[static_cast<std::size_t>(q)];
      candidate = detail::pricing_search(pricing_, {block.query(q), block.request.mask, block.left_out(q)}, goal_,
                                         outcome.support, [this] { return out_of_time(); });
      candidate.statistics.passes += outcome.passes;
      candidate.statistics.solver_reason = outcome.reason;
    }
    pricing_.finish();
    beat();
  }
  MembershipAnswer answer;
  if (first)
    answer = settle(block, std::move(found));
  else
    answer.proofs.resize(found.size()), answer.statistics.resize(found.size());
  pricing_.finish();
  return answer;
}

detail::TaoOutcome SpreadState::solve_together(const QueryBlock& block, std::int64_t q) const {
  detail::TaoRequest request{
      &points_.group, points_.rows, chain_.first(), points_.total, {}, block.query(q), frame_.unit, 0, [this] {
        return out_of_time();
      }};
  const detail::RowFilter filter = block.filter(q);
  for (std::int64_t i = 0; i < rows(points_.rows); ++i)
    if (filter.allows(chain_.first() + i)) request.members.push_back(i);
  request.enough = options_.projection ? std::numeric_limits<double>::infinity() : goal_.eps;
  return detail::tao_solve(request, options_.solver.substr(4));
}

}  // namespace

std::pair<std::int64_t, std::int64_t> spread_block(std::int64_t total, int rank, int ranks) {
  const std::int64_t tiles = (total + kSpreadTile - 1) / kSpreadTile;
  const auto start = [&](std::int64_t r) {
    // tiles / ranks each, one more for the first tiles % ranks
    return std::min(total, (r * (tiles / ranks) + std::min(r, tiles % ranks)) * kSpreadTile);
  };
  return {start(rank), start(rank + 1)};
}

Membership make_spread_membership(const SpreadPoints& points, MembershipOptions options,
                                  const std::vector<std::vector<std::uint8_t>>& masks) {
  require_solver(options.solver);
  if (options.solver == "reference")
    throw UsageError(
        "The solver \"reference\" reads all points in one process, and these are spread over ranks; take \"batched\" "
        "or "
        "allow a rank more memory.");
  if (points.total < 1 || cols(points.rows) < 1)
    throw UsageError("The hull of no points was asked for; expected at least one point of at least one coordinate.");
  const detail::OneBlasThread one;
  return Membership(std::make_unique<SpreadState>(points, std::move(options), masks));
}

}  // namespace hullscope::hull
