#include <hullscope/hull/detail/cells.hpp>

#include <algorithm>
#include <limits>

namespace hullscope::hull::detail {
namespace {

/// Squares of it can be added.
float in_range(float x) {
  return std::clamp(x, -1e15F, 1e15F);
}

}  // namespace

Cells::Cells(const Matrix<double>& sample)
    : count_(kCells), width_(sample.cols()), pivot_(static_cast<std::size_t>(kCells * width_)), half_(kCells) {
  Matrix<double> pivots(kCells, width_);
  for (std::int64_t c = 0; c < kCells; ++c) pivots.row(c) = sample.row(c * sample.rows() / kCells);
  const auto take = [&] {
    for (std::int64_t c = 0; c < kCells; ++c) {
      half_[static_cast<std::size_t>(c)] = static_cast<float>(std::min(pivots.row(c).squaredNorm() / 2, 1e31));
      for (std::int64_t k = 0; k < width_; ++k)
        pivot_[static_cast<std::size_t>(k * kCells + c)] = in_range(static_cast<float>(pivots(c, k)));
    }
  };
  take();
  const Matrix<float> points = sample.cast<float>();
  for (int iteration = 0; iteration < 3; ++iteration) {
    Matrix<double> sum = Matrix<double>::Zero(kCells, width_);
    std::vector<std::int64_t> rows(kCells, 0);
    for (std::int64_t i = 0; i < points.rows(); ++i) {
      const std::int64_t c = of(points.row(i).data());
      sum.row(c) += sample.row(i);
      ++rows[static_cast<std::size_t>(c)];
    }
    for (std::int64_t c = 0; c < kCells; ++c)
      if (const std::int64_t n = rows[static_cast<std::size_t>(c)]; n > 0)
        pivots.row(c) = sum.row(c) / static_cast<double>(n);
    take();
  }
}

void Cells::measure(const float* point, float* out) const {
  std::copy(half_.begin(), half_.end(), out);
  for (std::int64_t k = 0; k < width_; ++k) {
    const float* pivot = pivot_.data() + k * kCells;
    for (std::int64_t c = 0; c < kCells; ++c) out[c] -= in_range(point[k]) * pivot[c];
  }
}

std::int64_t Cells::of(const float* point) const {
  if (count_ == 1) return 0;
  float distance[kCells];
  measure(point, distance);
  return std::min_element(distance, distance + kCells) - distance;
}

CellSet Cells::around(const float* point) const {
  if (count_ == 1) return kAllCells;
  float distance[kCells];
  measure(point, distance);
  CellSet cells = 0;
  for (int i = 0; i < kAround; ++i) {
    float* const nearest = std::min_element(distance, distance + kCells);
    cells |= CellSet{1} << (nearest - distance);
    *nearest = std::numeric_limits<float>::infinity();
  }
  return cells;
}

}  // namespace hullscope::hull::detail
