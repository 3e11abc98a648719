#include <hullscope/hull/detail/eight_sums.hpp>
#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {
namespace {

// One difference, one product, at most d / 8 + 10 additions a term, doubled for the bound's own rounding; the last term
// covers products below the normal range.
double error_of(const EightSums::Value& s, std::int64_t d) {
  return 0x1p-52 * (static_cast<double>(d) / 8 + 12) * s.size + 0x1p-1070 * static_cast<double>(d);
}

}  // namespace

double row_value(const float* x, const double* y, const double* u, std::int64_t d, double& error) {
  const EightSums::Value s = eight_sums().difference_product_f32(x, y, u, d);
  error = error_of(s, d);
  return s.sum;
}

double row_value(const double* x, const double* y, const double* u, std::int64_t d, double& error) {
  const EightSums::Value s = eight_sums().difference_product_f64(x, y, u, d);
  error = error_of(s, d);
  return s.sum;
}

double squared_distance(const float* x, const double* y, double factor, std::int64_t d) {
  return eight_sums().squared_distance_f32(x, y, factor, d);
}

double squared_distance(const double* x, const double* y, double factor, std::int64_t d) {
  return eight_sums().squared_distance_f64(x, y, factor, d);
}

}  // namespace hullscope::hull::detail
