// Bounds of rounding errors, by which a fast float32 product may choose candidates and never the answer.
// Source: Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 3.1.
#pragma once
#include <cstdint>

namespace hullscope::linalg {

inline constexpr double kFloatRoundoff = 0x1p-24;   ///< u of float32, round to nearest
inline constexpr double kDoubleRoundoff = 0x1p-53;  ///< u of float64

/// gamma_n = n u / (1 - n u): n roundings, in any order and with or without fused multiply-add, change a sum of
/// products by at most gamma_n times the sum of their absolute values. Infinite where n u >= 1.
constexpr double gamma(std::int64_t n, double unit_roundoff) {
  const double nu = static_cast<double>(n) * unit_roundoff;
  return nu < 1 ? nu / (1 - nu) : 1e308 * 10;
}

}  // namespace hullscope::linalg
