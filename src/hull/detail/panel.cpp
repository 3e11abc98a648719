#include <hullscope/hull/detail/panel.hpp>

#include <cstring>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kGroup = Panel::kGroup;
using Lanes = float __attribute__((vector_size(64), aligned(4), may_alias));  // 16 floats
using Marks = std::int32_t __attribute__((vector_size(64)));
using Bytes = std::int8_t __attribute__((vector_size(16)));

#define HULLSCOPE_VECTORISED __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))

[[gnu::always_inline]] inline Lanes smaller(Lanes a, Lanes b) {
  return a < b ? a : b;
}

[[gnu::always_inline]] inline float least_of(Lanes v) {
  float least = v[0];
  for (int i = 1; i < 16; ++i) least = v[i] < least ? v[i] : least;
  return least;
}

HULLSCOPE_VECTORISED void four_directions(const float* panel, std::int64_t columns, const float* direction,
                                          float* score, float* least) {
  Lanes sum[4][4] = {};
  const Lanes* x = reinterpret_cast<const Lanes*>(panel);
  for (std::int64_t k = 0; k < columns; ++k, x += 4, direction += 4) {
    const Lanes x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const float r = direction[j];
      sum[j][0] += x0 * r;
      sum[j][1] += x1 * r;
      sum[j][2] += x2 * r;
      sum[j][3] += x3 * r;
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    Lanes* out = reinterpret_cast<Lanes*>(score + j * kGroup);
    out[0] = sum[j][0], out[1] = sum[j][1], out[2] = sum[j][2], out[3] = sum[j][3];
    least[j] = least_of(smaller(smaller(sum[j][0], sum[j][1]), smaller(sum[j][2], sum[j][3])));
  }
}

HULLSCOPE_VECTORISED float one_direction(const float* panel, std::int64_t columns, const float* direction,
                                         float* score) {
  Lanes s0 = {}, s1 = {}, s2 = {}, s3 = {};
  const Lanes* x = reinterpret_cast<const Lanes*>(panel);
  for (std::int64_t k = 0; k < columns; ++k, x += 4) {
    const float r = direction[k];
    s0 += x[0] * r, s1 += x[1] * r, s2 += x[2] * r, s3 += x[3] * r;
  }
  Lanes* out = reinterpret_cast<Lanes*>(score);
  out[0] = s0, out[1] = s1, out[2] = s2, out[3] = s3;
  return least_of(smaller(smaller(s0, s1), smaller(s2, s3)));
}

HULLSCOPE_VECTORISED float distances(const float* panel, const float* y, std::int64_t w, float* square) {
  Lanes sum[4] = {};
  const Lanes* x = reinterpret_cast<const Lanes*>(panel);
  for (std::int64_t k = 0; k < w; ++k, x += 4)
    for (int v = 0; v < 4; ++v) {
      const Lanes difference = x[v] - y[k];
      sum[v] += difference * difference;
    }
  Lanes* out = reinterpret_cast<Lanes*>(square);
  for (int v = 0; v < 4; ++v) out[v] = sum[v];
  return least_of(smaller(smaller(sum[0], sum[1]), smaller(sum[2], sum[3])));
}

HULLSCOPE_VECTORISED float box_distances(const float* panel, const float* y, std::int64_t w, float* square) {
  Lanes sum[4] = {};
  const Lanes* x = reinterpret_cast<const Lanes*>(panel);
  for (std::int64_t k = 0; k < w; ++k, x += 4)
    for (int v = 0; v < 4; ++v) {
      const Lanes from_centre = x[v] - y[k];
      Lanes beyond = (from_centre < 0 ? -from_centre : from_centre) - x[4 * w + v];
      beyond = beyond > 0 ? beyond : Lanes{};
      sum[v] += beyond * beyond;
    }
  Lanes* out = reinterpret_cast<Lanes*>(square);
  for (int v = 0; v < 4; ++v) out[v] = sum[v];
  return least_of(smaller(smaller(sum[0], sum[1]), smaller(sum[2], sum[3])));
}

HULLSCOPE_VECTORISED std::uint64_t bits_at_most(const float* score, float threshold) {
  std::uint64_t bits = 0;
  for (int v = 0; v < 4; ++v) {
    const Marks marks = *reinterpret_cast<const Lanes*>(score + 16 * v) <= threshold - Lanes{};
    const Bytes bytes = __builtin_convertvector(marks, Bytes);
    std::uint64_t half[2];
    std::memcpy(half, &bytes, sizeof half);
    // Eight bytes of 0 or 255 to eight bits.
    for (int h = 0; h < 2; ++h)
      bits |= ((half[h] & 0x8040201008040201U) * 0x0101010101010101U >> 56) << (16 * v + 8 * h);
  }
  return bits;
}

HULLSCOPE_VECTORISED float dot(const float* a, const float* b, std::int64_t n) {
  Lanes even = {}, odd = {};
  std::int64_t k = 0;
  for (; k + 32 <= n; k += 32) {
    even += *reinterpret_cast<const Lanes*>(a + k) * *reinterpret_cast<const Lanes*>(b + k);
    odd += *reinterpret_cast<const Lanes*>(a + k + 16) * *reinterpret_cast<const Lanes*>(b + k + 16);
  }
  for (std::int64_t j = 0; k + j < n; ++j) (j < 16 ? even : odd)[j % 16] += a[k + j] * b[k + j];
  even += odd;
  float total = 0;
  for (int j = 0; j < 16; ++j) total += even[j];
  return total;
}

}  // namespace

float product(const float* a, const float* b, std::int64_t n) {
  return dot(a, b, n);
}

Panel::Panel(std::int64_t rows, std::int64_t columns)
    : rows_(rows), columns_(columns), own_(static_cast<std::size_t>(size(rows, columns))), data_(own_.data()) {}

void Panel::multiply(std::int64_t g, std::int64_t first, std::int64_t count, const float* directions, float* score,
                     float* least) const {
  four_directions(group(g) + first * kGroup, count, directions, score, least);
}

float Panel::multiply_one(std::int64_t g, const float* direction, float* score) const {
  return one_direction(group(g), columns_, direction, score);
}

float Panel::squared_distances(std::int64_t g, const float* y, std::int64_t w, float* square) const {
  return distances(group(g), y, w, square);
}

float Panel::squared_box_distances(std::int64_t g, const float* y, std::int64_t w, float* square) const {
  return box_distances(group(g), y, w, square);
}

std::uint64_t scores_at_most(const float* score, float threshold) {
  return bits_at_most(score, threshold);
}

}  // namespace hullscope::hull::detail
