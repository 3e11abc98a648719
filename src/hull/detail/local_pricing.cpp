#include <hullscope/hull/detail/local_pricing.hpp>

#include <cblas.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kGroup = Panel::kGroup;
constexpr std::int64_t kTogether = Panel::kTogether;
constexpr float kNever = -1e30F;  // as the e_x of a padding row: its bound is then far above every limit
constexpr std::size_t kCachedMasks = 32;

/// Rounded up.
float above(double x) {
  const double limited = std::clamp(x, -3e38, 3e38);
  return std::nextafter(static_cast<float>(limited), std::numeric_limits<float>::infinity());
}

// Many directions of very wide rows cost more than they rule out.
std::int64_t width_of(std::int64_t d) {
  return d <= 2048 ? std::min(d, LocalPricing::kWidth) : 64;
}

/// The `wanted` first rows seen so far, and the limit that a further one must stay below.
class Lowest {
 public:
  Lowest(std::int32_t wanted, double cut) : wanted_(static_cast<std::size_t>(wanted)), limit_(cut) {}
  double limit() const { return limit_; }
  /// True if the limit has fallen.
  bool add(PricedRow row) {
    if (wanted_ == 0 || !(row.value < limit_ || (full_ && row.value == limit_))) return false;
    rows_.push_back(row);
    return rows_.size() >= wanted_ + std::max<std::size_t>(8, wanted_ / 4) && keep_first();
  }
  std::vector<PricedRow> take() {
    keep_first();
    std::sort(rows_.begin(), rows_.end());
    return std::move(rows_);
  }

 private:
  bool keep_first() {
    if (rows_.size() < wanted_ || wanted_ == 0) return false;
    std::nth_element(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(wanted_ - 1), rows_.end());
    rows_.resize(wanted_);
    limit_ = rows_.back().value;
    full_ = true;
    return true;
  }
  std::size_t wanted_;
  double limit_;
  bool full_ = false;
  std::vector<PricedRow> rows_;
};

}  // namespace

// --- The index ----------------------------------------------------------------------------------------------------

/// Some of the rows, in the order in which they are looked at, and their panels.
struct LocalPricing::Index {
  std::vector<std::int64_t> row;  // place -> row
  std::vector<float> group_norm;  // the largest |x - c| of each group, rounded up
  Panel coarse;                   // boxes: a, e_x; else: a, |x_t|, e_x
  Panel box;                      // boxes: m, h, e of each group
  Panel near;                     // else: a's first near_width_ coordinates, |a|^2 / 2, an error bound
};

LocalPricing::LocalPricing(const PointsView& points, const Frame& frame)
    : points_(points),
      frame_(frame),
      width_(width_of(dimension())),
      near_width_(std::min<std::int64_t>(width_, 30)),
      basis_(principal_directions(points, frame, width_)),
      wide_(dimension() > kWidth && std::holds_alternative<MatrixView<float>>(points)),
      origin_(static_cast<std::size_t>(dimension()), 0) {
  centre_length_ = std::sqrt(squared_distance(frame.centre.data(), origin_.data(), 1, dimension())) * (1 + 0x1p-40);
  rotate();
  std::vector<std::int64_t> every(static_cast<std::size_t>(size()));
  std::iota(every.begin(), every.end(), std::int64_t{0});
  all_ = make_index(std::move(every));
}

LocalPricing::~LocalPricing() = default;

void LocalPricing::rotate() {
  const std::int64_t n = size(), d = dimension();
  rotated_.resize(static_cast<std::size_t>(n * width_));
  tail_.resize(static_cast<std::size_t>(n));
  // A whole tile each time, so that a row's bits depend on its tile alone.
  std::vector<double> tile(static_cast<std::size_t>(kTileRows * d)),
      turned(static_cast<std::size_t>(kTileRows * width_));
  for (std::int64_t first = 0; first < n; first += kTileRows) {
    const std::int64_t count = std::min(kTileRows, n - first);
    centred_rows(points_, frame_, first, first + count, tile.data());
    std::fill(tile.begin() + static_cast<std::ptrdiff_t>(count * d), tile.end(), 0.0);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(kTileRows), static_cast<int>(width_),
                static_cast<int>(d), 1, tile.data(), static_cast<int>(d), basis_.data(), static_cast<int>(d), 0,
                turned.data(), static_cast<int>(width_));
    for (std::int64_t i = 0; i < count; ++i) {
      const std::size_t row = static_cast<std::size_t>(first + i);
      const double* a = turned.data() + i * width_;
      float* out = rotated_.data() + (first + i) * width_;
      double within = 0;
      for (std::int64_t k = 0; k < width_; ++k) {
        out[k] = static_cast<float>(std::clamp(a[k], -1e30, 1e30));
        within += a[k] * a[k];
      }
      // |x_t|^2 = |x - c|^2 - |a|^2 up to the basis' defect and rounding; nothing is left where Q is square.
      const double square = frame_.norm[row] * frame_.norm[row];
      const double rest = width_ == d ? 0 : std::max(0.0, square - within) + 0x1p-32 * square;
      tail_[row] = above(std::sqrt(rest));
    }
  }
}

std::shared_ptr<const LocalPricing::Index> LocalPricing::make_index(std::vector<std::int64_t> taken) const {
  auto index = std::make_shared<Index>();
  index->row = std::move(taken);
  boxes() ? order_by_boxes(*index) : order_by_norm(*index);
  const std::int64_t n = static_cast<std::int64_t>(index->row.size());
  const double share = 0x1p-22 * static_cast<double>(width_ + 12);
  index->coarse = Panel(n, width_ + (boxes() ? 1 : 2));
  if (!boxes()) index->near = Panel(n, near_width_ + 2);
  index->group_norm.assign(static_cast<std::size_t>(index->coarse.groups()), 0);
  for (std::int64_t p = 0; p < n; ++p) {
    const std::size_t row = static_cast<std::size_t>(index->row[static_cast<std::size_t>(p)]);
    const float* a = rotated(static_cast<std::int64_t>(row));
    const double norm = frame_.norm[row];
    float& most = index->group_norm[static_cast<std::size_t>(p / kGroup)];
    most = std::max(most, above(norm));
    for (std::int64_t k = 0; k < width_; ++k) index->coarse.at(p, k) = a[k];
    if (!boxes()) index->coarse.at(p, width_) = tail_[row];
    index->coarse.at(p, index->coarse.columns() - 1) = above(share * norm + 1e-30);
    if (boxes()) continue;
    double half = 0;
    for (std::int64_t k = 0; k < near_width_; ++k) {
      index->near.at(p, k) = a[k];
      half += 0.5 * a[k] * a[k];
    }
    index->near.at(p, near_width_) = static_cast<float>(std::min(half * (1 - share), 1e37));
    index->near.at(p, near_width_ + 1) = above(std::sqrt(2 * half) * share + 1e-30);
  }
  for (std::int64_t p = n; p < index->coarse.groups() * kGroup; ++p) {
    index->coarse.at(p, index->coarse.columns() - 1) = kNever;
    if (!boxes()) index->near.at(p, near_width_) = -kNever;
  }
  return index;
}

// By falling |x - c|: the lowest rows of a direction are seldom near the centre.
void LocalPricing::order_by_norm(Index& index) const {
  std::sort(index.row.begin(), index.row.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = frame_.norm[static_cast<std::size_t>(a)], y = frame_.norm[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
}

// A k-d tree's leaves: halves along the widest coordinate, at whole groups; then the box of each group.
void LocalPricing::order_by_boxes(Index& index) const {
  std::vector<float> least(static_cast<std::size_t>(width_)), most(least.size());
  const auto measure = [&](std::size_t first, std::size_t last) {
    std::copy_n(rotated(index.row[first]), width_, least.begin());
    most = least;
    for (std::size_t p = first + 1; p < last; ++p) {
      const float* a = rotated(index.row[p]);
      for (std::size_t k = 0; k < least.size(); ++k) {
        least[k] = a[k] < least[k] ? a[k] : least[k];
        most[k] = a[k] > most[k] ? a[k] : most[k];
      }
    }
  };
  std::vector<std::pair<std::size_t, std::size_t>> open = {{0, index.row.size()}};
  while (!open.empty()) {
    const auto [first, last] = open.back();
    open.pop_back();
    if (last - first <= static_cast<std::size_t>(kGroup)) continue;
    measure(first, last);
    std::size_t widest = 0;
    for (std::size_t k = 1; k < least.size(); ++k)
      if (most[k] - least[k] > most[widest] - least[widest]) widest = k;
    const std::size_t groups = (last - first + kGroup - 1) / kGroup;
    const std::size_t middle = first + groups / 2 * kGroup;
    const auto at = [&](std::size_t p) { return index.row.begin() + static_cast<std::ptrdiff_t>(p); };
    std::nth_element(at(first), at(middle), at(last), [&](std::int64_t a, std::int64_t b) {
      const float x = rotated(a)[widest], y = rotated(b)[widest];
      return x < y || (x == y && a < b);
    });
    open.push_back({first, middle});
    open.push_back({middle, last});
  }
  const std::int64_t n = static_cast<std::int64_t>(index.row.size()), groups = (n + kGroup - 1) / kGroup;
  index.box = Panel(groups, 2 * width_ + 1);
  for (std::int64_t g = 0; g < (groups + kGroup - 1) / kGroup * kGroup; ++g) {
    if (g >= groups) {
      index.box.at(g, 2 * width_) = kNever;
      continue;
    }
    measure(static_cast<std::size_t>(g * kGroup), static_cast<std::size_t>(std::min(n, (g + 1) * kGroup)));
    double size = 0;
    for (std::int64_t k = 0; k < width_; ++k) {
      const std::size_t c = static_cast<std::size_t>(k);
      const float middle = 0.5F * least[c] + 0.5F * most[c];
      const float half = above(std::max(static_cast<double>(most[c]) - middle, static_cast<double>(middle) - least[c]));
      index.box.at(g, k) = middle;
      index.box.at(g, width_ + k) = half;
      size += std::pow(std::fabs(static_cast<double>(middle)) + half, 2);
    }
    double norm = 0;
    for (std::int64_t p = g * kGroup; p < std::min(n, (g + 1) * kGroup); ++p)
      norm = std::max(norm, frame_.norm[static_cast<std::size_t>(index.row[static_cast<std::size_t>(p)])]);
    index.box.at(g, 2 * width_) =
        above(0x1p-22 * static_cast<double>(2 * width_ + 24) * (std::sqrt(size) + norm) + 1e-30);
  }
}

std::shared_ptr<const LocalPricing::Index> LocalPricing::index(Mask mask) const {
  if (mask.empty()) return all_;
  const std::lock_guard lock(masked_lock_);
  for (const auto& [kept, found] : masked_)
    if (std::equal(mask.begin(), mask.end(), kept.begin(), kept.end())) return found;
  std::vector<std::int64_t> taken;
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i] != 0) taken.push_back(static_cast<std::int64_t>(i));
  if (masked_.size() == kCachedMasks) masked_.erase(masked_.begin());
  masked_.emplace_back(std::vector<std::uint8_t>(mask.begin(), mask.end()), make_index(std::move(taken)));
  return masked_.back().second;
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

// --- Pricing ------------------------------------------------------------------------------------------------------

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
  std::vector<float> single = {};  // u
  double level = 0;                // <y, u>, rounded up
  double single_threshold = 0;     // <x, u> above it rules a row out
  void set_threshold() {
    threshold = above(lowest.limit() / unit + offset + slack);
    single_threshold = lowest.limit() + level;
    single_threshold += 0x1p-50 * (std::fabs(lowest.limit()) + std::fabs(level));
  }
};

std::vector<LocalPricing::Search> LocalPricing::searches(std::span<const Ask> asks) const {
  const std::int64_t m = static_cast<std::int64_t>(asks.size()), d = dimension();
  Matrix<double> directions(m, d), turned(m, width_);
  for (std::int64_t j = 0; j < m; ++j)
    std::copy_n(asks[static_cast<std::size_t>(j)].direction, d, directions.row(j).data());
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(m), static_cast<int>(width_),
              static_cast<int>(d), 1, directions.data(), static_cast<int>(d), basis_.data(), static_cast<int>(d), 0,
              turned.data(), static_cast<int>(width_));
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
    for (std::int64_t k = 0; k < width_; ++k) {
      const double b = turned(j, k);
      s.turned.push_back(static_cast<float>(b));
      within += b * b;
    }
    const double rest = width_ == d ? 0 : std::max(0.0, 1 - within) + 0x1p-32;
    s.tail = above(std::sqrt(rest));
    if (wide_) {
      for (std::int64_t k = 0; k < d; ++k) s.single.push_back(static_cast<float>(ask.direction[k]));
      s.level = row_value(ask.y, origin_.data(), ask.direction, d, error);
      s.level += 2 * error;
    }
    s.set_threshold();
  }
  return result;
}

// A row of many coordinates in float32: as its float64 value costs several times as much. |x| <= |x - c| + |c|; 32
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
void LocalPricing::consider(Search& s, std::int64_t row) const {
  if (row == s.ask->left_out) return;
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
  const std::shared_ptr<const Index> taken = index(mask);
  std::vector<Search> all = searches(asks);
  boxes() ? price_boxes(*taken, all) : price_panels(*taken, all);
  std::vector<Priced> result;
  for (Search& s : all) result.push_back({s.lower, s.lowest.take(), s.products});
  return result;
}

void LocalPricing::price_boxes(const Index& index, std::span<Search> all) const {
  alignas(64) float score[kTogether * kGroup], least[kTogether];
  struct Opened {
    float bound;
    std::int64_t group;
    bool operator<(const Opened& other) const { return bound < other.bound; }
  };
  std::vector<Opened> opened[kTogether];
  std::vector<float> directions(static_cast<std::size_t>((2 * width_ + 1) * kTogether));
  std::vector<float> direction(static_cast<std::size_t>(width_ + 1), -1);
  for (std::size_t first = 0; first < all.size(); first += kTogether) {
    const std::size_t count = std::min<std::size_t>(kTogether, all.size() - first);
    std::fill(directions.begin(), directions.end(), -1.0F);
    for (std::size_t j = 0; j < count; ++j) {
      opened[j].clear();
      for (std::size_t k = 0; k < static_cast<std::size_t>(width_); ++k) {
        const float b = all[first + j].turned[k];
        directions[k * kTogether + j] = b;
        directions[(k + static_cast<std::size_t>(width_)) * kTogether + j] = -std::fabs(b);
      }
    }
    for (std::int64_t g = 0; g < index.box.groups(); ++g) {
      index.box.multiply(g, directions.data(), score, least);
      for (std::size_t j = 0; j < count; ++j) {
        if (!(least[j] <= all[first + j].threshold)) continue;
        std::uint64_t bits = scores_at_most(score + j * kGroup, all[first + j].threshold);
        for (; bits != 0; bits &= bits - 1) {
          const int i = std::countr_zero(bits);
          opened[j].push_back({score[j * kGroup + static_cast<std::size_t>(i)], g * kGroup + i});
        }
      }
    }
    for (std::size_t j = 0; j < count; ++j) {
      Search& s = all[first + j];
      s.products += static_cast<double>(index.box.rows() * index.box.columns());
      std::copy(s.turned.begin(), s.turned.end(), direction.begin());
      // The most promising groups first: they bring the limit down.
      const std::size_t promising = std::min<std::size_t>(4, opened[j].size());
      std::partial_sort(opened[j].begin(), opened[j].begin() + static_cast<std::ptrdiff_t>(promising), opened[j].end());
      for (const Opened& o : opened[j]) {
        if (o.bound > s.threshold) continue;
        s.products += static_cast<double>(kGroup * index.coarse.columns());
        if (!(index.coarse.multiply_one(o.group, direction.data(), score) <= s.threshold)) continue;
        for (std::uint64_t bits = scores_at_most(score, s.threshold); bits != 0; bits &= bits - 1) {
          const std::int64_t i = std::countr_zero(bits);
          if (score[i] <= s.threshold) consider(s, index.row[static_cast<std::size_t>(o.group * kGroup + i)]);
        }
      }
    }
  }
}

void LocalPricing::price_panels(const Index& index, std::span<Search> all) const {
  alignas(64) float score[kTogether * kGroup], least[kTogether];
  const std::int64_t columns = index.coarse.columns();
  const std::size_t blocks = (all.size() + kTogether - 1) / kTogether;
  std::vector<float> directions(blocks * static_cast<std::size_t>(columns * kTogether), -1.0F);
  for (std::size_t j = 0; j < all.size(); ++j) {
    float* block = directions.data() + j / kTogether * static_cast<std::size_t>(columns * kTogether) + j % kTogether;
    for (std::int64_t k = 0; k < width_; ++k) block[k * kTogether] = all[j].turned[static_cast<std::size_t>(k)];
    block[width_ * kTogether] = -all[j].tail;
  }
  for (std::int64_t g = 0; g < index.coarse.groups(); ++g) {
    const float reach = -index.group_norm[static_cast<std::size_t>(g)] * (1 + 0x1p-20F);
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::span<Search> block =
          all.subspan(b * kTogether, std::min<std::size_t>(kTogether, all.size() - b * kTogether));
      // No row of this group or a later one is longer than reach.
      if (std::all_of(block.begin(), block.end(), [&](const Search& s) { return s.threshold < reach; })) continue;
      index.coarse.multiply(g, directions.data() + b * static_cast<std::size_t>(columns * kTogether), score, least);
      for (std::size_t j = 0; j < block.size(); ++j) {
        Search& s = block[j];
        s.products += static_cast<double>(kGroup * columns);
        if (!(least[j] <= s.threshold)) continue;
        const float* own = score + j * kGroup;
        for (std::uint64_t bits = scores_at_most(own, s.threshold); bits != 0; bits &= bits - 1) {
          const std::int64_t i = std::countr_zero(bits);
          if (own[i] <= s.threshold) consider(s, index.row[static_cast<std::size_t>(g * kGroup + i)]);
        }
      }
    }
  }
}

// --- Near points --------------------------------------------------------------------------------------------------

/// One query on its way. A query far off is drawn to a few radii, which changes the order little and keeps float32 in
/// range.
struct LocalPricing::Near {
  const Ask* ask;
  Lowest lowest;                   // squared distances in units^2
  std::vector<double> y = {};      // the drawn query
  std::vector<float> turned = {};  // Q (y - c) in units
  std::vector<double> exact = {};  // the same numbers as doubles
  double length = 0;               // |turned|
};

std::vector<LocalPricing::Near> LocalPricing::near_points(std::span<const Ask> asks) const {
  const std::size_t d = static_cast<std::size_t>(dimension()), w = boxes() ? d : static_cast<std::size_t>(near_width_);
  std::vector<Near> result;
  result.reserve(asks.size());
  std::vector<double> centred(d);
  const std::vector<double> origin(d, 0);
  for (const Ask& ask : asks) {
    Near& near = result.emplace_back(Near{&ask, Lowest(ask.wanted, std::numeric_limits<double>::infinity())});
    double largest = 0;
    for (std::size_t k = 0; k < d; ++k) {
      centred[k] = (ask.y[k] - frame_.centre[k]) / frame_.unit;
      largest = std::max(largest, std::fabs(centred[k]));
    }
    const double reach = 4 * frame_.radius + 1e-300;
    const double shrink = largest > reach ? reach / largest : 1;
    near.y.resize(d);
    for (std::size_t k = 0; k < d; ++k) {
      centred[k] *= shrink;
      near.y[k] = shrink == 1 ? ask.y[k] : frame_.centre[k] + centred[k] * frame_.unit;
    }
    double square = 0;
    for (std::size_t k = 0; k < w; ++k) {
      double error = 0;
      const double a = row_value(basis_.data() + k * d, origin.data(), centred.data(), dimension(), error);
      near.turned.push_back(static_cast<float>(std::clamp(a, -1e18, 1e18)));
      near.exact.push_back(static_cast<double>(near.turned.back()));
      square += near.exact.back() * near.exact.back();
    }
    near.length = std::sqrt(square);
  }
  return result;
}

void LocalPricing::consider_near(Near& near, std::int64_t row) const {
  if (row == near.ask->left_out) return;
  if (boxes()) {
    near.lowest.add({std::visit(
                         [&](const auto& x) {
                           return squared_distance(x.data() + row * x.cols(), near.y.data(), 1 / frame_.unit, x.cols());
                         },
                         points_),
                     row});
    return;
  }
  const std::int64_t w = static_cast<std::int64_t>(near.turned.size());
  near.lowest.add({squared_distance(rotated(row), near.exact.data(), 1, w), row});
}

void LocalPricing::nearest_boxes(const Index& index, Near& near) const {
  alignas(64) float score[kGroup];
  std::vector<std::pair<float, std::int64_t>> order;
  order.reserve(static_cast<std::size_t>(index.box.rows()));
  for (std::int64_t g = 0; g < index.box.groups(); ++g) {
    index.box.squared_box_distances(g, near.turned.data(), width_, score);
    for (std::int64_t i = 0; i < std::min(kGroup, index.box.rows() - g * kGroup); ++i)
      order.emplace_back(score[i], g * kGroup + i);
  }
  // Distances in the rotated float32 coordinates are within `error` of the true ones, and rounded by `round`.
  const auto reaches = [&](std::int64_t group) {
    const double error =
        0x1p-20 * (static_cast<double>(index.group_norm[static_cast<std::size_t>(group)]) + near.length);
    const double limit = std::sqrt(near.lowest.limit()) + error;
    return above(limit * limit * (1 + 0x1p-20 * static_cast<double>(width_ + 4)) + 1e-30);
  };
  const std::size_t promising = std::min<std::size_t>(6, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(promising), order.end());
  for (const auto& [bound, group] : order) {
    float threshold = reaches(group);
    if (bound > threshold || !(index.coarse.squared_distances(group, near.turned.data(), width_, score) <= threshold))
      continue;
    std::uint64_t bits = scores_at_most(score, threshold);
    for (; bits != 0; bits &= bits - 1) {
      const std::int64_t place = group * kGroup + std::countr_zero(bits);
      if (place < index.coarse.rows()) consider_near(near, index.row[static_cast<std::size_t>(place)]);
    }
  }
}

void LocalPricing::nearest_prefixes(const Index& index, std::span<Near> all) const {
  alignas(64) float score[kTogether * kGroup], least[kTogether];
  const std::int64_t columns = index.near.columns();
  std::vector<float> directions(static_cast<std::size_t>(columns * kTogether));
  float threshold[kTogether];
  for (std::size_t first = 0; first < all.size(); first += kTogether) {
    const std::span<Near> block = all.subspan(first, std::min<std::size_t>(kTogether, all.size() - first));
    // (|a - y|^2 - |y|^2) / 2 = |a|^2 / 2 - <a, y>
    const auto set_threshold = [&](std::size_t j) {
      const double limit = 0.5 * (block[j].lowest.limit() - block[j].length * block[j].length);
      threshold[j] = above(limit + 0x1p-40 * block[j].length * block[j].length + 1e-30);
    };
    for (std::size_t j = 0; j < block.size(); ++j) {
      for (std::size_t k = 0; k < block[j].turned.size(); ++k) directions[k * kTogether + j] = -block[j].turned[k];
      directions[static_cast<std::size_t>(near_width_) * kTogether + j] = 1;
      directions[static_cast<std::size_t>(near_width_ + 1) * kTogether + j] = -above(block[j].length);
      set_threshold(j);
    }
    // Scattered over all lengths |x - c|, so that the limit falls soon.
    const std::int64_t groups = index.near.groups();
    std::int64_t stride = groups * 618 / 1000 + 1;
    while (std::gcd(stride, groups) != 1) ++stride;
    for (std::int64_t i = 0, g = 0; i < groups; ++i, g = (g + stride) % groups) {
      index.near.multiply(g, directions.data(), score, least);
      for (std::size_t j = 0; j < block.size(); ++j) {
        if (!(least[j] <= threshold[j])) continue;
        for (std::uint64_t bits = scores_at_most(score + j * kGroup, threshold[j]); bits != 0; bits &= bits - 1) {
          const std::int64_t place = g * kGroup + std::countr_zero(bits);
          if (place < index.near.rows()) consider_near(block[j], index.row[static_cast<std::size_t>(place)]);
        }
        set_threshold(j);
      }
    }
  }
}

std::vector<std::vector<std::int64_t>> LocalPricing::nearest(std::span<const Ask> asks, Mask mask) const {
  const std::shared_ptr<const Index> taken = index(mask);
  std::vector<Near> all = near_points(asks);
  if (!boxes()) nearest_prefixes(*taken, all);
  std::vector<std::vector<std::int64_t>> result;
  for (Near& near : all) {
    if (boxes()) nearest_boxes(*taken, near);
    std::vector<std::int64_t>& rows = result.emplace_back();
    for (const PricedRow& row : near.lowest.take()) rows.push_back(row.row);
  }
  return result;
}

}  // namespace hullscope::hull::detail
