#include <hullscope/hull/detail/point_index.hpp>

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kGroup = Panel::kGroup;
constexpr float kNever = -1e30F;  // as the e_x of a padding row: its bound is then far above every limit
constexpr std::size_t kCachedMasks = 32;

// Many directions of very wide rows cost more than they rule out. (Measured at d = 784 in float32: 384 make projections
// 1.3 times faster, for fewer rows are left, and the preparation for memberships dearer.)
std::int64_t width_of(std::int64_t d, bool projection) {
  if (d > 2048) return 64;
  if (DigitPanel::fast() && d <= 1024) return d;
  return std::min(d, projection && d <= 1024 ? PointIndex::kWidthForProjection : PointIndex::kWidth);
}

/// Of the rounding of a and of products with it, over |x - c|.
double rounding_share(std::int64_t width) {
  return 0x1p-22 * static_cast<double>(width + 12);
}

}  // namespace

float rounded_up(double x) {
  return std::nextafter(static_cast<float>(std::clamp(x, -3e38, 3e38)), std::numeric_limits<float>::infinity());
}

Matrix<double> PointIndex::basis(const PointsView& points, const Frame& frame, bool projection, const RowChain& chain) {
  return principal_directions(points, frame, width_of(cols(points), projection), chain);
}

PointIndex::PointIndex(const PointsView& points, const Frame& frame, Matrix<double> basis,
                       std::unique_ptr<Arrays> arrays)
    : frame_(frame),
      basis_(std::move(basis)),
      size_(rows(points)),
      leading_width_(boxes() ? width() : std::min<std::int64_t>(width(), kLeading)),
      arrays_(std::move(arrays)),
      leading_(arrays_->zeros(size_ * leading_width_)) {
  std::vector<std::int64_t> every(static_cast<std::size_t>(size_));
  std::iota(every.begin(), every.end(), std::int64_t{0});
  if (!boxes() && width() == basis_.cols() && DigitPanel::fast()) steps_ = digit_steps(points);
  if (boxes()) {
    rotate(points);
    arrays_->meet();
    all_ = part_of(std::move(every), arrays_.get());
  } else {
    all_ = part_of(std::move(every), arrays_.get());
    rotate(points);
  }
  arrays_->meet();
}

// From rows in sixteen places.
std::vector<double> PointIndex::digit_steps(const PointsView& points) const {
  constexpr std::int64_t kPlaces = 16;
  const std::int64_t d = basis_.cols(), w = width();
  Matrix<double> rows(kTileRows, d);
  std::int64_t count = 0;
  for (std::int64_t place = 0; place < kPlaces; ++place) {
    const std::int64_t first = place * size_ / kPlaces, next = (place + 1) * size_ / kPlaces;
    const std::int64_t last = std::min(next, first + kTileRows / kPlaces);
    centred_rows(points, frame_, first, last, rows.row(count).data());
    count += last - first;
  }
  Matrix<double> sample(count, w);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(count), static_cast<int>(w),
              static_cast<int>(d), 1, rows.data(), static_cast<int>(d), basis_.data(), static_cast<int>(d), 0,
              sample.data(), static_cast<int>(w));
  return DigitPanel::steps(sample);
}

// A whole tile each time, so that a row's bits depend on its tile alone; the sharers' tiles in turn.
void PointIndex::rotate(const PointsView& points) {
  const std::int64_t d = basis_.cols(), w = width();
  std::vector<std::int64_t> place(boxes() ? 0 : static_cast<std::size_t>(size_));
  for (std::size_t p = 0; p < place.size(); ++p)
    place[static_cast<std::size_t>(all_->row[p])] = static_cast<std::int64_t>(p);
  std::vector<double> tile(static_cast<std::size_t>(kTileRows * d)), turned(static_cast<std::size_t>(kTileRows * w));
  std::vector<float> single(static_cast<std::size_t>(w));
  const std::int64_t step = kTileRows * arrays_->sharers();
  for (std::int64_t first = kTileRows * arrays_->sharer(); first < size_; first += step) {
    const std::int64_t count = std::min(kTileRows, size_ - first);
    centred_rows(points, frame_, first, first + count, tile.data());
    std::fill(tile.begin() + static_cast<std::ptrdiff_t>(count * d), tile.end(), 0.0);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(kTileRows), static_cast<int>(w),
                static_cast<int>(d), 1, tile.data(), static_cast<int>(d), basis_.data(), static_cast<int>(d), 0,
                turned.data(), static_cast<int>(w));
    for (std::int64_t row = first; row < first + count; ++row) {
      const double* a = turned.data() + (row - first) * w;
      double within = 0;
      for (std::int64_t k = 0; k < w; ++k) {
        single[static_cast<std::size_t>(k)] = static_cast<float>(std::clamp(a[k], -1e30, 1e30));
        within += a[k] * a[k];
      }
      std::copy_n(single.begin(), leading_width_, leading_ + row * leading_width_);
      if (boxes()) continue;
      // |x_t|^2 = |x - c|^2 - |a|^2 up to the basis' defect and rounding; nothing is left where Q is square.
      const double square = norm(row) * norm(row);
      const double rest = w == d ? 0 : std::max(0.0, square - within) + 0x1p-32 * square;
      enter(*all_, place[static_cast<std::size_t>(row)], row, single.data(), std::sqrt(rest));
    }
  }
}

/// Above kBoxDimensions: a row's numbers in its place.
void PointIndex::enter(Part& part, std::int64_t place, std::int64_t row, const float* a, double tail) const {
  const double share = rounding_share(width());
  double half = 0;
  for (std::int64_t k = 0; k < leading_width_; ++k) half += 0.5 * a[k] * a[k];
  part.panel.at(place, 0) = static_cast<float>(std::min(half * (1 - share), 1e37));
  part.panel.at(place, 1) = rounded_up(std::sqrt(2 * half) * share + 1e-30);
  const double loss = share * norm(row) + 1e-30;
  if (digits()) part.digits.enter(place, a, tail, loss);
  const std::int64_t kept = digits() ? leading() : width();
  for (std::int64_t k = 0; k < kept; ++k) part.panel.at(place, kBoundFirst + k) = a[k];
  if (digits()) return;
  part.panel.at(place, kBoundFirst + width()) = rounded_up(tail);
  part.panel.at(place, kBoundFirst + width() + 1) = rounded_up(loss);
}

// The rows in their order, with what their groups need; the panel in `shared`, filled by the first sharer, or its own;
// above kBoxDimensions its rows are still to be entered.
std::shared_ptr<PointIndex::Part> PointIndex::part_of(std::vector<std::int64_t> rows, Arrays* shared) const {
  auto part = std::make_shared<Part>();
  part->row = std::move(rows);
  boxes() ? order_by_boxes(*part) : order_by_norm(*part);
  const std::int64_t n = static_cast<std::int64_t>(part->row.size());
  const std::int64_t columns = digits() ? kBoundFirst + leading() : width() + (boxes() ? 1 : kBoundFirst + 2);
  const std::int64_t last = columns - 1;
  part->panel = shared ? Panel(n, columns, shared->zeros(Panel::size(n, columns))) : Panel(n, columns);
  if (digits()) part->digits = DigitPanel(n, steps_, shared ? shared->zeros(DigitPanel::size(n, width())) : nullptr);
  part->group_norm.assign(static_cast<std::size_t>(part->panel.groups()), 0);
  for (std::int64_t p = 0; p < n; ++p) {
    float& most = part->group_norm[static_cast<std::size_t>(p / kGroup)];
    most = std::max(most, rounded_up(norm(part->row[static_cast<std::size_t>(p)])));
  }
  if (shared && shared->sharer() > 0) return part;
  for (std::int64_t p = 0; boxes() && p < n; ++p) {
    const std::int64_t row = part->row[static_cast<std::size_t>(p)];
    for (std::int64_t k = 0; k < width(); ++k) part->panel.at(p, k) = leading(row)[k];
    part->panel.at(p, last) = rounded_up(rounding_share(width()) * norm(row) + 1e-30);
  }
  for (std::int64_t p = n; p < part->panel.groups() * kGroup; ++p) {
    if (!digits()) part->panel.at(p, last) = kNever;
    if (!boxes()) part->panel.at(p, 0) = -kNever;
    if (digits()) part->digits.pad(p);
  }
  return part;
}

void PointIndex::order_by_norm(Part& part) const {
  std::sort(part.row.begin(), part.row.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = norm(a), y = norm(b);
    return x > y || (x == y && a < b);
  });
}

/// The smallest box around the rows of places [first, last).
void PointIndex::measure(const Part& part, std::size_t first, std::size_t last, std::vector<float>& least,
                         std::vector<float>& most) const {
  least.assign(leading(part.row[first]), leading(part.row[first]) + width());
  most = least;
  for (std::size_t p = first + 1; p < last; ++p) {
    const float* a = leading(part.row[p]);
    for (std::size_t k = 0; k < least.size(); ++k) {
      least[k] = a[k] < least[k] ? a[k] : least[k];
      most[k] = a[k] > most[k] ? a[k] : most[k];
    }
  }
}

// A k-d tree's leaves: halves along the widest coordinate, at whole groups; then the box of each group.
void PointIndex::order_by_boxes(Part& part) const {
  std::vector<float> least, most;
  std::vector<std::pair<std::size_t, std::size_t>> open = {{0, part.row.size()}};
  while (!open.empty()) {
    const auto [first, last] = open.back();
    open.pop_back();
    if (last - first <= static_cast<std::size_t>(kGroup)) continue;
    measure(part, first, last, least, most);
    std::size_t widest = 0;
    for (std::size_t k = 1; k < least.size(); ++k)
      if (most[k] - least[k] > most[widest] - least[widest]) widest = k;
    const std::size_t groups = (last - first + kGroup - 1) / kGroup;
    const std::size_t middle = first + groups / 2 * kGroup;
    const auto at = [&](std::size_t p) { return part.row.begin() + static_cast<std::ptrdiff_t>(p); };
    std::nth_element(at(first), at(middle), at(last), [&](std::int64_t a, std::int64_t b) {
      const float x = leading(a)[widest], y = leading(b)[widest];
      return x < y || (x == y && a < b);
    });
    open.push_back({first, middle});
    open.push_back({middle, last});
  }
  const std::int64_t groups = (static_cast<std::int64_t>(part.row.size()) + kGroup - 1) / kGroup;
  part.box = Panel(groups, 2 * width() + 1);
  for (std::int64_t g = 0; g < groups; ++g) make_box(part, g);
  for (std::int64_t g = groups; g < part.box.groups() * kGroup; ++g) part.box.at(g, 2 * width()) = kNever;
}

void PointIndex::make_box(Part& part, std::int64_t g) const {
  const std::size_t first = static_cast<std::size_t>(g * kGroup),
                    last = std::min(part.row.size(), static_cast<std::size_t>((g + 1) * kGroup));
  std::vector<float> least, most;
  measure(part, first, last, least, most);
  double size = 0, longest = 0;
  for (std::int64_t k = 0; k < width(); ++k) {
    const std::size_t c = static_cast<std::size_t>(k);
    const float middle = 0.5F * least[c] + 0.5F * most[c];
    const float half =
        rounded_up(std::max(static_cast<double>(most[c]) - middle, static_cast<double>(middle) - least[c]));
    part.box.at(g, k) = middle;
    part.box.at(g, width() + k) = half;
    size += std::pow(std::fabs(static_cast<double>(middle)) + half, 2);
  }
  for (std::size_t p = first; p < last; ++p) longest = std::max(longest, norm(part.row[p]));
  part.box.at(g, 2 * width()) =
      rounded_up(0x1p-22 * static_cast<double>(2 * width() + 24) * (std::sqrt(size) + longest) + 1e-30);
}

// --- Masks --------------------------------------------------------------------------------------------------------

std::shared_ptr<const PointIndex::Part> PointIndex::part(Mask mask) const {
  if (mask.empty()) return all_;
  const std::lock_guard lock(lock_);
  for (const auto& [kept, found] : masked_)
    if (std::equal(mask.begin(), mask.end(), kept.begin(), kept.end())) return found;
  if (masked_.size() == kCachedMasks) masked_.erase(masked_.begin());
  masked_.emplace_back(std::vector<std::uint8_t>(mask.begin(), mask.end()), subset(mask));
  return masked_.back().second;
}

std::shared_ptr<const PointIndex::Part> PointIndex::subset(Mask mask) const {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i] != 0) rows.push_back(static_cast<std::int64_t>(i));
  const std::shared_ptr<Part> part = part_of(std::move(rows), nullptr);
  if (boxes()) return part;
  // Both parts have the order of norms.
  for (std::int64_t p = 0, from = 0; p < static_cast<std::int64_t>(part->row.size()); ++p, ++from) {
    while (all_->row[static_cast<std::size_t>(from)] != part->row[static_cast<std::size_t>(p)]) ++from;
    for (std::int64_t k = 0; k < all_->panel.columns(); ++k) part->panel.at(p, k) = all_->panel.at(from, k);
    if (digits()) part->digits.copy(all_->digits, from, p);
  }
  return part;
}

}  // namespace hullscope::hull::detail
