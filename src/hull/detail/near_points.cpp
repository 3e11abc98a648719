#include <hullscope/hull/detail/near_points.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <hullscope/hull/detail/lowest.hpp>
#include <limits>
#include <numeric>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kGroup = Panel::kGroup;
constexpr std::int64_t kTogether = Panel::kTogether;
constexpr std::size_t kWaiting = 512;  ///< rows
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// One query on its way. A query far off is drawn to a few radii, which changes the order little and keeps float32 in
/// range.
struct Near {
  const Ask* ask;
  Lowest lowest;                   // squared distances in units^2
  std::vector<double> y = {};      // the drawn query
  std::vector<float> turned = {};  // Q (y - c) in units: the leading coordinates
  std::vector<double> exact = {};  // the same numbers as doubles
  double length = 0;               // |turned|
  float threshold = 0;             // a score above it rules a row out
  /// A row that its score has not ruled out.
  struct Place {
    float score;
    std::int64_t place;
    bool operator<(const Place& other) const { return score < other.score; }
  };
  std::vector<Place> waiting = {};
  /// Of the scores of by_panels.
  void set_threshold() {
    const double limit = 0.5 * (lowest.limit() - length * length);
    threshold = rounded_up(limit + 0x1p-40 * length * length + 1e-30);
  }
};

Near prepared(const PointsView& points, const Frame& frame, const PointIndex& index, const Ask& ask) {
  const std::int64_t d = cols(points);
  const std::vector<double> origin(static_cast<std::size_t>(d), 0);
  std::vector<double> centred(origin.size());
  Near near{&ask, Lowest(ask.wanted, kInfinity)};
  double largest = 0;
  for (std::size_t k = 0; k < centred.size(); ++k) {
    centred[k] = (ask.y[k] - frame.centre[k]) / frame.unit;
    largest = std::max(largest, std::fabs(centred[k]));
  }
  const double reach = 4 * frame.radius + 1e-300;
  const double shrink = largest > reach ? reach / largest : 1;
  near.y.resize(centred.size());
  for (std::size_t k = 0; k < centred.size(); ++k) {
    centred[k] *= shrink;
    near.y[k] = shrink == 1 ? ask.y[k] : frame.centre[k] + centred[k] * frame.unit;
  }
  double square = 0;
  for (std::int64_t k = 0; k < index.leading(); ++k) {
    double error = 0;
    const double a = row_value(index.basis().data() + k * d, origin.data(), centred.data(), d, error);
    near.turned.push_back(static_cast<float>(std::clamp(a, -1e18, 1e18)));
    near.exact.push_back(static_cast<double>(near.turned.back()));
    square += near.exact.back() * near.exact.back();
  }
  near.length = std::sqrt(square);
  return near;
}

class NearPoints {
 public:
  NearPoints(const PointsView& points, const Frame& frame, const PointIndex& index, const PointIndex::Part& part)
      : points_(points), frame_(frame), index_(index), part_(part) {}
  std::vector<std::vector<PricedRow>> find(std::span<const Ask> asks) const;

 private:
  bool wants(const Near& near, std::int64_t group) const {
    return (near.ask->cells & part_.cell[static_cast<std::size_t>(group)]) != 0;
  }
  bool consider(Near& near, std::int64_t place) const;
  void consider_waiting(Near& near) const;
  void by_boxes(Near& near) const;
  void by_panels(std::span<Near> all) const;

  const PointsView& points_;
  const Frame& frame_;
  const PointIndex& index_;
  const PointIndex::Part& part_;
};

// True if the limit has fallen.
bool NearPoints::consider(Near& near, std::int64_t place) const {
  const std::int64_t row = part_.row_at(place);
  if (row == PointIndex::kNoRow || row == near.ask->left_out) return false;
  const double square = index_.boxes() ? std::visit(
                                             [&](const auto& x) {
                                               return squared_distance(x.data() + row * x.cols(), near.y.data(),
                                                                       1 / frame_.unit, x.cols());
                                             },
                                             points_)
                                       : squared_distance(index_.leading(row), near.exact.data(), 1, index_.leading());
  return near.lowest.add({square, row});
}

void NearPoints::by_boxes(Near& near) const {
  alignas(64) float score[kGroup];
  const std::int64_t w = index_.width();
  std::vector<std::pair<float, std::int64_t>> order;
  order.reserve(static_cast<std::size_t>(part_.box.rows()));
  for (std::int64_t g = 0; g < part_.box.groups(); ++g) {
    part_.box.squared_box_distances(g, near.turned.data(), w, score);
    for (std::int64_t i = 0; i < std::min(kGroup, part_.box.rows() - g * kGroup); ++i)
      if (wants(near, g * kGroup + i)) order.emplace_back(score[i], g * kGroup + i);
  }
  // Distances in the rotated float32 coordinates are within `error` of the true ones, and rounded themselves.
  const auto reaches = [&](std::int64_t group) {
    const double error =
        0x1p-20 * (static_cast<double>(part_.group_norm[static_cast<std::size_t>(group)]) + near.length);
    const double limit = std::sqrt(near.lowest.limit()) + error;
    return rounded_up(limit * limit * (1 + 0x1p-20 * static_cast<double>(w + 4)) + 1e-30);
  };
  const std::size_t promising = std::min<std::size_t>(6, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(promising), order.end());
  for (const auto& [bound, group] : order) {
    const float threshold = reaches(group);
    if (bound > threshold || !(part_.panel.squared_distances(group, near.turned.data(), w, score) <= threshold))
      continue;
    for (std::uint64_t bits = scores_at_most(score, threshold); bits != 0; bits &= bits - 1)
      consider(near, group * kGroup + std::countr_zero(bits));
  }
}

// (|a - y|^2 - |y|^2) / 2 = |a|^2 / 2 - <a, y>, many queries to a group of rows, the groups scattered over all lengths
// |x - c|, so that the limits fall soon.
void NearPoints::by_panels(std::span<Near> all) const {
  alignas(64) float score[kTogether * kGroup], least[kTogether];
  const std::int64_t columns = index_.leading() + PointIndex::kBoundFirst;
  const std::size_t blocks = (all.size() + kTogether - 1) / kTogether;
  std::vector<float> directions(blocks * static_cast<std::size_t>(columns * kTogether));
  for (std::size_t j = 0; j < all.size(); ++j) {
    float* block = directions.data() + j / kTogether * static_cast<std::size_t>(columns * kTogether) + j % kTogether;
    block[0] = 1;
    block[kTogether] = -rounded_up(all[j].length);
    for (std::int64_t k = 0; k < index_.leading(); ++k)
      block[(PointIndex::kBoundFirst + k) * kTogether] = -all[j].turned[static_cast<std::size_t>(k)];
    all[j].set_threshold();
  }
  const std::int64_t groups = part_.panel.groups();
  std::int64_t stride = groups * 618 / 1000 + 1;
  while (std::gcd(stride, groups) > 1) ++stride;
  for (std::int64_t i = 0, g = 0; i < groups; ++i, g = (g + stride) % groups) {
    for (std::size_t first = 0; first < all.size(); first += kTogether) {
      const std::span<const Near> block = all.subspan(first, std::min<std::size_t>(kTogether, all.size() - first));
      if (std::none_of(block.begin(), block.end(), [&](const Near& near) { return wants(near, g); })) continue;
      part_.panel.multiply(g, 0, columns, directions.data() + first * static_cast<std::size_t>(columns), score, least);
      for (std::size_t j = 0; j < block.size(); ++j) {
        Near& near = all[first + j];
        if (!wants(near, g) || !(least[j] <= near.threshold)) continue;
        for (std::uint64_t bits = scores_at_most(score + j * kGroup, near.threshold); bits != 0; bits &= bits - 1)
          near.waiting.push_back({score[j * kGroup + static_cast<std::size_t>(std::countr_zero(bits))],
                                  g * kGroup + std::countr_zero(bits)});
        if (near.waiting.size() >= kWaiting) consider_waiting(near);
      }
    }
  }
  for (Near& near : all) consider_waiting(near);
}

// The lowest scores first: they bring the limit down.
void NearPoints::consider_waiting(Near& near) const {
  const std::size_t promising = std::min(near.waiting.size(), static_cast<std::size_t>(near.ask->wanted) * 3 / 2 + 8);
  std::nth_element(near.waiting.begin(), near.waiting.begin() + static_cast<std::ptrdiff_t>(promising),
                   near.waiting.end());
  for (const Near::Place& p : near.waiting)
    if (p.score <= near.threshold && consider(near, p.place)) near.set_threshold();
  near.waiting.clear();
}

std::vector<std::vector<PricedRow>> NearPoints::find(std::span<const Ask> asks) const {
  const std::vector<std::size_t> order = by_cells(asks);
  std::vector<Near> all;
  all.reserve(asks.size());
  for (const std::size_t i : order) all.push_back(prepared(points_, frame_, index_, asks[i]));
  if (!index_.boxes()) by_panels(all);
  std::vector<std::vector<PricedRow>> result(asks.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (index_.boxes()) by_boxes(all[i]);
    result[order[i]] = all[i].lowest.take();
  }
  return result;
}

}  // namespace

std::vector<std::vector<PricedRow>> near_points(const PointsView& points, const Frame& frame, const PointIndex& index,
                                                std::span<const Ask> asks, Mask mask) {
  if (asks.empty()) return {};
  return NearPoints(points, frame, index, *index.part(mask)).find(asks);
}

std::vector<std::size_t> by_cells(std::span<const Ask> asks) {
  std::vector<std::size_t> order(asks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return asks[a].cells > asks[b].cells; });
  return order;
}

CellSet near_cells(const PointsView& points, const Frame& frame, const PointIndex& index, const double* y) {
  Ask ask;
  ask.y = y;
  return index.cells().around(prepared(points, frame, index, ask).turned.data());
}

}  // namespace hullscope::hull::detail
