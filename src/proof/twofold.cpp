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

__attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"))) double least_difference(
    std::size_t n, const double* __restrict v, const double* __restrict c) {
  constexpr std::size_t kLanes = 16;  // independent minima, so that the loop becomes vector instructions
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double least[kLanes];
  for (double& x : least) x = infinity;
  const std::size_t whole = n - n % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) {
      const double x = v[i + l] - c[i + l];
      least[l] = x < least[l] ? x : least[l];
    }
  for (std::size_t i = whole; i < n; ++i) {
    const double x = v[i] - c[i];
    least[0] = x < least[0] ? x : least[0];
  }
  double out = least[0];
  for (const double x : least) out = x < out ? x : out;
  return out;
}

}  // namespace hullscope::proof::detail
