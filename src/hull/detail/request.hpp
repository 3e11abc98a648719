// What every Membership does with a request's beginning and a proof's end.
#pragma once
#include <hullscope/hull/membership.hpp>

namespace hullscope::hull::detail {

/// Throws what Membership::find promises, for n points of d coordinates.
void validate(std::int64_t n, std::int64_t d, const MembershipRequest& request);

/// The support in the order in which it is stored: ascending rows.
void sort_support(proof::Proof& proof);

}  // namespace hullscope::hull::detail
