#include <hullscope/linalg/fixed_order.hpp>

#include <cmath>

namespace hullscope::linalg {
namespace {

constexpr int kLanes = 8;

// term(k) of k = 0 ... n-1 into lanes k mod 8; vectors of the compiler keep the order on every instruction set.
template <class Term>
[[gnu::always_inline]] inline double lane_sum(std::int64_t n, Term term) {
  double lane[kLanes] = {};
  std::int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes)
    for (int j = 0; j < kLanes; ++j) lane[j] += term(k + j);
  for (int j = 0; k + j < n; ++j) lane[j] += term(k + j);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

}  // namespace

double squared_distance(const float* a, const float* b, std::int64_t n) {
  return lane_sum(n, [&](std::int64_t k) {
    const double difference = static_cast<double>(a[k]) - static_cast<double>(b[k]);
    return difference * difference;
  });
}

double squared_norm(const float* a, std::int64_t n) {
  return lane_sum(n, [&](std::int64_t k) { return static_cast<double>(a[k]) * static_cast<double>(a[k]); });
}

double squared_distance_of_directions(const float* a, double a_norm, const float* b, double b_norm, std::int64_t n) {
  return lane_sum(n, [&](std::int64_t k) {
    const double difference = static_cast<double>(a[k]) / a_norm - static_cast<double>(b[k]) / b_norm;
    return difference * difference;
  });
}

float largest_magnitude(const float* a, std::int64_t n) {
  float largest = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    const float magnitude = std::fabs(a[k]);
    if (!(magnitude <= largest)) largest = magnitude;  // written so that a NaN is taken ...
    if (std::isnan(magnitude)) return magnitude;       // ... and kept
  }
  return largest;
}

}  // namespace hullscope::linalg
