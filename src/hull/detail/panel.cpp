#include <hullscope/hull/detail/panel.hpp>

#include <cstring>

namespace hullscope::hull::detail {
namespace {

constexpr int kGroup = Panel::kGroup;

struct Kernels {
  void (*four_directions)(const float* panel, std::int64_t columns, const float* direction, float* score, float* least);
  float (*one_direction)(const float* panel, std::int64_t columns, const float* direction, float* score);
  float (*distances)(const float* panel, const float* y, std::int64_t w, float* square);
  float (*box_distances)(const float* panel, const float* y, std::int64_t w, float* square);
  std::uint64_t (*bits_at_most)(const float* score, float threshold);
  float (*dot)(const float* a, const float* b, std::int64_t n);
};

namespace sse2 {
constexpr int kBytes = 16;
#include "panel_kernels.inl"
}  // namespace sse2

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace avx2 {
constexpr int kBytes = 32;
#include "panel_kernels.inl"
}  // namespace avx2
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace avx512 {
constexpr int kBytes = 64;
#include "panel_kernels.inl"
}  // namespace avx512
#pragma GCC pop_options

/// Of this machine.
const Kernels& kernels() {
  static const Kernels& best = __builtin_cpu_supports("x86-64-v4")   ? avx512::kKernels
                               : __builtin_cpu_supports("x86-64-v3") ? avx2::kKernels
                                                                     : sse2::kKernels;
  return best;
}

}  // namespace

float product(const float* a, const float* b, std::int64_t n) {
  return kernels().dot(a, b, n);
}

Panel::Panel(std::int64_t rows, std::int64_t columns)
    : rows_(rows), columns_(columns), own_(static_cast<std::size_t>(size(rows, columns))), data_(own_.data()) {}

void Panel::multiply(std::int64_t g, std::int64_t first, std::int64_t count, const float* directions, float* score,
                     float* least) const {
  kernels().four_directions(group(g) + first * kGroup, count, directions, score, least);
}

float Panel::multiply_one(std::int64_t g, const float* direction, float* score) const {
  return kernels().one_direction(group(g), columns_, direction, score);
}

float Panel::squared_distances(std::int64_t g, const float* y, std::int64_t w, float* square) const {
  return kernels().distances(group(g), y, w, square);
}

float Panel::squared_box_distances(std::int64_t g, const float* y, std::int64_t w, float* square) const {
  return kernels().box_distances(group(g), y, w, square);
}

std::uint64_t scores_at_most(const float* score, float threshold) {
  return kernels().bits_at_most(score, threshold);
}

}  // namespace hullscope::hull::detail
