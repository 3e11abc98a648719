// The values of tests/golden/statistics.json (made by make_statistics.py beside it) for the tests of statistics.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hullscope::statistics {

using nlohmann::json;
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

inline const json& golden() {
  static const json values = json::parse(std::ifstream(HULLSCOPE_SOURCE_DIR "/tests/golden/statistics.json"));
  return values;
}

inline double number(const json& value) {
  return value.is_null() ? kNaN : value.get<double>();
}

inline void expect_near(double found, const json& expected, double tolerance, const std::string& what) {
  const double value = number(expected);
  if (std::isnan(value))
    EXPECT_TRUE(std::isnan(found)) << what << ": " << found;
  else
    EXPECT_NEAR(found, value, tolerance * std::max(1.0, std::fabs(value))) << what;
}

// Relative, for values that may be tiny.
inline void expect_close(double found, const json& expected, double tolerance, const std::string& what) {
  EXPECT_NEAR(found, number(expected), tolerance * std::fabs(number(expected)) + 1e-300) << what;
}

inline std::vector<double> doubles(const json& values) {
  std::vector<double> result;
  for (const json& value : values) result.push_back(number(value));
  return result;
}

using Flags = std::vector<std::uint8_t>;

}  // namespace hullscope::statistics
