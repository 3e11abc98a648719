#include <hullscope/hull/detail/facets.hpp>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <hullscope/hull/detail/eight_sums.hpp>
#include <hullscope/hull/detail/request.hpp>
#include <hullscope/proof/enclosure.hpp>

namespace hullscope::hull::detail {
namespace {

using proof::Proof;
using proof::Verdict;
constexpr std::int64_t kLanes = 8;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kUnproved = std::numeric_limits<double>::quiet_NaN();

std::int64_t padded(std::int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

// d products and additions, one rounding of each coordinate; doubled, which covers the bound's own rounding.
double rounding(const double* normal, const double* size, std::int64_t d) {
  double sum = 0;
  for (std::int64_t k = 0; k < d; ++k) sum += std::abs(normal[k]) * std::abs(size[k]);
  return 0x1p-52 * static_cast<double>(d + 3) * sum + 0x1p-1060;
}

}  // namespace

Facets::Facets(const PointsView& points) : points_(points), n_(rows(points)), d_(cols(points)), padded_(padded(n_)) {}

bool Facets::may_help(std::int64_t n, std::int64_t d) {
  return have_qhull() && d <= kMostFacetDimensions && n >= kLeastPoints && n <= kMostPoints;
}

std::unique_ptr<const Facets> Facets::make(const PointsView& points) {
  if (!may_help(rows(points), cols(points))) return nullptr;
  std::unique_ptr<Facets> facets(new Facets(points));
  if (!facets->build()) return nullptr;
  return facets;
}

bool Facets::build() {
  if (!load_points()) return false;
  std::vector<RawFacet> raw;
  if (d_ == 1) {
    const double *first = coordinate(0), *last = first + n_;
    if (*std::min_element(first, last) == *std::max_element(first, last)) return false;
    raw.resize(2);
    raw[0].vertex[0] = std::min_element(first, last) - first, raw[0].normal[0] = -1;
    raw[1].vertex[0] = std::max_element(first, last) - first, raw[1].normal[0] = 1;
  } else {
    std::vector<double> by_row(static_cast<std::size_t>(n_ * d_));
    for (std::int64_t k = 0; k < d_; ++k)
      for (std::int64_t i = 0; i < n_; ++i) by_row[static_cast<std::size_t>(i * d_ + k)] = coordinate(k)[i];
    raw = qhull_facets(by_row, n_, d_);
  }
  load_facets(raw);
  return count_ > 0;
}

// False where doubles cannot hold the differences to the centre, or all points are equal.
bool Facets::load_points() {
  points_by_coordinate_.resize(static_cast<std::size_t>(padded_ * d_));
  centre_.assign(static_cast<std::size_t>(d_), 0);
  reach_ = centre_;
  double reach = 0;
  for (std::int64_t k = 0; k < d_; ++k) {
    double* column = points_by_coordinate_.data() + k * padded_;
    double& centre = centre_[static_cast<std::size_t>(k)];
    std::visit(
        [&](const auto& x) {
          for (std::int64_t i = 0; i < n_; ++i) column[i] = static_cast<double>(x(i, k));
        },
        points_);
    for (std::int64_t i = 0; i < n_; ++i) centre += column[i] / static_cast<double>(n_);
    for (std::int64_t i = 0; i < n_; ++i) {
      column[i] -= centre;
      reach_[static_cast<std::size_t>(k)] = std::max(reach_[static_cast<std::size_t>(k)], std::abs(column[i]));
    }
    std::fill(column + n_, column + padded_, column[0]);
    reach = std::max(reach, reach_[static_cast<std::size_t>(k)]);
  }
  if (!(reach > 0x1p-900 && reach < 0x1p900)) return false;
  unit_ = std::ldexp(1.0, std::ilogb(reach));
  for (double& v : points_by_coordinate_) v /= unit_;
  for (double& v : reach_) v /= unit_;
  double least = kInfinity;
  for (std::int64_t i = 0; i < n_; ++i) {
    double square = 0;
    for (std::int64_t k = 0; k < d_; ++k) square += coordinate(k)[i] * coordinate(k)[i];
    if (square < least) least = square, anchor_ = i;
  }
  return true;
}

void Facets::load_facets(const std::vector<RawFacet>& raw) {
  for (RawFacet facet : raw) {
    double square = 0;
    for (std::int64_t k = 0; k < d_; ++k)
      square += facet.normal[static_cast<std::size_t>(k)] * facet.normal[static_cast<std::size_t>(k)];
    if (!(square > 0.5 && square < 2)) continue;  // Qhull's normals have length 1
    for (double& v : facet.normal) v /= std::sqrt(square);
    facets_.push_back(facet);
  }
  count_ = static_cast<std::int64_t>(facets_.size());
  padded_count_ = padded(count_);
  gauge_.assign(static_cast<std::size_t>(padded_count_ * (d_ + 1)), 0);
  std::fill(gauge_.begin() + padded_count_ * d_, gauge_.end(), -kInfinity);  // facets that only fill the last lanes
  for (std::int64_t f = 0; f < count_; ++f) {
    const RawFacet& facet = facets_[static_cast<std::size_t>(f)];
    double offset = 0, depth = 0;
    for (std::int64_t k = 0; k < d_; ++k) {
      const double vertex = coordinate(k)[facet.vertex[0]], n = facet.normal[static_cast<std::size_t>(k)];
      offset += n * vertex;
      depth += n * (vertex - coordinate(k)[anchor_]);
    }
    // Facets through the anchor: no ray leaves by them, but what lies beyond them must still score above all.
    depth = std::max(depth, 0x1p-40);
    for (std::int64_t k = 0; k < d_; ++k)
      gauge_[static_cast<std::size_t>(k * padded_count_ + f)] = facet.normal[static_cast<std::size_t>(k)] / depth;
    gauge_[static_cast<std::size_t>(d_ * padded_count_ + f)] = -offset / depth;
  }
  level_ = std::make_unique<std::atomic<double>[]>(static_cast<std::size_t>(count_));
  for (std::int64_t f = 0; f < count_; ++f) level_[static_cast<std::size_t>(f)].store(kUnproved);
}

double Facets::level(std::int64_t f) const {
  std::atomic<double>& known = level_[static_cast<std::size_t>(f)];
  double value = known.load(std::memory_order_relaxed);
  if (value == value) return value;
  const double* normal = facets_[static_cast<std::size_t>(f)].normal.data();
  value = eight_sums().largest_combination(points_by_coordinate_.data(), padded_, d_, normal, nullptr, nullptr) +
          rounding(normal, reach_.data(), d_);
  known.store(value, std::memory_order_relaxed);
  return value;
}

// The facet of the largest gauge, the first of equals.
std::int64_t Facets::leaving_facet(const double* q, double& gauge) const {
  thread_local std::vector<double> score;
  score.resize(static_cast<std::size_t>(padded_count_));
  gauge = eight_sums().largest_combination(gauge_.data(), padded_count_, d_, q, gauge_.data() + d_ * padded_count_,
                                           score.data());
  return std::find(score.begin(), score.end(), gauge) - score.begin();
}

// Weights, not negative, of the facet's vertices: the point of the hull on the segment from the anchor to y.
std::vector<double> Facets::crossing(std::int64_t f, const double* q) const {
  using Small = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor, kMostFacetDimensions,
                              kMostFacetDimensions>;
  using SmallVector = Eigen::Matrix<double, Eigen::Dynamic, 1, Eigen::ColMajor, kMostFacetDimensions, 1>;
  Small edges(d_, d_);
  SmallVector ray(d_);
  for (std::int64_t k = 0; k < d_; ++k) {
    const double anchor = coordinate(k)[anchor_];
    ray(k) = q[k] - anchor;
    for (std::int64_t v = 0; v < d_; ++v)
      edges(k, v) = coordinate(k)[facets_[static_cast<std::size_t>(f)].vertex[static_cast<std::size_t>(v)]] - anchor;
  }
  const SmallVector weight = edges.partialPivLu().solve(ray);
  const double sum = weight.cwiseMax(0).sum();
  std::vector<double> result(static_cast<std::size_t>(d_), 1 / static_cast<double>(d_));
  if (weight.allFinite() && sum > 0 && std::isfinite(sum))
    for (std::int64_t v = 0; v < d_; ++v) result[static_cast<std::size_t>(v)] = std::max(weight(v), 0.0) / sum;
  return result;
}

bool Facets::prove_outside(std::int64_t f, const double* y, const double* q, Proof& proof) const {
  const RawFacet& facet = facets_[static_cast<std::size_t>(f)];
  const double* normal = facet.normal.data();
  double along = 0;
  for (std::int64_t k = 0; k < d_; ++k) along += normal[k] * q[k];
  // |normal| is 1 up to rounding.
  const double gap = (along - rounding(normal, q, d_) - level(f)) * (1 - 0x1p-48) * unit_;
  if (!(gap > 0) || !std::isfinite(gap)) return false;
  proof.support.clear();
  proof.weight.clear();
  const std::vector<double> weight = crossing(f, q);
  for (std::int64_t v = 0; v < d_; ++v)
    if (weight[static_cast<std::size_t>(v)] > 0x1p-60) {
      proof.support.push_back(facet.vertex[static_cast<std::size_t>(v)]);
      proof.weight.push_back(weight[static_cast<std::size_t>(v)]);
    }
  sort_support(proof);
  proof.distance_upper =
      proof::hull_point_distance(points_, proof.support, proof.weight, std::span(y, static_cast<std::size_t>(d_)))
          .upper;
  if (!(gap <= proof.distance_upper) || !std::isfinite(proof.distance_upper)) return false;
  proof.direction.resize(static_cast<std::size_t>(d_));
  for (std::int64_t k = 0; k < d_; ++k) proof.direction[static_cast<std::size_t>(k)] = -normal[k];
  proof.distance_lower = gap;
  proof.verdict = Verdict::outside;
  return true;
}

bool Facets::prove_inside(std::int64_t f, const double* y, Proof& proof) const {
  proof.support.assign(1, anchor_);
  for (std::int64_t v = 0; v < d_; ++v) {
    const std::int64_t row = facets_[static_cast<std::size_t>(f)].vertex[static_cast<std::size_t>(v)];
    if (row == anchor_) return false;
    proof.support.push_back(row);
  }
  std::sort(proof.support.begin(), proof.support.end());
  const proof::EnclosedBarycentric solved =
      proof::enclosed_barycentric(points_, proof.support, std::span(y, static_cast<std::size_t>(d_)));
  if (!solved.proved) return false;
  // The checker wants weights to 2^-30 of their size.
  for (std::size_t i = 0; i < solved.weight.size(); ++i)
    if (!(solved.weight[i] > 0 && solved.radius[i] < 0x1p-32 * solved.weight[i])) return false;
  proof.weight = solved.weight;
  proof.verdict = Verdict::inside;
  return true;
}

Proof Facets::find(const double* y) const {
  Proof proof;
  std::array<double, kMostFacetDimensions> q{};
  for (std::int64_t k = 0; k < d_; ++k) {
    q[static_cast<std::size_t>(k)] = (y[k] - centre_[static_cast<std::size_t>(k)]) / unit_;
    if (!(std::abs(q[static_cast<std::size_t>(k)]) < 0x1p300)) return proof;  // too far for these bounds
  }
  double gauge = 0;
  const std::int64_t f = leaving_facet(q.data(), gauge);
  if (f >= count_) return proof;  // a score that is not a number
  const bool proved = gauge > 0 ? prove_outside(f, y, q.data(), proof) : prove_inside(f, y, proof);
  if (proved) return proof;
  proof = Proof();
  const RawFacet& facet = facets_[static_cast<std::size_t>(f)];
  proof.support.assign(facet.vertex.begin(), facet.vertex.begin() + d_);
  std::sort(proof.support.begin(), proof.support.end());
  return proof;
}

}  // namespace hullscope::hull::detail
