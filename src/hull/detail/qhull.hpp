// Qhull's facets of a point set, as far as this room needs them. The only place that knows Qhull.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace hullscope::hull::detail {

constexpr std::int64_t kMostFacetDimensions = 4;

/// A simplex of the triangulated boundary: its vertices (rows; the first d entries count) and its outer normal, as
/// Qhull rounded them. Nothing about it is proved.
struct RawFacet {
  std::array<std::int64_t, kMostFacetDimensions> vertex{};
  std::array<double, kMostFacetDimensions> normal{};
};

/// points: n x d, one a row, 2 <= d <= kMostFacetDimensions; may be the hull of only some of them, where there are more
/// than 2,048 vertices. Empty if Qhull gave up (flat or too few points), if there are too many facets for them to be
/// of use, or if this build has no Qhull. Deterministic. Thread-safe, not collective.
/// Source: Barber, Dobkin, Huhdanpaa, "The Quickhull algorithm for convex hulls", ACM TOMS 22 (1996).
std::vector<RawFacet> qhull_facets(std::vector<double>& points, std::int64_t n, std::int64_t d);

/// Was this built with Qhull?
bool have_qhull();

}  // namespace hullscope::hull::detail
