#include <hullscope/proximity/detail/prepared_points.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <hullscope/base/error.hpp>
#include <hullscope/linalg/fixed_order.hpp>
#include <hullscope/linalg/rounding.hpp>

namespace hullscope::proximity::detail {

using linalg::gamma;

// What underflow adds to a score at most, per dimension: operands and products below 2^-126 may be lost (2^-126 each,
// also where a library has set flush-to-zero), times 2 for 1/|p'|, with room to spare.
constexpr double kUnderflow = 0x1p-120;
// Second-order terms of the bounds below, and the float64 roundings of the bounds themselves.
constexpr double kRoom = 1.01;

RowSize measure_row(const float* row, std::int64_t d, const char* what, std::int64_t number) {
  const float largest = linalg::largest_magnitude(row, d);
  if (!std::isfinite(largest)) {
    const auto* bad = std::find_if(row, row + d, [](float v) { return !std::isfinite(v); });
    throw DataError(what, fmt::format("row {}, column {}", number, bad - row),
                    fmt::format("found {}, expected a finite number", *bad));
  }
  RowSize size;
  if (largest > 0) {
    std::frexp(largest, &size.exponent);
    size.norm = std::sqrt(linalg::squared_norm(row, d));
  }
  return size;
}

void scale_row(const float* row, std::int64_t d, int exponent, float* out) {
  if (std::abs(exponent) <= 126) {
    const float factor = std::ldexp(1.0f, -exponent);
    for (std::int64_t k = 0; k < d; ++k) out[k] = row[k] * factor;
  } else {  // 2^-exponent is no float
    const double factor = std::ldexp(1.0, -exponent);
    for (std::int64_t k = 0; k < d; ++k) out[k] = static_cast<float>(row[k] * factor);
  }
}

PreparedPoints::PreparedPoints(MatrixView<float> all) : points(all), count(all.rows()), dimension(all.cols()) {
  const auto n = static_cast<std::size_t>(count);
  norm.resize(n), row_exponent.resize(n), bias.resize(n), euclidean_scale.resize(n), cosine_scale.resize(n);
  bool any = false;
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const RowSize size = measure_row(points.data() + row * dimension, dimension, "training points", row);
    norm[i] = size.norm;
    row_exponent[i] = size.exponent;
    if (size.norm > 0) exponent = any ? std::max(exponent, size.exponent) : size.exponent, any = true;
  }
  tile_norm.assign((n + linalg::kPointTile - 1) / linalg::kPointTile, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    const double size = std::ldexp(norm[i], -exponent), own = std::ldexp(norm[i], -row_exponent[i]);
    bias[i] = static_cast<float>(size * size / 2);
    euclidean_scale[i] = norm[i] > 0 ? static_cast<float>(-std::ldexp(1.0, row_exponent[i] - exponent)) : 0.0f;
    cosine_scale[i] = norm[i] > 0 ? static_cast<float>(-1 / own) : 0.0f;
    double& largest = tile_norm[i / linalg::kPointTile];
    largest = std::max(largest, size);
  }
}

void PreparedPoints::fill_tile(std::int64_t tile, linalg::TileProduct<float>& product) const {
  const std::int64_t first = tile * linalg::kPointTile, last = std::min(count, first + linalg::kPointTile);
  for (std::int64_t i = first; i < last; ++i)
    scale_row(points.data() + i * dimension, dimension, row_exponent[static_cast<std::size_t>(i)],
              product.point(i - first));
  product.clear_points(last - first);
}

PreparedQuery::PreparedQuery(const PreparedPoints& points, RowSize row) : size(row), dimension(points.dimension) {
  const int shift = size.exponent - points.exponent;
  t = std::ldexp(1.0, -std::max(0, shift));
  w = std::ldexp(1.0, std::min(0, shift));
  norm_on_points_scale = std::ldexp(size.norm, -points.exponent);
  scaled_norm = std::ldexp(size.norm, -size.exponent);
}

double PreparedQuery::euclidean_error(double tile_norm) const {
  // float32: d products and sums, |P|^2/2 rounded, the last sum. float64: (d + 4) roundings of the formula that
  // decides (those of the root count twice), relative to |q - p|^2 <= (|q| + |p|)^2.
  const double sum = norm_on_points_scale + tile_norm;
  const double screening =
      gamma(dimension + 8, linalg::kFloatRoundoff) * (w * scaled_norm * tile_norm + t * tile_norm * tile_norm / 2);
  const double deciding = gamma(dimension + 8, linalg::kDoubleRoundoff) * t * sum * sum;
  return kRoom * (screening + deciding) + static_cast<double>(dimension + 1) * kUnderflow;
}

double PreparedQuery::cosine_error() const {
  // |<q',p'>| <= |q'||p'|, divided by |p'|; the float64 formula's error is below a hundredth of this.
  return kRoom * gamma(dimension + 8, linalg::kFloatRoundoff) * scaled_norm +
         static_cast<double>(dimension + 1) * kUnderflow;
}

}  // namespace hullscope::proximity::detail
