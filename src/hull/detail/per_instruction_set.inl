// Loops compiled once for each instruction set. The file that HULLSCOPE_LOOPS names defines kLoops, a table of functions,
// for vector registers of kBytes; included inside a namespace, this one defines loops(): the table for this machine.
//
// (A clone of one source, target_clones, is no substitute: of vectors wider than a register GCC keeps every sum in memory.)

namespace sse2 {
constexpr int kBytes = 16;
#include HULLSCOPE_LOOPS
}  // namespace sse2

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace avx2 {
constexpr int kBytes = 32;
#include HULLSCOPE_LOOPS
}  // namespace avx2
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace avx512 {
constexpr int kBytes = 64;
#include HULLSCOPE_LOOPS
}  // namespace avx512
#pragma GCC pop_options

const auto& loops() {
  static const auto& best = __builtin_cpu_supports("x86-64-v4")   ? avx512::kLoops
                            : __builtin_cpu_supports("x86-64-v3") ? avx2::kLoops
                                                                  : sse2::kLoops;
  return best;
}
