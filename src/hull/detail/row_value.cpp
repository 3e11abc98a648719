#include <cmath>
#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kWidth = 8;
using Lanes = double __attribute__((vector_size(64), aligned(8), may_alias));

[[gnu::always_inline]] inline double sum_of(const Lanes& lane) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

using Floats = float __attribute__((vector_size(32), aligned(4), may_alias));

[[gnu::always_inline]] inline Lanes load(const float* x) {
  return __builtin_convertvector(*reinterpret_cast<const Floats*>(x), Lanes);
}
[[gnu::always_inline]] inline Lanes load(const double* x) {
  return *reinterpret_cast<const Lanes*>(x);
}

struct Sums {
  double value, size;
};

template <class Scalar>
[[gnu::always_inline]] inline Sums sums(const Scalar* x, const double* y, const double* u, std::int64_t d) {
  Lanes value = {}, size = {};
  std::int64_t k = 0;
  for (; k + kWidth <= d; k += kWidth) {
    const Lanes term = (load(x + k) - load(y + k)) * load(u + k);
    value += term;
    size += term < 0 ? -term : term;
  }
  for (int j = 0; k + j < d; ++j) {
    const double term = (static_cast<double>(x[k + j]) - y[k + j]) * u[k + j];
    value[j] += term;
    size[j] += term < 0 ? -term : term;
  }
  return {sum_of(value), sum_of(size)};
}

#define HULLSCOPE_VECTORISED __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
HULLSCOPE_VECTORISED Sums sums_of_floats(const float* x, const double* y, const double* u, std::int64_t d) {
  return sums(x, y, u, d);
}
HULLSCOPE_VECTORISED Sums sums_of_doubles(const double* x, const double* y, const double* u, std::int64_t d) {
  return sums(x, y, u, d);
}

template <class Scalar>
[[gnu::always_inline]] inline double square(const Scalar* x, const double* y, double factor, std::int64_t d) {
  Lanes sum = {};
  std::int64_t k = 0;
  for (; k + kWidth <= d; k += kWidth) {
    const Lanes v = (load(x + k) - load(y + k)) * factor;
    sum += v * v;
  }
  for (int j = 0; k + j < d; ++j) {
    const double v = (static_cast<double>(x[k + j]) - y[k + j]) * factor;
    sum[j] += v * v;
  }
  return sum_of(sum);
}
HULLSCOPE_VECTORISED double square_of_floats(const float* x, const double* y, double factor, std::int64_t d) {
  return square(x, y, factor, d);
}
HULLSCOPE_VECTORISED double square_of_doubles(const double* x, const double* y, double factor, std::int64_t d) {
  return square(x, y, factor, d);
}

// One difference, one product, at most d / 8 + 10 additions a term, doubled for the bound's own rounding; the last term
// covers products below the normal range.
double error_of(const Sums& s, std::int64_t d) {
  return 0x1p-52 * (static_cast<double>(d) / 8 + 12) * s.size + 0x1p-1070 * static_cast<double>(d);
}

}  // namespace

double row_value(const float* x, const double* y, const double* u, std::int64_t d, double& error) {
  const Sums s = sums_of_floats(x, y, u, d);
  error = error_of(s, d);
  return s.value;
}

double row_value(const double* x, const double* y, const double* u, std::int64_t d, double& error) {
  const Sums s = sums_of_doubles(x, y, u, d);
  error = error_of(s, d);
  return s.value;
}

double squared_distance(const float* x, const double* y, double factor, std::int64_t d) {
  return square_of_floats(x, y, factor, d);
}

double squared_distance(const double* x, const double* y, double factor, std::int64_t d) {
  return square_of_doubles(x, y, factor, d);
}

}  // namespace hullscope::hull::detail
