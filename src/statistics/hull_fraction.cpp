#include <hullscope/statistics/hull_fraction.hpp>

#include <limits>

namespace hullscope::statistics {

constexpr std::uint8_t kUndecided = 0, kInside = 1;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

HullFraction hull_fraction(std::span<const std::uint8_t> verdict, std::span<const double> distance_upper, double eps,
                           double scale) {
  std::int64_t inside = 0, near = 0, undecided = 0;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    undecided += verdict[i] == kUndecided;
    inside += verdict[i] == kInside;
    near += verdict[i] != kUndecided && (verdict[i] == kInside || distance_upper[i] <= eps * scale);
  }
  const double decided = static_cast<double>(static_cast<std::int64_t>(verdict.size()) - undecided);
  if (decided == 0) return {kNaN, kNaN, undecided};
  return {static_cast<double>(inside) / decided, static_cast<double>(near) / decided, undecided};
}

std::vector<double> in_hull(std::span<const std::uint8_t> verdict) {
  std::vector<double> result;
  for (const std::uint8_t v : verdict) result.push_back(v == kUndecided ? kNaN : v == kInside);
  return result;
}

}  // namespace hullscope::statistics
