// Sums of products in twice the working precision, with a rigorous bound of what is still lost.
//
// Source: Ogita, Rump, Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26 (2005), algorithm Dot2. Of n
// products, high + low (unevaluated) differs from the exact sum by at most
//   gamma(n)^2 (1 + u) sum|a b|  +  n 2^-1074,   gamma(n) = n u / (1 - n u),  u = 2^-53:
// every product is p + e exactly with |e| <= u|p|, every addition loses q exactly with sum|q| <= gamma(n-1) sum|p|, and
// only the sum of the small terms e + q, in `low`, rounds. The last term is for products that underflow.
#pragma once
#include <cmath>
#include <cstddef>

namespace hullscope::proof::detail {

inline constexpr double kUnit = 0x1p-53;  ///< unit roundoff
inline constexpr double kTiny = 0x1p-1074;

/// Upper bound of n u / (1 - n u). n < 2^30.
inline double gamma(double n) {
  return n * kUnit * (1 + 0x1p-20);
}

struct Twofold {
  double high = 0, low = 0, magnitude = 0, terms = 0;
  void add_product(double a, double b) {
    const double p = a * b, e = __builtin_fma(a, b, -p);
    const double s = high + p, z = s - high, q = (high - (s - z)) + (p - z);
    high = s;
    low += q + e;
    magnitude += std::fabs(p);
    terms += 1;
  }
  double value() const { return high + low; }
  /// |value() - exact| <= error()
  double error() const {
    const double g = gamma(terms + 2);
    return 2 * kUnit * std::fabs(value()) + g * g * (1 + g) * magnitude * (1 + 0x1p-20) + (terms + 4) * 2 * kTiny;
  }
};

/// n sums at once: high[k] + low[k] += a * x[k], magnitude[k] += |a * x[k]|.
void add_products(std::size_t n, double a, const double* x, double* high, double* low, double* magnitude);

/// min over i of v[i] - c[i], each rounded; +infinity for n = 0. No NaN.
float least_difference(std::size_t n, const float* v, const float* c);

}  // namespace hullscope::proof::detail
