// Rows in 8 bits: the bound holds against exact arithmetic, whatever the data; both products agree; it is near enough.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <hullscope/hull/detail/digit_panel.hpp>
#include <hullscope/hull/detail/point_index.hpp>
#include <random>
#include <vector>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kFirst = 2, kGroup = Panel::kGroup;

struct Case {
  std::int64_t rows, width;
  double spread;   // of coordinate k: spread^k
  double scale;    // of everything
  double outlier;  // times the last row
};

Panel panel_of(const Case& c, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  Panel panel(c.rows, kFirst + c.width + 2);
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t k = 0; k < c.width; ++k)
      panel.at(i, kFirst + k) =
          static_cast<float>(normal(random) * c.scale * std::pow(c.spread, k) * (i + 1 == c.rows ? c.outlier : 1));
    panel.at(i, kFirst + c.width) = static_cast<float>(std::fabs(normal(random)) * c.scale);
    panel.at(i, kFirst + c.width + 1) = static_cast<float>(1e-6 * c.scale);
  }
  for (std::int64_t i = c.rows; i < panel.groups() * kGroup; ++i) panel.at(i, kFirst + c.width + 1) = -1e30F;
  return panel;
}

void expect_bounds(const Case& c, std::uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "rows " << c.rows << ", width " << c.width << ", spread " << c.spread << ", scale "
                                  << c.scale << ", outlier " << c.outlier << ", seed " << seed);
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  const Panel panel = panel_of(c, random);
  DigitPanel digits(panel, kFirst, c.width);
  for (std::int64_t g = 0; g < panel.groups(); ++g) digits.fill(panel, g);
  ASSERT_EQ(digits.width(), c.width);

  constexpr std::size_t kTogether = DigitPanel::kTogether;
  std::vector<std::vector<float>> direction(kTogether, std::vector<float>(static_cast<std::size_t>(c.width)));
  const std::array<float, kTogether> tail = {0, 0.5F, 0.1F, 1};
  DigitPanel::Directions block;
  for (std::size_t j = 0; j < kTogether; ++j) {
    double length = 0;
    for (float& b : direction[j]) b = static_cast<float>(j == 3 ? 0 : normal(random)), length += double{b} * b;
    if (j == 3) direction[j].back() = -1, length = 1;  // one coordinate alone
    for (float& b : direction[j]) b = static_cast<float>(b / std::sqrt(length));
    digits.set(block, j, direction[j], tail[j]);
  }
  alignas(64) std::array<float, kTogether * kGroup> score{}, plain{};
  for (std::int64_t g = 0; g < panel.groups(); ++g) {
    const std::array<float, kTogether> threshold = {0, static_cast<float>(c.scale), static_cast<float>(-c.scale), 0};
    const auto marks = digits.multiply(g, block, threshold.data(), score.data());
    digits.multiply_plainly(g, block, threshold.data(), plain.data());
    for (std::size_t j = 0; j < kTogether; ++j)
      for (std::int64_t i = 0; i < kGroup; ++i) {
        const float found = score[j * kGroup + static_cast<std::size_t>(i)];
        EXPECT_EQ(marks[j] >> i & 1, found <= threshold[j] ? 1U : 0U);
        const std::int64_t row = g * kGroup + i;
        if (row >= c.rows) {
          EXPECT_GT(found, 1e29F);
          continue;
        }
        long double exact = 0, length = 0;
        for (std::int64_t k = 0; k < c.width; ++k) {
          const long double a = panel.at(row, kFirst + k);
          exact += a * direction[j][static_cast<std::size_t>(k)];
          length += a * a;
        }
        exact -= static_cast<long double>(panel.at(row, kFirst + c.width)) * tail[j];
        exact -= static_cast<long double>(panel.at(row, kFirst + c.width + 1));
        ASSERT_LE(static_cast<long double>(found), exact) << "row " << row << ", direction " << j;
        const float other = plain[j * kGroup + static_cast<std::size_t>(i)];
        EXPECT_LE(static_cast<long double>(other), exact);
        const double size = static_cast<double>(std::sqrt(length)) + c.scale;
        EXPECT_NEAR(found, other, 1e-5 * size);
        // Within a twentieth of the row's length, where steps fit the rows.
        if (c.outlier == 1) {
          EXPECT_GE(found, static_cast<double>(exact) - 0.05 * size) << row;
        }
      }
  }
}

TEST(HullDigits, BoundHoldsAgainstExactArithmetic) {
  std::uint64_t seed = 20261124;
  for (const std::int64_t width : {1, 3, 13, 16, 30, 64, 127, 128, 384})
    for (const std::int64_t rows : {1, 64, 300})
      for (const double spread : {1.0, 0.9})
        for (const double outlier : {1.0, 1e4}) expect_bounds({rows, width, spread, 1, outlier}, seed++);
  for (const double scale : {1e-6, 1e6}) expect_bounds({200, 40, 0.8, scale, 1}, seed++);
}

TEST(HullDigits, RowsOfZerosAndDeadCoordinates) {
  Panel panel(70, kFirst + 15 + 2);
  for (std::int64_t i = 0; i < 70; ++i) panel.at(i, kFirst + 7) = i % 2 == 0 ? 0.0F : 1.0F;
  DigitPanel digits(panel, kFirst, 15);
  for (std::int64_t g = 0; g < panel.groups(); ++g) digits.fill(panel, g);
  DigitPanel::Directions block;
  const std::vector<float> down = {0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0};
  for (std::size_t j = 0; j < 4; ++j) digits.set(block, j, down, 0);
  alignas(64) std::array<float, 256> score{};
  const std::array<float, 4> threshold = {-0.5F, -0.5F, -0.5F, -2};
  const auto marks = digits.multiply(0, block, threshold.data(), score.data());
  EXPECT_EQ(marks[0], 0xAAAAAAAAAAAAAAAAU);
  EXPECT_EQ(marks[3], 0U);
  EXPECT_NEAR(score[0], 0, 1e-6);
  EXPECT_NEAR(score[1], -1, 1e-4);
}

}  // namespace
}  // namespace hullscope::hull::detail
