#include <hullscope/proof/detail/twofold.hpp>

#include <limits>

namespace hullscope::proof::detail {

__attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"))) void add_products(
    std::size_t n, double a, const double* __restrict x, double* __restrict high, double* __restrict low,
    double* __restrict magnitude) {
  for (std::size_t k = 0; k < n; ++k) {
    const double p = a * x[k], e = __builtin_fma(a, x[k], -p), h = high[k];
    const double s = h + p, z = s - h, q = (h - (s - z)) + (p - z);
    high[k] = s;
    low[k] += q + e;
    magnitude[k] += __builtin_fabs(p);
  }
}

__attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"))) float least_difference(
    std::size_t n, const float* __restrict v, const float* __restrict c) {
  constexpr std::size_t kLanes = 32;  // independent minima, so that the loop becomes vector instructions
  constexpr float infinity = std::numeric_limits<float>::infinity();
  float least[kLanes];
  for (float& x : least) x = infinity;
  const std::size_t whole = n - n % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float x = v[i + l] - c[i + l];
      least[l] = x < least[l] ? x : least[l];
    }
  for (std::size_t i = whole; i < n; ++i) {
    const float x = v[i] - c[i];
    least[0] = x < least[0] ? x : least[0];
  }
  float out = least[0];
  for (const float x : least) out = x < out ? x : out;
  return out;
}

}  // namespace hullscope::proof::detail
