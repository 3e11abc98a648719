#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/prepared_points.hpp>
#include <limits>
#include <string>

namespace hullscope::hull::detail {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kGroup = PreparedPoints::kGroup;
using Lanes = float __attribute__((vector_size(32), aligned(4), may_alias));  // a register of AVX2
constexpr int kLanes = 8, kVectors = kGroup / kLanes;

// score = constant + allowed [+ half_norm] + X r, and the smallest of each group: 2 flop an entry, one read of X.
__attribute__((target_clones("default", "avx2", "arch=x86-64-v4"))) void panel_pass(
    const float* panel, std::int64_t groups, std::int64_t d, const float* r, float constant, const float* allowed,
    const float* half_norm, float* score, float* group_min) {
  for (std::int64_t g = 0; g < groups; ++g) {
    const Lanes* start = reinterpret_cast<const Lanes*>(allowed + g * kGroup);
    Lanes sum[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[v] = start[v] + constant;
    if (half_norm != nullptr) {
      const Lanes* h = reinterpret_cast<const Lanes*>(half_norm + g * kGroup);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[v] += h[v];
    }
    const Lanes* x = reinterpret_cast<const Lanes*>(panel + g * kGroup * d);
    for (std::int64_t k = 0; k < d; ++k, x += kVectors) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[v] += x[v] * r[k];
    }
    Lanes* out = reinterpret_cast<Lanes*>(score + g * kGroup);
    Lanes smallest = sum[0];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      out[v] = sum[v];
      smallest = sum[v] < smallest ? sum[v] : smallest;
    }
    float least = smallest[0];
    for (int lane = 1; lane < kLanes; ++lane) least = smallest[lane] < least ? smallest[lane] : least;
    group_min[g] = least;
  }
}

void products(const MatrixView<float>& x, std::int64_t first, std::int64_t n, const std::vector<float>& r,
              double factor, float* out) {
  cblas_sgemv(CblasRowMajor, CblasNoTrans, static_cast<int>(n), static_cast<int>(x.cols()), 1,
              x.data() + first * x.cols(), static_cast<int>(x.cols()), r.data(), 1, 0, out, 1);
  if (factor != 1)
    for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(out[i] * factor);
}

void products(const MatrixView<double>& x, std::int64_t first, std::int64_t n, const std::vector<float>& r,
              double factor, float* out) {
  std::vector<double> direction(r.begin(), r.end()), value(static_cast<std::size_t>(n));
  cblas_dgemv(CblasRowMajor, CblasNoTrans, static_cast<int>(n), static_cast<int>(x.cols()), 1,
              x.data() + first * x.cols(), static_cast<int>(x.cols()), direction.data(), 1, 0, value.data(), 1);
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(value[static_cast<std::size_t>(i)] * factor);
}

}  // namespace

PreparedPoints::PreparedPoints(PointsView points)
    : points_(points),
      size_(rows(points)),
      dimension_(cols(points)),
      groups_((size_ + kGroup - 1) / kGroup),
      frame_(make_frame(points)) {
  half_norm_.assign(static_cast<std::size_t>(groups_ * kGroup), 0);
  for (std::size_t i = 0; i < frame_.norm.size(); ++i)
    half_norm_[i] = static_cast<float>(std::min(0.5 * frame_.norm[i] * frame_.norm[i], 1e37));
}

void PreparedPoints::fill_panel() const {
  const std::int64_t bytes = groups_ * kGroup * dimension_ * static_cast<std::int64_t>(sizeof(float));
  if (bytes > kPanelBytes || frame_.radius >= 1e15) return;
  panel_.assign(static_cast<std::size_t>(groups_ * kGroup * dimension_), 0);
  std::vector<double> row(static_cast<std::size_t>(dimension_));
  for (std::int64_t i = 0; i < size_; ++i) {
    copy_row(i, row.data());
    float* group = panel_.data() + (i / kGroup) * kGroup * dimension_ + i % kGroup;
    for (std::int64_t k = 0; k < dimension_; ++k) {
      const std::size_t c = static_cast<std::size_t>(k);
      group[k * kGroup] = static_cast<float>((row[c] - frame_.centre[c]) / frame_.unit);
    }
  }
}

void PreparedPoints::copy_row(std::int64_t i, double* out) const {
  std::visit(
      [&](const auto& x) {
        const auto* row = x.data() + i * dimension_;
        for (std::int64_t k = 0; k < dimension_; ++k) out[k] = static_cast<double>(row[k]);
      },
      points_);
}

double PreparedPoints::separation(std::int64_t i, const double* y, const double* r, double& error) const {
  return std::visit(
      [&](const auto& x) {
        const auto* row = x.data() + i * dimension_;
        double sum = 0, size = 0;
        for (std::int64_t k = 0; k < dimension_; ++k) {
          const double term = (static_cast<double>(row[k]) - y[k]) * r[k];
          sum += term;
          size += std::abs(term);
        }
        // d - 1 additions, one product, one difference each; doubled for the bound's own rounding. The last term
        // covers products below the normal range.
        error = 0x1p-52 * static_cast<double>(dimension_ + 2) * size + 0x1p-1070 * static_cast<double>(dimension_);
        return sum;
      },
      points_);
}

std::vector<float> PreparedPoints::allowed(const std::uint8_t* mask) const {
  std::vector<float> result(static_cast<std::size_t>(groups_ * kGroup), kInfinity);
  for (std::int64_t i = 0; i < size_; ++i)
    if (mask == nullptr || mask[i] != 0) result[static_cast<std::size_t>(i)] = 0;
  return result;
}

void PreparedPoints::nearest(const double* y, const std::vector<float>& allowed, std::int64_t left_out,
                             Pass& pass) const {
  // |x - y|^2 / 2 = |x - c|^2 / 2 - <x - c, y - c> + |y - c|^2 / 2; a far query is drawn nearer along its ray, which
  // changes the order little and keeps float32 in range.
  std::vector<float> r(frame_.centre.size());
  double largest = 0;
  for (std::size_t k = 0; k < r.size(); ++k)
    largest = std::max(largest, std::abs(y[k] - frame_.centre[k]) / frame_.unit);
  const double shrink = largest > 1e15 ? 1e15 / largest : 1;
  for (std::size_t k = 0; k < r.size(); ++k)
    r[k] = static_cast<float>(-((y[k] - frame_.centre[k]) / frame_.unit) * shrink);
  run(r, 1, 0, allowed, true, left_out, pass);
}

void PreparedPoints::price(const double* y, const double* r, const std::vector<float>& allowed, std::int64_t left_out,
                           Pass& pass) const {
  std::vector<float> direction(r, r + dimension_);
  const bool centred = !panel().empty();
  double along = 0, length = 0;
  for (std::size_t k = 0; k < direction.size(); ++k) {
    const double v = (centred ? y[k] - frame_.centre[k] : y[k]) / frame_.unit;
    along += v * r[k];
    length += v * v;
  }
  run(direction, 1, static_cast<float>(-along), allowed, false, left_out, pass);
  // Rounding of x - c, of r and of y's term to float32, d products and d + 1 additions, all below gamma_{d+6}.
  pass.noise = static_cast<double>(dimension_ + 6) * 0x1p-23 *
               ((centred ? frame_.radius : frame_.raw_radius) + std::sqrt(length));
}

void PreparedPoints::run(const std::vector<float>& direction, double factor, float constant,
                         const std::vector<float>& allowed, bool add_half_norms, std::int64_t left_out,
                         Pass& pass) const {
  pass.score.resize(static_cast<std::size_t>(groups_ * kGroup));
  pass.group_min.resize(static_cast<std::size_t>(groups_));
  const float* half_norms = add_half_norms ? half_norm_.data() : nullptr;
  if (!panel().empty()) {
    panel_pass(panel_.data(), groups_, dimension_, direction.data(), constant, allowed.data(), half_norms,
               pass.score.data(), pass.group_min.data());
  } else {
    // Tiles of one shape, so that the bits of the BLAS product depend on the row and the direction only.
    constexpr std::int64_t kTile = 8 * kGroup;
    std::fill(pass.score.begin(), pass.score.end(), 0.0F);
    double along_centre = 0;
    if (add_half_norms)
      for (std::size_t k = 0; k < direction.size(); ++k) along_centre -= frame_.centre[k] / frame_.unit * direction[k];
    // The direction carries the change of units as far as its type can; the rest is multiplied afterwards.
    const double first_factor = std::clamp(1 / frame_.unit, 0x1p-60, 0x1p60);
    std::vector<float> scaled(direction.size());
    for (std::size_t k = 0; k < scaled.size(); ++k) scaled[k] = static_cast<float>(direction[k] * first_factor);
    for (std::int64_t first = 0; first < size_; first += kTile)
      std::visit(
          [&](const auto& x) {
            products(x, first, std::min(kTile, size_ - first), scaled, factor / frame_.unit / first_factor,
                     pass.score.data() + first);
          },
          points_);
    for (std::int64_t g = 0; g < groups_; ++g) {
      float least = kInfinity;
      for (std::int64_t i = g * kGroup; i < (g + 1) * kGroup; ++i) {
        const std::size_t s = static_cast<std::size_t>(i);
        float value = pass.score[s] + constant + static_cast<float>(along_centre) + allowed[s];
        if (half_norms != nullptr) value += half_norms[i];
        pass.score[s] = value;
        least = std::min(least, value);
      }
      pass.group_min[static_cast<std::size_t>(g)] = least;
    }
  }
  if (left_out >= 0) {
    pass.score[static_cast<std::size_t>(left_out)] = kInfinity;
    const auto group = pass.score.begin() + left_out / kGroup * kGroup;
    pass.group_min[static_cast<std::size_t>(left_out / kGroup)] = *std::min_element(group, group + kGroup);
  }
  pass.min = *std::min_element(pass.group_min.begin(), pass.group_min.end());
}

std::vector<ScoredRow> smallest(const Pass& pass, std::size_t count, float threshold) {
  // The count-th smallest group minimum: at least `count` rows score no higher, and few others do.
  std::vector<float> minima = pass.group_min;
  float limit = kInfinity;
  if (count > 0 && count <= minima.size()) {
    const auto nth = minima.begin() + static_cast<std::ptrdiff_t>(count - 1);
    std::nth_element(minima.begin(), nth, minima.end());
    limit = *nth;
  }
  limit = std::max(limit, threshold);
  std::vector<ScoredRow> found;
  for (std::size_t g = 0; g < pass.group_min.size(); ++g) {
    if (!(pass.group_min[g] <= limit) || pass.group_min[g] == kInfinity) continue;
    for (std::size_t i = g * kGroup; i < (g + 1) * kGroup; ++i)
      if (pass.score[i] <= limit && pass.score[i] < kInfinity)
        found.push_back({pass.score[i], static_cast<std::int64_t>(i)});
  }
  if (found.size() > count) {
    const auto nth = found.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(found.begin(), nth, found.end());
    std::sort(found.begin(), nth);
    found.erase(std::remove_if(nth, found.end(), [&](const ScoredRow& s) { return s.score > threshold; }), found.end());
  } else {
    std::sort(found.begin(), found.end());
  }
  return found;
}

}  // namespace hullscope::hull::detail
