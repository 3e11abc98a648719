#include <hullscope/linalg/scan.hpp>

#include <cstring>
#include <limits>

namespace hullscope::linalg {
namespace {

// Eight floats, a register of AVX2: GCC keeps wider ones in memory there. Two at once.
constexpr std::int64_t kWidth = 8;
typedef float Pack __attribute__((vector_size(kWidth * sizeof(float))));

[[gnu::always_inline]] inline Pack load(const float* p) {
  Pack v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

[[gnu::always_inline]] inline float score(const RowScores& row, std::int64_t i) {
  return row.t * row.bias[i] + row.w * (row.scale[i] * row.product[i]);
}

}  // namespace

__attribute__((target_clones("default", "avx2", "arch=x86-64-v4"))) float smallest_score(const RowScores& row,
                                                                                         std::int64_t first,
                                                                                         std::int64_t last) {
  float smallest = std::numeric_limits<float>::infinity();
  std::int64_t i = first;
  if (last - first >= 2 * kWidth) {
    const float t = row.t, w = row.w;
    Pack best = smallest - Pack{}, other = best;
    for (; i + 2 * kWidth <= last; i += 2 * kWidth) {
      const std::int64_t k = i + kWidth;
      const Pack v = t * load(row.bias + i) + w * (load(row.scale + i) * load(row.product + i));
      const Pack z = t * load(row.bias + k) + w * (load(row.scale + k) * load(row.product + k));
      best = v < best ? v : best;
      other = z < other ? z : other;
    }
    best = other < best ? other : best;
    for (int j = 0; j < kWidth; ++j) smallest = best[j] < smallest ? best[j] : smallest;
  }
  for (; i < last; ++i) {
    const float v = score(row, i);
    smallest = v < smallest ? v : smallest;
  }
  return smallest;
}

void select_scores(const RowScores& row, std::int64_t first, std::int64_t last, float threshold, double error,
                   std::int64_t row_offset, std::vector<Candidate>& out) {
  for (std::int64_t i = first; i < last; ++i) {
    const float v = score(row, i);
    if (v <= threshold) out.push_back({row_offset + i, static_cast<double>(v) - error});
  }
}

}  // namespace hullscope::linalg
