// From candidates to answers: each is judged, what is no proof is decided exactly, and what time forbids to decide is
// left undecided with what is proved of it.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <hullscope/hull/detail/goal.hpp>
#include <hullscope/hull/detail/pricing.hpp>
#include <hullscope/hull/detail/solver.hpp>

namespace hullscope::hull::detail {

/// What settling needs; all of it outlives the call.
struct Court {
  const Pricing& pricing;
  Goal goal;
  std::function<bool()> out_of_time;
  std::function<void()> beat;  ///< called at each exact step
  /// As proof::Checker::check: for each proof, of query first + i of the block, why it is refused; empty: proved.
  std::function<std::vector<std::string>(const QueryBlock& block, std::span<const proof::Proof> proofs,
                                         std::int64_t first)>
      judge;
};

/// One answer a candidate, in order; undecided only where out_of_time() said so. Throws InternalError if an exact
/// answer is refused.
MembershipAnswer settle(const Court& court, const QueryBlock& block, std::vector<Candidate> found);

}  // namespace hullscope::hull::detail
