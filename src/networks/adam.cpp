#include <hullscope/networks/adam.hpp>

#include <cmath>

#include <hullscope/base/error.hpp>

namespace hullscope::networks {
namespace {

__attribute__((target_clones("default", "avx2", "arch=x86-64-v4"))) void step_all(
    std::int64_t n, float rate, float root_scale, const float* __restrict g, float* __restrict p, float* __restrict m,
    float* __restrict v) {
  constexpr auto b1 = static_cast<float>(kAdamBeta1), c1 = static_cast<float>(1 - kAdamBeta1);
  constexpr auto b2 = static_cast<float>(kAdamBeta2), c2 = static_cast<float>(1 - kAdamBeta2);
  constexpr auto epsilon = static_cast<float>(kAdamEpsilon);
  for (std::int64_t i = 0; i < n; ++i) {
    m[i] = b1 * m[i] + c1 * g[i];
    v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
    p[i] -= rate * (m[i] / (std::sqrt(v[i]) * root_scale + epsilon));
  }
}

}  // namespace

AdamFactors::AdamFactors(double learning_rate, std::int64_t step)
    : rate(static_cast<float>(learning_rate / (1 - std::pow(kAdamBeta1, static_cast<double>(step))))),
      root_scale(static_cast<float>(1 / std::sqrt(1 - std::pow(kAdamBeta2, static_cast<double>(step))))) {}

void adam_step(const AdamFactors& factors, std::span<const float> gradient, std::span<float> p, std::span<float> m,
               std::span<float> v) {
  if (gradient.size() != p.size() || m.size() != p.size() || v.size() != p.size())
    throw InternalError("Adam got arrays of different lengths");
  step_all(static_cast<std::int64_t>(p.size()), factors.rate, factors.root_scale, gradient.data(), p.data(), m.data(),
           v.data());
}

}  // namespace hullscope::networks
