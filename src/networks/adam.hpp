// Adam on plain arrays. Source: Kingma & Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1, in the
// order of operations of LibTorch's implementation (beta 0.9, 0.999; epsilon 1e-8; no weight decay).
#pragma once
#include <cstdint>
#include <span>

namespace hullscope::networks {

inline constexpr double kAdamBeta1 = 0.9, kAdamBeta2 = 0.999, kAdamEpsilon = 1e-8;

/// The factors of step `step` (from 1): p -= rate * m / (sqrt(v) * root_scale + epsilon).
struct AdamFactors {
  float rate, root_scale;
  AdamFactors(double learning_rate, std::int64_t step);
};

/// One step on `p`, with the moments m and v of the same length. Elementwise, in one pass; the same bits on any
/// instruction set (sqrt and division are correctly rounded, nothing is contracted).
void adam_step(const AdamFactors& factors, std::span<const float> gradient, std::span<float> p, std::span<float> m,
               std::span<float> v);

}  // namespace hullscope::networks
