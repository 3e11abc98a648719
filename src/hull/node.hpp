// A Membership of which the ranks of a node hold one copy of what is prepared of the points.
#pragma once
#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/membership.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::hull {

/// Collective. A Membership like any other, with the same answers to the bit as one of this rank alone, but the ranks
/// of a node prepare the points together and keep one copy of it (solver "batched"; others keep little). All ranks
/// give the same points, in memory that they share or in copies, and the same options. What it is asked later concerns
/// this rank alone. Throws UsageError and DataError where Membership does, on every rank; EnvironmentError on every
/// rank of a node that has no room.
Membership make_node_membership(const parallel::Comm& comm, PointsView points, MembershipOptions options);

}  // namespace hullscope::hull
