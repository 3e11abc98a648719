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

/// Of the rotated coordinates of a row, those that nearness is measured in.
std::int64_t leading_of(std::int64_t width, std::int64_t d) {
  return d <= PointIndex::kBoxDimensions ? width : std::min(width, PointIndex::kLeading);
}

float in_range(double a) {
  return static_cast<float>(std::clamp(a, -1e30, 1e30));
}

}  // namespace

float rounded_up(double x) {
  return std::nextafter(static_cast<float>(std::clamp(x, -3e38, 3e38)), std::numeric_limits<float>::infinity());
}

PointIndex::Axes PointIndex::axes(const PointsView& points, const Frame& frame, bool projection,
                                  const RowChain& chain) {
  constexpr std::int64_t kSample = 4096;
  const std::int64_t d = cols(points);
  Axes axes{principal_directions(points, frame, width_of(d, projection), chain), {}};
  if (chain.total(rows(points)) >= Cells::kFewestRows) {
    const std::int64_t leading = leading_of(axes.basis.rows(), d);
    axes.cells = Cells(sample_rows(points, frame, kSample, chain) * axes.basis.topRows(leading).transpose());
  }
  return axes;
}

PointIndex::PointIndex(const PointsView& points, const Frame& frame, Axes axes, std::unique_ptr<Arrays> arrays)
    : frame_(frame),
      axes_(std::move(axes)),
      size_(rows(points)),
      leading_width_(leading_of(width(), basis().cols())),
      arrays_(std::move(arrays)),
      leading_(arrays_->zeros(size_ * leading_width_)) {
  if (!boxes() && width() == basis().cols() && DigitPanel::fast()) steps_ = digit_steps(points);
  find_leading(points);
  arrays_->meet();
  all_ = part_of(rows_by_cell(), arrays_.get());
  if (!boxes()) enter_rows(points);
  arrays_->meet();
}

// From rows in sixteen places.
std::vector<double> PointIndex::digit_steps(const PointsView& points) const {
  constexpr std::int64_t kPlaces = 16;
  const std::int64_t d = basis().cols(), w = width();
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
              static_cast<int>(d), 1, rows.data(), static_cast<int>(d), basis().data(), static_cast<int>(d), 0,
              sample.data(), static_cast<int>(w));
  return DigitPanel::steps(sample);
}

// The leading `columns` of Q (x - c), row by row. A whole tile each time, so that a row's bits depend on its tile
// alone; the sharers' tiles in turn.
void PointIndex::turn(const PointsView& points, std::int64_t columns,
                      const std::function<void(std::int64_t, const double*)>& take) const {
  const std::int64_t d = basis().cols();
  std::vector<double> tile(static_cast<std::size_t>(kTileRows * d));
  std::vector<double> turned(static_cast<std::size_t>(kTileRows * columns));
  const std::int64_t step = kTileRows * arrays_->sharers();
  for (std::int64_t first = kTileRows * arrays_->sharer(); first < size_; first += step) {
    const std::int64_t count = std::min(kTileRows, size_ - first);
    centred_rows(points, frame_, first, first + count, tile.data());
    std::fill(tile.begin() + static_cast<std::ptrdiff_t>(count * d), tile.end(), 0.0);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(kTileRows), static_cast<int>(columns),
                static_cast<int>(d), 1, tile.data(), static_cast<int>(d), basis().data(), static_cast<int>(d), 0,
                turned.data(), static_cast<int>(columns));
    for (std::int64_t row = first; row < first + count; ++row) take(row, turned.data() + (row - first) * columns);
  }
}

void PointIndex::find_leading(const PointsView& points) {
  turn(points, leading_width_, [&](std::int64_t row, const double* a) {
    for (std::int64_t k = 0; k < leading_width_; ++k) leading_[row * leading_width_ + k] = in_range(a[k]);
  });
}

void PointIndex::enter_rows(const PointsView& points) {
  const std::int64_t d = basis().cols(), w = width();
  std::vector<std::int64_t> place(static_cast<std::size_t>(size_));
  for (std::size_t p = 0; p < all_->row.size(); ++p)
    if (all_->row[p] != kNoRow) place[static_cast<std::size_t>(all_->row[p])] = static_cast<std::int64_t>(p);
  std::vector<float> single(static_cast<std::size_t>(w));
  turn(points, w, [&](std::int64_t row, const double* a) {
    double within = 0;
    for (std::int64_t k = 0; k < w; ++k) {
      single[static_cast<std::size_t>(k)] = in_range(a[k]);
      within += a[k] * a[k];
    }
    // Nearness is measured in these very numbers.
    std::copy_n(leading(row), leading_width_, single.begin());
    // |x_t|^2 = |x - c|^2 - |a|^2 up to the basis' defect and rounding; nothing is left where Q is square.
    const double square = norm(row) * norm(row);
    const double rest = w == d ? 0 : std::max(0.0, square - within) + 0x1p-32 * square;
    enter(*all_, place[static_cast<std::size_t>(row)], row, single.data(), std::sqrt(rest));
  });
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

std::vector<std::vector<std::int64_t>> PointIndex::rows_by_cell() const {
  std::vector<std::vector<std::int64_t>> rows(static_cast<std::size_t>(cells().count()));
  for (std::int64_t i = 0; i < size_; ++i) rows[static_cast<std::size_t>(cells().of(leading(i)))].push_back(i);
  return rows;
}

// The rows of each cell in their order, with what their groups need; the panel in `shared`, filled by the first sharer,
// or its own; above kBoxDimensions its rows are still to be entered.
std::shared_ptr<PointIndex::Part> PointIndex::part_of(std::vector<std::vector<std::int64_t>> cells,
                                                      Arrays* shared) const {
  auto part = std::make_shared<Part>();
  for (std::size_t c = 0; c < cells.size(); ++c) {
    std::vector<std::int64_t>& cell = cells[c];
    boxes() ? order_by_boxes(cell) : order_by_norm(cell);
    part->row.insert(part->row.end(), cell.begin(), cell.end());
    if (cells.size() > 1) part->row.resize((part->row.size() + kGroup - 1) / kGroup * kGroup, kNoRow);
    part->cell.resize((part->row.size() + kGroup - 1) / kGroup, cells.size() > 1 ? CellSet{1} << c : kAllCells);
  }
  const std::int64_t n = static_cast<std::int64_t>(part->row.size());
  const std::int64_t columns = digits() ? kBoundFirst + leading() : width() + (boxes() ? 1 : kBoundFirst + 2);
  const std::int64_t last = columns - 1;
  part->panel = shared ? Panel(n, columns, shared->zeros(Panel::size(n, columns))) : Panel(n, columns);
  if (digits()) part->digits = DigitPanel(n, steps_, shared ? shared->zeros(DigitPanel::size(n, width())) : nullptr);
  part->group_norm.assign(static_cast<std::size_t>(part->panel.groups()), 0);
  for (std::int64_t p = 0; p < n; ++p) {
    if (part->row_at(p) == kNoRow) continue;
    float& most = part->group_norm[static_cast<std::size_t>(p / kGroup)];
    most = std::max(most, rounded_up(norm(part->row_at(p))));
  }
  if (boxes()) make_boxes(*part);
  if (shared && shared->sharer() > 0) return part;
  for (std::int64_t p = 0; p < part->panel.groups() * kGroup; ++p) {
    const std::int64_t row = part->row_at(p);
    if (row == kNoRow) {
      if (!digits()) part->panel.at(p, last) = kNever;
      if (!boxes()) part->panel.at(p, 0) = -kNever;
      if (digits()) part->digits.pad(p);
    } else if (boxes()) {
      for (std::int64_t k = 0; k < width(); ++k) part->panel.at(p, k) = leading(row)[k];
      part->panel.at(p, last) = rounded_up(rounding_share(width()) * norm(row) + 1e-30);
    }
  }
  return part;
}

void PointIndex::order_by_norm(std::vector<std::int64_t>& cell) const {
  std::sort(cell.begin(), cell.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = norm(a), y = norm(b);
    return x > y || (x == y && a < b);
  });
}

/// The smallest box around some rows.
void PointIndex::measure(std::span<const std::int64_t> rows, std::vector<float>& least,
                         std::vector<float>& most) const {
  least.assign(leading(rows.front()), leading(rows.front()) + width());
  most = least;
  for (const std::int64_t row : rows) {
    const float* a = leading(row);
    for (std::size_t k = 0; k < least.size(); ++k) {
      least[k] = a[k] < least[k] ? a[k] : least[k];
      most[k] = a[k] > most[k] ? a[k] : most[k];
    }
  }
}

// A k-d tree's leaves: halves along the widest coordinate, at whole groups.
void PointIndex::order_by_boxes(std::vector<std::int64_t>& cell) const {
  std::vector<float> least, most;
  std::vector<std::pair<std::size_t, std::size_t>> open = {{0, cell.size()}};
  while (!open.empty()) {
    const auto [first, last] = open.back();
    open.pop_back();
    if (last - first <= static_cast<std::size_t>(kGroup)) continue;
    measure(std::span(cell).subspan(first, last - first), least, most);
    std::size_t widest = 0;
    for (std::size_t k = 1; k < least.size(); ++k)
      if (most[k] - least[k] > most[widest] - least[widest]) widest = k;
    const std::size_t groups = (last - first + kGroup - 1) / kGroup;
    const std::size_t middle = first + groups / 2 * kGroup;
    const auto at = [&](std::size_t p) { return cell.begin() + static_cast<std::ptrdiff_t>(p); };
    std::nth_element(at(first), at(middle), at(last), [&](std::int64_t a, std::int64_t b) {
      const float x = leading(a)[widest], y = leading(b)[widest];
      return x < y || (x == y && a < b);
    });
    open.push_back({first, middle});
    open.push_back({middle, last});
  }
}

void PointIndex::make_boxes(Part& part) const {
  const std::int64_t groups = part.panel.groups();
  part.box = Panel(groups, 2 * width() + 1);
  for (std::int64_t g = 0; g < groups; ++g) make_box(part, g);
  for (std::int64_t g = groups; g < part.box.groups() * kGroup; ++g) part.box.at(g, 2 * width()) = kNever;
}

void PointIndex::make_box(Part& part, std::int64_t g) const {
  std::vector<std::int64_t> rows;
  for (std::int64_t p = g * kGroup; p < (g + 1) * kGroup; ++p)
    if (part.row_at(p) != kNoRow) rows.push_back(part.row_at(p));
  std::vector<float> least, most;
  measure(rows, least, most);
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
  for (const std::int64_t row : rows) longest = std::max(longest, norm(row));
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
  const std::shared_ptr<Part> part = part_of({std::move(rows)}, nullptr);
  if (boxes()) return part;
  std::vector<std::int64_t> place(static_cast<std::size_t>(size_), kNoRow);
  for (std::size_t p = 0; p < part->row.size(); ++p)
    place[static_cast<std::size_t>(part->row[p])] = static_cast<std::int64_t>(p);
  for (std::size_t p = 0; p < all_->row.size(); ++p) {
    const std::int64_t row = all_->row[p], from = static_cast<std::int64_t>(p);
    if (row == kNoRow || place[static_cast<std::size_t>(row)] == kNoRow) continue;
    const std::int64_t to = place[static_cast<std::size_t>(row)];
    for (std::int64_t k = 0; k < all_->panel.columns(); ++k) part->panel.at(to, k) = all_->panel.at(from, k);
    if (digits()) part->digits.copy(all_->digits, from, to);
  }
  return part;
}

}  // namespace hullscope::hull::detail
