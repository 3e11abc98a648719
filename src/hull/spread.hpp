// A Membership over points whose rows are spread over the ranks of a group: for sets larger than a node's memory.
#pragma once
#include <cstdint>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/membership.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::hull {

/// Blocks of spread points begin at multiples of so many rows; answers then do not depend on the number of ranks.
inline constexpr std::int64_t kSpreadTile = 1024;

/// The rows [first, last) of `total` that rank `rank` of `ranks` holds: whole tiles, as evenly as they come; the last
/// ranks may have none.
std::pair<std::int64_t, std::int64_t> spread_block(std::int64_t total, int rank, int ranks);

/// What one rank holds.
struct SpreadPoints {
  parallel::Comm group;
  PointsView rows;  ///< n x d, the block that spread_block() names; n may be 0. Must outlive the Membership
  std::int64_t total = 0;
};

/// A Membership like any other, with the same answers to the bit as one over all points, and these differences. Making
/// it is collective over the group; `masks` are those that requests will pass (all ranks give the same ones, of `total`
/// entries). A `find` needs the other ranks to answer: every rank may ask what it likes, and calls finish() when it has
/// no more questions, which returns when nobody has. With a solver tao:TYPE (together() is true) one query is the work
/// of all ranks: find() is then collective, every rank passes the same request, and only the group's first rank has the
/// answer (the others' verdicts are undecided). Its numerical_rank() is found when it is made. Threads: find() may be
/// called from several threads unless together(). Throws UsageError where Membership does, and for the solver
/// "reference", which reads the points itself.
Membership make_spread_membership(const SpreadPoints& points, MembershipOptions options,
                                  const std::vector<std::vector<std::uint8_t>>& masks);

}  // namespace hullscope::hull
