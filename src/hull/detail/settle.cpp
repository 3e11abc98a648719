#include <hullscope/hull/detail/settle.hpp>

#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/exact_decision.hpp>
#include <hullscope/hull/detail/request.hpp>

namespace hullscope::hull::detail {
namespace {

using proof::Proof;
using proof::Verdict;

class Settling {
 public:
  Settling(const Court& court, const QueryBlock& block) : court_(court), block_(block) {}
  MembershipAnswer run(std::vector<Candidate> found);

 private:
  std::vector<std::int64_t> doubtful(std::vector<Candidate>& found);
  void decide_exactly(std::int64_t q);
  void leave_undecided(std::int64_t q);
  PricingQuery query(std::int64_t q) const { return {block_.query(q), block_.request.mask, block_.left_out(q)}; }
  Proof& proof(std::int64_t q) { return answer_.proofs[static_cast<std::size_t>(q)]; }
  std::string refusal(const Proof& proof, std::int64_t q) const { return court_.judge(block_, {&proof, 1}, q).front(); }
  double distance(const Proof& proof, std::int64_t q) const {
    return distance_to(court_.pricing, proof.support, proof.weight, block_.query(q));
  }

  const Court& court_;
  const QueryBlock& block_;
  MembershipAnswer answer_;
};

/// Moves the candidates into the answer; the queries whose candidate is no proof. What the solver has not proved by
/// itself is judged here, run by run.
std::vector<std::int64_t> Settling::doubtful(std::vector<Candidate>& found) {
  std::vector<std::int64_t> queries;
  for (Candidate& candidate : found) {
    sort_support(candidate.proof);
    answer_.proofs.push_back(std::move(candidate.proof));
    answer_.statistics.push_back(std::move(candidate.statistics));
  }
  for (std::size_t first = 0, last = 0; first < found.size(); first = last) {
    for (last = first + 1; last < found.size() && found[last].proved == found[first].proved;) ++last;
    if (found[first].proved) continue;
    const std::span<const Proof> run(answer_.proofs.data() + first, last - first);
    const std::vector<std::string> refusals = court_.judge(block_, run, static_cast<std::int64_t>(first));
    for (std::size_t i = 0; i < run.size(); ++i)
      if (run[i].verdict == Verdict::undecided || !refusals[i].empty())
        queries.push_back(static_cast<std::int64_t>(first + i));
  }
  return queries;
}

/// Takes the candidate's support as the start of the exact search, whose answer must be accepted.
void Settling::decide_exactly(std::int64_t q) {
  ExactQuery exact;
  exact.query = query(q);
  exact.start = proof(q).support;
  exact.start_weight = proof(q).weight;
  exact.settled = [this](double lower, double upper) { return court_.goal.settled(lower, upper); };
  exact.out_of_time = [this] {
    court_.beat();
    return court_.out_of_time();
  };
  std::string reason;
  for (const bool allow_double : {true, false}) {
    exact.allow_double_direction = allow_double;
    Proof found = exact_decision(court_.pricing, exact, answer_.statistics[static_cast<std::size_t>(q)].exact_steps);
    if (found.verdict == Verdict::undecided) return leave_undecided(q);
    sort_support(found);
    reason = refusal(found, q);
    if (reason.empty()) {
      proof(q) = std::move(found);
      return;
    }
    if (found.direction.empty()) break;
    exact.start = found.support;
    exact.start_weight = found.weight;
  }
  throw InternalError("the exact answer to query " + std::to_string(q) + " was refused by the checker: " + reason);
}

/// Out of time: what is proved stays. A direction that separates makes the query an outside one even so, its distance
/// less sharply bounded than asked for.
void Settling::leave_undecided(std::int64_t q) {
  Proof& left = proof(q);
  if (left.distance_lower > 0 && !left.direction.empty()) {
    left.verdict = Verdict::outside;
    if (refusal(left, q).empty()) return;
  }
  const auto take_nearest = [&] {
    left.support = nearest_rows(court_.pricing, query(q), 1);
    left.weight = {1};
  };
  if (left.support.empty()) take_nearest();
  left.distance_lower = 0;
  left.direction.clear();
  left.exact_direction.clear();
  left.distance_upper = distance(left, q);
  if (left.distance_upper == 0) {
    // The query is the hull point found: inside, by these rows if they are independent.
    left.verdict = Verdict::inside;
    if (refusal(left, q).empty()) return;
    take_nearest();
    left.distance_upper = distance(left, q);
  }
  left.verdict = left.distance_upper > 0 ? Verdict::undecided : Verdict::inside;
}

MembershipAnswer Settling::run(std::vector<Candidate> found) {
  for (const std::int64_t q : doubtful(found)) court_.out_of_time() ? leave_undecided(q) : decide_exactly(q);
  return std::move(answer_);
}

}  // namespace

MembershipAnswer settle(const Court& court, const QueryBlock& block, std::vector<Candidate> found) {
  return Settling(court, block).run(std::move(found));
}

}  // namespace hullscope::hull::detail
