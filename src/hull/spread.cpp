#include <hullscope/hull/spread.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>

#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/block_pricing.hpp>
#include <hullscope/hull/detail/exact_decision.hpp>
#include <hullscope/hull/detail/goal.hpp>
#include <hullscope/hull/detail/group_chain.hpp>
#include <hullscope/hull/detail/pricing_search.hpp>
#include <hullscope/hull/detail/rank.hpp>
#include <hullscope/hull/detail/request.hpp>
#include <hullscope/hull/detail/row_group.hpp>
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

/// The proof, judged as the checker does: everything that its support shows, by the checker on the support alone; the
/// separation of all rows, exactly, by all ranks over their own.
bool proved(const detail::Pricing& pricing, const PricingQuery& query, const Proof& proof) {
  const Matrix<double> x = detail::rows_of(pricing, proof.support);
  Proof local = proof;
  std::iota(local.support.begin(), local.support.end(), std::int64_t{0});
  const Matrix<double> y = Eigen::Map<const Matrix<double>>(query.y, 1, pricing.dimension());
  if (proof.support.empty() || !proof::check({view(x), view(y), {}, {}}, {local}).front().proved) return false;
  return proof.verdict != Verdict::outside || detail::unseparated_rows(pricing, query, proof, 1).empty();
}

class SpreadState final : public detail::Spread {
 public:
  SpreadState(const SpreadPoints& points, MembershipOptions options,
              const std::vector<std::vector<std::uint8_t>>& masks);

  MembershipAnswer find(const MembershipRequest& request) const override;
  double scale() const override { return numbers_.scale; }
  std::int64_t numerical_rank() const override { return rank_; }
  void finish() const override { pricing_->finish(); }
  bool together() const override { return options_.solver.starts_with("tao:"); }

 private:
  bool out_of_time() const {
    return options_.limit_seconds > 0 &&
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() > options_.limit_seconds;
  }
  void beat() const {
    if (options_.heartbeat) options_.heartbeat();
  }
  MembershipAnswer find_together(const QueryBlock& block) const;
  detail::TaoOutcome solve_together(const QueryBlock& block, std::int64_t q) const;
  MembershipAnswer settle(const QueryBlock& block, std::vector<Candidate> found) const;
  void settle(const QueryBlock& block, std::int64_t q, Candidate& candidate) const;
  void leave_undecided(const QueryBlock& block, std::int64_t q, Proof& proof) const;

  SpreadPoints points_;
  MembershipOptions options_;
  std::chrono::steady_clock::time_point start_;
  detail::GroupChain chain_;
  detail::PointNumbers numbers_;
  detail::BlockPricing local_;
  std::unique_ptr<detail::RowGroup> pricing_;
  detail::Goal goal_;
  std::int64_t rank_ = 0;
};

SpreadState::SpreadState(const SpreadPoints& points, MembershipOptions options,
                         const std::vector<std::vector<std::uint8_t>>& masks)
    : points_(points),
      options_(std::move(options)),
      start_(std::chrono::steady_clock::now()),
      chain_(points.group, rows(points.rows), points.total),
      numbers_(detail::point_numbers(points.rows, chain_)),
      local_(points_.rows, numbers_) {
  const bool has_rows = rows(points_.rows) > 0;
  pricing_ = std::make_unique<detail::RowGroup>(points_.group, has_rows ? &local_ : nullptr, chain_.first(),
                                                points_.total, cols(points_.rows));
  for (const auto& mask : masks) pricing_->register_mask(mask);
  goal_ = {options_.projection, options_.eps * numbers_.scale};
  rank_ = detail::numerical_rank(points_.rows, numbers_.unit, 0x1p-20, chain_);
}

// --- Queries ------------------------------------------------------------------------------------------------------

MembershipAnswer SpreadState::find(const MembershipRequest& request) const {
  detail::validate(points_.total, cols(points_.rows), request);
  const QueryBlock block{request};
  if (block.size() == 0) return {};
  if (together()) return find_together(block);
  std::vector<Candidate> found(static_cast<std::size_t>(block.size()));
  for (std::int64_t q = 0; q < block.size() && !out_of_time(); ++q) {
    const PricingQuery query{block.query(q), request.mask, block.left_out(q)};
    const std::int64_t count = std::clamp<std::int64_t>(4 * (cols(points_.rows) + 1), 16, 128);
    found[static_cast<std::size_t>(q)] = detail::pricing_search(
        *pricing_, query, goal_, detail::nearest_rows(*pricing_, query, count), [this] { return out_of_time(); });
    beat();
  }
  return settle(block, std::move(found));
}

MembershipAnswer SpreadState::settle(const QueryBlock& block, std::vector<Candidate> found) const {
  MembershipAnswer answer;
  for (std::int64_t q = 0; q < block.size(); ++q) {
    Candidate& candidate = found[static_cast<std::size_t>(q)];
    settle(block, q, candidate);
    answer.proofs.push_back(std::move(candidate.proof));
    answer.statistics.push_back(std::move(candidate.statistics));
    beat();
  }
  return answer;
}

/// Judges the candidate, and decides exactly what it left open.
void SpreadState::settle(const QueryBlock& block, std::int64_t q, Candidate& candidate) const {
  const PricingQuery query{block.query(q), block.request.mask, block.left_out(q)};
  Proof& proof = candidate.proof;
  detail::sort_support(proof);
  if (candidate.proved || (proof.verdict != Verdict::undecided && proved(*pricing_, query, proof))) return;
  if (out_of_time()) return leave_undecided(block, q, proof);
  detail::ExactQuery exact;
  exact.query = query;
  exact.start = proof.support;
  exact.start_weight = proof.weight;
  exact.settled = [this](double lower, double upper) { return goal_.settled(lower, upper); };
  exact.out_of_time = [this] {
    beat();
    return out_of_time();
  };
  for (const bool allow_double : {true, false}) {
    exact.allow_double_direction = allow_double;
    Proof found = detail::exact_decision(*pricing_, exact, candidate.statistics.exact_steps);
    if (found.verdict == Verdict::undecided) return leave_undecided(block, q, proof);
    detail::sort_support(found);
    if (proved(*pricing_, query, found)) {
      proof = std::move(found);
      return;
    }
    exact.start = found.support;
    exact.start_weight = found.weight;
  }
  throw InternalError("the exact answer to query " + std::to_string(q) + " was refused by the checker.");
}

/// Out of time: what is proved stays. A direction that separates makes the query an outside one even so, its distance
/// less sharply bounded than asked for.
void SpreadState::leave_undecided(const QueryBlock& block, std::int64_t q, Proof& proof) const {
  const PricingQuery query{block.query(q), block.request.mask, block.left_out(q)};
  if (proof.distance_lower > 0 && !proof.direction.empty()) {
    proof.verdict = Verdict::outside;
    if (proved(*pricing_, query, proof)) return;
  }
  std::int64_t row = 0;
  while (!block.filter(q).allows(row)) ++row;
  if (proof.support.empty()) {
    proof.support = {row};
    proof.weight = {1};
  }
  proof.verdict = Verdict::undecided;
  proof.distance_lower = 0;
  proof.direction.clear();
  proof.exact_direction.clear();
  proof.distance_upper = detail::distance_to(*pricing_, proof.support, proof.weight, query.y);
  if (proof.distance_upper > 0) return;
  // The query is the hull point found, whose rows may depend on one another; its nearest row decides.
  proof.support = detail::nearest_rows(*pricing_, query, 1);
  proof.weight = {1};
  proof.distance_upper = detail::distance_to(*pricing_, proof.support, proof.weight, query.y);
  if (!(proof.distance_upper > 0)) proof.verdict = Verdict::inside;
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
      candidate = detail::pricing_search(*pricing_, {block.query(q), block.request.mask, block.left_out(q)}, goal_,
                                         outcome.support, [this] { return out_of_time(); });
      candidate.statistics.passes += outcome.passes;
      candidate.statistics.solver_reason = outcome.reason;
    }
    pricing_->finish();
    beat();
  }
  MembershipAnswer answer;
  if (first)
    answer = settle(block, std::move(found));
  else
    answer.proofs.resize(found.size()), answer.statistics.resize(found.size());
  pricing_->finish();
  return answer;
}

detail::TaoOutcome SpreadState::solve_together(const QueryBlock& block, std::int64_t q) const {
  detail::TaoRequest request{
      &points_.group, points_.rows, chain_.first(), points_.total, {}, block.query(q), numbers_.unit, 0, [this] {
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
  if (points.total < 1 || cols(points.rows) < 1)
    throw UsageError("The hull of no points was asked for; expected at least one point of at least one coordinate.");
  return Membership(std::make_unique<SpreadState>(points, std::move(options), masks));
}

}  // namespace hullscope::hull
