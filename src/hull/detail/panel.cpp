#include <hullscope/hull/detail/panel.hpp>

#include <cstring>

namespace hullscope::hull::detail {
namespace {

constexpr int kGroup = Panel::kGroup;

struct Loops {
  void (*four_directions)(const float* panel, std::int64_t columns, const float* direction, float* score, float* least);
  float (*one_direction)(const float* panel, std::int64_t columns, const float* direction, float* score);
  float (*distances)(const float* panel, const float* y, std::int64_t w, float* square);
  float (*box_distances)(const float* panel, const float* y, std::int64_t w, float* square);
  std::uint64_t (*bits_at_most)(const float* score, float threshold);
  float (*dot)(const float* a, const float* b, std::int64_t n);
};

#define HULLSCOPE_LOOPS "panel_kernels.inl"
#include "per_instruction_set.inl"

}  // namespace

float product(const float* a, const float* b, std::int64_t n) {
  return loops().dot(a, b, n);
}

Panel::Panel(std::int64_t rows, std::int64_t columns)
    : rows_(rows), columns_(columns), own_(static_cast<std::size_t>(size(rows, columns))), data_(own_.data()) {}

void Panel::multiply(std::int64_t g, std::int64_t first, std::int64_t count, const float* directions, float* score,
                     float* least) const {
  loops().four_directions(group(g) + first * kGroup, count, directions, score, least);
}

float Panel::multiply_one(std::int64_t g, const float* direction, float* score) const {
  return loops().one_direction(group(g), columns_, direction, score);
}

float Panel::squared_distances(std::int64_t g, const float* y, std::int64_t w, float* square) const {
  return loops().distances(group(g), y, w, square);
}

float Panel::squared_box_distances(std::int64_t g, const float* y, std::int64_t w, float* square) const {
  return loops().box_distances(group(g), y, w, square);
}

std::uint64_t scores_at_most(const float* score, float threshold) {
  return loops().bits_at_most(score, threshold);
}

}  // namespace hullscope::hull::detail
