#include <hullscope/hull/detail/eight_sums.hpp>
#include <limits>

namespace hullscope::hull::detail {
namespace {

namespace sse2 {
constexpr int kBytes = 16;
#include "eight_sums.inl"
}  // namespace sse2

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace avx2 {
constexpr int kBytes = 32;
#include "eight_sums.inl"
}  // namespace avx2
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace avx512 {
constexpr int kBytes = 64;
#include "eight_sums.inl"
}  // namespace avx512
#pragma GCC pop_options

}  // namespace

const EightSums& eight_sums() {
  static const EightSums& best = __builtin_cpu_supports("x86-64-v4")   ? avx512::kEightSums
                                 : __builtin_cpu_supports("x86-64-v3") ? avx2::kEightSums
                                                                       : sse2::kEightSums;
  return best;
}

}  // namespace hullscope::hull::detail
