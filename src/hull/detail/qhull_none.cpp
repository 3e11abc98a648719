// A build without Qhull: hulls of few dimensions go the way of all others.
#include <hullscope/hull/detail/qhull.hpp>

namespace hullscope::hull::detail {

std::vector<RawFacet> qhull_facets(std::vector<double>& /*points*/, std::int64_t /*n*/, std::int64_t /*d*/) {
  return {};
}

bool have_qhull() {
  return false;
}

}  // namespace hullscope::hull::detail
