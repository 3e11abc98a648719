#include <hullscope/hull/detail/node_arrays.hpp>
#include <hullscope/hull/node.hpp>
#include <memory>
#include <utility>

namespace hullscope::hull {

Membership make_node_membership(const parallel::Comm& comm, PointsView points, MembershipOptions options) {
  return Membership(points, std::move(options), std::make_unique<detail::NodeArrays>(comm));
}

}  // namespace hullscope::hull
