// Hull membership in few dimensions by the facets of the hull: one product answers a query.
//
// Let a be a point of the set ("anchor", the nearest to the mean), and facet f have the outer unit normal n_f and the
// level b_f = <n_f, v> of its vertices v, depth a_f = b_f - <n_f, a> > 0 as seen from the anchor. The ray from a
// through y leaves the half-space of f at the length 1 / (1 + g_f) of |y - a|, with
//
//     g_f(y) = (<n_f, y> - b_f) / a_f,
//
// so the facet of the largest g_f is the one the ray leaves through. Is that g > 0, then -n_f separates y; is it not,
// then y lies in the simplex of a and the facet's vertices. 2 F d flop a query for F facets.
//
// Nothing that Qhull says is believed. `outside` needs <n_f, y> above <n_f, x> of all N points by more than the
// rounding of both, in coordinates relative to a centre; the largest <n_f, x> costs one pass of 2 N d flop, made once
// for each facet that is asked for. `inside` needs positive enclosed barycentric coordinates. What is not proved by
// either (a query on the boundary or on a ridge, a facet that is missing or wrong) is left to the engine.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/detail/qhull.hpp>
#include <hullscope/proof/proof.hpp>

namespace hullscope::hull::detail {

class Facets {
 public:
  static constexpr std::int64_t kLeastPoints = 256;     ///< below, the engine is as fast
  static constexpr std::int64_t kMostPoints = 1 << 22;  ///< every rank of a spread set holds them for its facets
  /// Is it worth trying, for n points of d coordinates?
  static bool may_help(std::int64_t n, std::int64_t d);

  /// Nothing if facets cannot help: more than kMostFacetDimensions coordinates, fewer than kLeastPoints points or more
  /// than kMostPoints, a flat hull, more facets than a query should look at, no Qhull in this build. points: all
  /// finite; must outlive it. Costs about 0.05 s for 60,000 points of 4 dimensions. Deterministic. Not collective.
  static std::unique_ptr<const Facets> make(const PointsView& points);

  /// A proof of `inside` or `outside`, support ascending, or `undecided`, whose support then holds the rows that an
  /// engine should start from. `outside` is proved with distance_lower > 0; its support is where the segment from the
  /// anchor to y leaves the hull, so that its upper bound is not the least. y: d finite numbers. Thread-safe.
  proof::Proof find(const double* y) const;

  std::int64_t size() const { return count_; }

 private:
  explicit Facets(const PointsView& points);
  bool build();
  bool load_points();
  void load_facets(const std::vector<RawFacet>& raw);
  std::int64_t leaving_facet(const double* q, double& gauge) const;
  double level(std::int64_t f) const;
  bool prove_outside(std::int64_t f, const double* y, const double* q, proof::Proof& proof) const;
  bool prove_inside(std::int64_t f, const double* y, proof::Proof& proof) const;
  std::vector<double> crossing(std::int64_t f, const double* q) const;
  const double* coordinate(std::int64_t k) const { return points_by_coordinate_.data() + k * padded_; }

  PointsView points_;
  std::int64_t n_, d_, padded_;
  std::vector<double> centre_;
  double unit_ = 1;                           ///< a power of two
  std::vector<double> points_by_coordinate_;  ///< [coordinate][row]: (x - centre) / unit, rounded once
  std::vector<double> reach_;                 ///< of each coordinate the largest size of these
  std::int64_t anchor_ = 0;

  std::int64_t count_ = 0, padded_count_ = 0;
  std::vector<RawFacet> facets_;  ///< normals of length 1 to rounding
  std::vector<double> gauge_;     ///< [coordinate, then constant][facet]: g_f = sum_k gauge_k q_k + gauge_d
  /// The largest <n_f, x> over all points, rounded up, in units; not a number until it is asked for. Threads that ask
  /// at once compute the same value twice.
  std::unique_ptr<std::atomic<double>[]> level_;
};

}  // namespace hullscope::hull::detail
