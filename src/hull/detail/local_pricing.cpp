#include <hullscope/hull/detail/local_pricing.hpp>

#include <cblas.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <hullscope/hull/detail/lowest.hpp>
#include <hullscope/hull/detail/near_points.hpp>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kGroup = Panel::kGroup;
constexpr std::int64_t kTogether = Panel::kTogether;
constexpr std::int64_t kSingleDimensions = 48;  ///< from here on a row that 8 bits leave is tried in float32
constexpr std::size_t kWaiting = 512;           ///< rows

}  // namespace

LocalPricing::LocalPricing(const PointsView& points, const Frame& frame, PointIndex::Axes axes,
                           std::unique_ptr<Arrays> arrays)
    : points_(points),
      frame_(frame),
      index_(points, frame, std::move(axes), std::move(arrays)),
      wide_((dimension() > index_.width() || (index_.digits() && dimension() >= kSingleDimensions)) &&
            std::holds_alternative<MatrixView<float>>(points)),
      origin_(static_cast<std::size_t>(dimension()), 0),
      centre_length_(std::sqrt(squared_distance(frame.centre.data(), origin_.data(), 1, dimension())) * (1 + 0x1p-40)) {
}

void LocalPricing::rows(std::span<const std::int64_t> wanted, double* out) const {
  std::visit(
      [&](const auto& x) {
        for (const std::int64_t row : wanted) {
          const auto* from = x.data() + row * x.cols();
          for (std::int64_t k = 0; k < x.cols(); ++k) *out++ = static_cast<double>(from[k]);
        }
      },
      points_);
}

/// What a direction's bound has not ruled out: a group of rows, or a row's place.
struct LocalPricing::Opened {
  float bound;
  std::int64_t group;
  bool operator<(const Opened& other) const { return bound < other.bound; }
};

/// One ask on its way.
struct LocalPricing::Search {
  const Ask* ask;
  Lowest lowest;
  double lower, offset = 0, slack = 0;  // offset: <y - c, u> in units; slack: what its rounding may hide
  float threshold = 0;                  // a bound above it rules a row out
  float tail = 0;                       // |u_t|, rounded up
  std::vector<float> turned = {};       // b
  double products = 0;
  double unit = 1;
  std::vector<Opened> waiting = {};  // rows that 8 bits leave
  std::vector<float> single = {};    // u
  double level = 0;                  // <y, u>, rounded up
  double single_threshold = 0;       // <x, u> above it rules a row out
  bool wants(const Part& part, std::int64_t group) const {
    return (ask->cells & part.cell[static_cast<std::size_t>(group)]) != 0;
  }
  void set_threshold() {
    threshold = rounded_up(lowest.limit() / unit + offset + slack);
    single_threshold = lowest.limit() + level;
    single_threshold += 0x1p-50 * (std::fabs(lowest.limit()) + std::fabs(level));
  }
};

std::vector<LocalPricing::Search> LocalPricing::searches(std::span<const Ask> asks) const {
  const std::int64_t m = static_cast<std::int64_t>(asks.size()), d = dimension();
  Matrix<double> directions(m, d), turned(m, index_.width());
  for (std::int64_t j = 0; j < m; ++j)
    std::copy_n(asks[static_cast<std::size_t>(j)].direction, d, directions.row(j).data());
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(m), static_cast<int>(index_.width()),
              static_cast<int>(d), 1, directions.data(), static_cast<int>(d), index_.basis().data(),
              static_cast<int>(d), 0, turned.data(), static_cast<int>(index_.width()));
  std::vector<Search> result;
  result.reserve(asks.size());
  for (std::int64_t j = 0; j < m; ++j) {
    const Ask& ask = asks[static_cast<std::size_t>(j)];
    Search& s = result.emplace_back(Search{&ask, Lowest(ask.wanted, ask.cut), ask.cut});
    s.unit = frame_.unit;
    double error = 0;
    s.offset = row_value(ask.y, frame_.centre.data(), ask.direction, d, error) / s.unit;
    // Beside the error of the offset: |u| = 1 to 1e-12, and the limit's own rounding.
    s.slack = error / s.unit * 2 + 0x1p-39 * std::fabs(s.offset) + 0x1p-50 * std::fabs(ask.cut / s.unit) + 1e-30;
    double within = 0;
    for (std::int64_t k = 0; k < index_.width(); ++k) {
      const double b = turned(j, k);
      s.turned.push_back(static_cast<float>(b));
      within += b * b;
    }
    const double rest = index_.width() == d ? 0 : std::max(0.0, 1 - within) + 0x1p-32;
    s.tail = rounded_up(std::sqrt(rest));
    if (wide_) {
      for (std::int64_t k = 0; k < d; ++k) s.single.push_back(static_cast<float>(ask.direction[k]));
      s.level = row_value(ask.y, origin_.data(), ask.direction, d, error);
      s.level += 2 * error;
    }
    s.set_threshold();
  }
  return result;
}

// A row of many coordinates in float32, as its float64 value costs several times as much. |x| <= |x - c| + |c|; 32
// partial sums, u rounded to float32, products below the normal range.
bool LocalPricing::ruled_out_in_single(Search& s, std::int64_t row) const {
  const auto& x = std::get<MatrixView<float>>(points_);
  const std::int64_t d = x.cols();
  const double length = (frame_.norm[static_cast<std::size_t>(row)] * frame_.unit + centre_length_) * (1 + 0x1p-40);
  if (!(length < 1e37)) return false;
  s.products += static_cast<double>(d);
  const double error = 0x1p-23 * (static_cast<double>(d) / 32 + 16) * length + 0x1p-140 * static_cast<double>(d);
  return static_cast<double>(product(x.data() + row * d, s.single.data(), d)) - error > s.single_threshold;
}

// A row that the first bound has not ruled out.
void LocalPricing::consider(const Part& part, Search& s, std::int64_t place) const {
  const std::int64_t row = part.row_at(place);
  if (row == PointIndex::kNoRow || row == s.ask->left_out) return;
  if (wide_ && ruled_out_in_single(s, row)) return;
  double error = 0;
  const double value = std::visit(
      [&](const auto& x) { return row_value(x.data() + row * x.cols(), s.ask->y, s.ask->direction, x.cols(), error); },
      points_);
  s.products += static_cast<double>(dimension());
  s.lower = std::min(s.lower, value - error);
  if (s.lowest.add({value, row})) s.set_threshold();
}

std::vector<Priced> LocalPricing::price(std::span<const Ask> asks, Mask mask) const {
  if (asks.empty()) return {};
  const std::shared_ptr<const Part> part = index_.part(mask);
  const std::vector<std::size_t> order = by_cells(asks);
  std::vector<Ask> sorted;
  for (const std::size_t i : order) sorted.push_back(asks[i]);
  std::vector<Search> all = searches(sorted);
  if (index_.boxes())
    price_boxes(*part, all);
  else
    index_.digits() ? price_digits(*part, all) : price_panels(*part, all);
  std::vector<Priced> result(asks.size());
  for (std::size_t i = 0; i < all.size(); ++i) result[order[i]] = {all[i].lower, all[i].lowest.take(), all[i].products};
  return result;
}

// --- Boxes --------------------------------------------------------------------------------------------------------

void LocalPricing::price_boxes(const Part& part, std::span<Search> all) const {
  alignas(64) float score[kTogether * kGroup], least[kTogether];
  std::vector<Opened> opened[kTogether];
  const std::size_t w = static_cast<std::size_t>(index_.width());
  std::vector<float> directions((2 * w + 1) * kTogether);
  for (std::size_t first = 0; first < all.size(); first += kTogether) {
    const std::size_t count = std::min<std::size_t>(kTogether, all.size() - first);
    std::fill(directions.begin(), directions.end(), -1.0F);
    for (std::size_t j = 0; j < count; ++j) {
      opened[j].clear();
      for (std::size_t k = 0; k < w; ++k) {
        const float b = all[first + j].turned[k];
        directions[k * kTogether + j] = b;
        directions[(k + w) * kTogether + j] = -std::fabs(b);
      }
    }
    for (std::int64_t g = 0; g < part.box.groups(); ++g) {
      part.box.multiply(g, 0, part.box.columns(), directions.data(), score, least);
      for (std::size_t j = 0; j < count; ++j) {
        if (!(least[j] <= all[first + j].threshold)) continue;
        std::uint64_t bits = scores_at_most(score + j * kGroup, all[first + j].threshold);
        for (; bits != 0; bits &= bits - 1) {
          const std::size_t i = static_cast<std::size_t>(std::countr_zero(bits));
          const std::int64_t group = g * kGroup + static_cast<std::int64_t>(i);
          if (group < part.panel.groups() && all[first + j].wants(part, group))
            opened[j].push_back({score[j * kGroup + i], group});
        }
      }
    }
    for (std::size_t j = 0; j < count; ++j) price_opened(part, all[first + j], opened[j]);
  }
}

void LocalPricing::price_opened(const Part& part, Search& s, std::vector<Opened>& opened) const {
  alignas(64) float score[kGroup];
  s.products += static_cast<double>(part.box.rows() * part.box.columns());
  std::vector<float> direction = s.turned;
  direction.push_back(-1);
  // The most promising groups first: they bring the limit down.
  const std::size_t promising = std::min<std::size_t>(4, opened.size());
  std::partial_sort(opened.begin(), opened.begin() + static_cast<std::ptrdiff_t>(promising), opened.end());
  for (const Opened& o : opened) {
    if (o.bound > s.threshold) continue;
    s.products += static_cast<double>(kGroup * part.panel.columns());
    if (!(part.panel.multiply_one(o.group, direction.data(), score) <= s.threshold)) continue;
    for (std::uint64_t bits = scores_at_most(score, s.threshold); bits != 0; bits &= bits - 1) {
      const std::int64_t i = std::countr_zero(bits);
      if (score[i] <= s.threshold) consider(part, s, o.group * kGroup + i);
    }
  }
}

// --- Panels -------------------------------------------------------------------------------------------------------

void LocalPricing::price_panels(const Part& part, std::span<Search> all) const {
  alignas(64) float score[kTogether * kGroup], least[kTogether];
  const std::int64_t w = index_.width(), columns = w + 2;
  const std::size_t block_size = static_cast<std::size_t>(columns * kTogether);
  std::vector<float> directions((all.size() + kTogether - 1) / kTogether * block_size, -1.0F);
  for (std::size_t j = 0; j < all.size(); ++j) {
    float* to = directions.data() + j / kTogether * block_size + j % kTogether;
    for (std::int64_t k = 0; k < w; ++k) to[k * kTogether] = all[j].turned[static_cast<std::size_t>(k)];
    to[w * kTogether] = -all[j].tail;
  }
  for (std::int64_t g = 0; g < part.panel.groups(); ++g) {
    const float reach = -part.group_norm[static_cast<std::size_t>(g)] * (1 + 0x1p-20F);
    for (std::size_t first = 0; first < all.size(); first += kTogether) {
      const std::span<Search> block = all.subspan(first, std::min<std::size_t>(kTogether, all.size() - first));
      // No row of this group or a later one is longer than reach.
      if (std::none_of(block.begin(), block.end(),
                       [&](const Search& s) { return s.threshold >= reach && s.wants(part, g); }))
        continue;
      part.panel.multiply(g, PointIndex::kBoundFirst, columns, directions.data() + first / kTogether * block_size,
                          score, least);
      for (std::size_t j = 0; j < block.size(); ++j) {
        Search& s = block[j];
        if (!s.wants(part, g)) continue;
        s.products += static_cast<double>(kGroup * columns);
        if (!(least[j] <= s.threshold)) continue;
        const float* own = score + j * kGroup;
        for (std::uint64_t bits = scores_at_most(own, s.threshold); bits != 0; bits &= bits - 1) {
          const std::int64_t i = std::countr_zero(bits);
          if (own[i] <= s.threshold) consider(part, s, g * kGroup + i);
        }
      }
    }
  }
}

// --- Digits -------------------------------------------------------------------------------------------------------

// The same with 8 bits a coordinate. What they leave waits until there is enough to begin with the lowest bounds.
void LocalPricing::price_digits(const Part& part, std::span<Search> all) const {
  alignas(64) float score[kTogether * kGroup];
  std::vector<DigitPanel::Directions> directions((all.size() + kTogether - 1) / kTogether);
  for (std::size_t j = 0; j < all.size(); ++j)
    part.digits.set(directions[j / kTogether], j % kTogether, all[j].turned, all[j].tail);
  for (std::int64_t g = 0; g < part.panel.groups(); ++g) {
    const float reach = -part.group_norm[static_cast<std::size_t>(g)] * (1 + 0x1p-20F);
    for (std::size_t first = 0; first < all.size(); first += kTogether) {
      const std::span<Search> block = all.subspan(first, std::min<std::size_t>(kTogether, all.size() - first));
      float threshold[kTogether] = {-3e38F, -3e38F, -3e38F, -3e38F};
      bool reached = false;
      for (std::size_t j = 0; j < block.size(); ++j) {
        if (block[j].wants(part, g)) threshold[j] = block[j].threshold;
        reached = reached || threshold[j] >= reach;
      }
      if (!reached) continue;
      const auto marks = part.digits.multiply(g, directions[first / kTogether], threshold, score);
      for (std::size_t j = 0; j < block.size(); ++j) {
        Search& s = block[j];
        if (!s.wants(part, g)) continue;
        s.products += static_cast<double>(kGroup * part.digits.columns());
        for (std::uint64_t bits = marks[j]; bits != 0; bits &= bits - 1) {
          const int i = std::countr_zero(bits);
          s.waiting.push_back({score[j * kGroup + static_cast<std::size_t>(i)], g * kGroup + i});
        }
        if (s.waiting.size() >= kWaiting) consider_waiting(part, s);
      }
    }
  }
  for (Search& s : all) consider_waiting(part, s);
}

// The rows of the lowest bounds first: they bring the limit down.
void LocalPricing::consider_waiting(const Part& part, Search& s) const {
  const std::size_t promising = std::min(s.waiting.size(), static_cast<std::size_t>(s.ask->wanted) * 3 / 2 + 8);
  std::nth_element(s.waiting.begin(), s.waiting.begin() + static_cast<std::ptrdiff_t>(promising), s.waiting.end());
  for (const Opened& o : s.waiting)
    if (o.bound <= s.threshold) consider(part, s, o.group);
  s.waiting.clear();
}

// --- Near rows ----------------------------------------------------------------------------------------------------

CellSet LocalPricing::neighbourhood(const double* y) const {
  return index_.cells().count() == 1 ? kAllCells : near_cells(points_, frame_, index_, y);
}

std::vector<std::vector<PricedRow>> LocalPricing::near(std::span<const Ask> asks, Mask mask) const {
  return near_points(points_, frame_, index_, asks, mask);
}

std::vector<std::vector<std::int64_t>> LocalPricing::nearest(std::span<const Ask> asks, Mask mask) const {
  std::vector<std::vector<std::int64_t>> result;
  for (const std::vector<PricedRow>& found : near(asks, mask)) {
    std::vector<std::int64_t>& rows = result.emplace_back();
    for (const PricedRow& row : found) rows.push_back(row.row);
  }
  return result;
}

}  // namespace hullscope::hull::detail
