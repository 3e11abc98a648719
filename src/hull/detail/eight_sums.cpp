#include <hullscope/hull/detail/eight_sums.hpp>
#include <limits>

namespace hullscope::hull::detail {
namespace {

#define HULLSCOPE_LOOPS "eight_sums.inl"
#include "per_instruction_set.inl"

}  // namespace

const EightSums& eight_sums() {
  return loops();
}

}  // namespace hullscope::hull::detail
