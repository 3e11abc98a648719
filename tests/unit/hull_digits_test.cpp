// Rows in 8 bits: the bound holds against exact arithmetic, whatever the data; both products agree; it is near enough.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <hullscope/hull/detail/digit_panel.hpp>
#include <random>
#include <vector>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kGroup = Panel::kGroup;
constexpr std::size_t kTogether = DigitPanel::kTogether;
using Row = std::vector<float>;

struct Case {
  std::int64_t rows, width;
  double spread;   // of coordinate k: spread^k
  double scale;    // of everything
  double outlier;  // times the last row, which the steps do not know of
};

struct Points {
  std::vector<Row> row;
  std::vector<double> tail, loss;
  DigitPanel panel;
};

Points points_of(const Case& c, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  Points points;
  Matrix<double> sample(c.rows, c.width);
  for (std::int64_t i = 0; i < c.rows; ++i) {
    Row& row = points.row.emplace_back();
    for (std::int64_t k = 0; k < c.width; ++k) {
      sample(i, k) = normal(random) * c.scale * std::pow(c.spread, k);
      row.push_back(static_cast<float>(sample(i, k) * (i + 1 == c.rows ? c.outlier : 1)));
    }
    points.tail.push_back(std::fabs(normal(random)) * c.scale);
    points.loss.push_back(1e-6 * c.scale);
  }
  const std::vector<double> steps = DigitPanel::steps(sample);
  EXPECT_EQ(std::ssize(steps), c.width);
  points.panel = DigitPanel(c.rows, steps);
  for (std::size_t i = 0; i < points.row.size(); ++i)
    points.panel.enter(static_cast<std::int64_t>(i), points.row[i].data(), points.tail[i], points.loss[i]);
  for (std::int64_t i = c.rows; i < (c.rows + kGroup - 1) / kGroup * kGroup; ++i) points.panel.pad(i);
  return points;
}

/// Three random directions, and one along one coordinate.
std::vector<Row> directions_of(std::int64_t width, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::vector<Row> all(kTogether, Row(static_cast<std::size_t>(width), 0));
  all.back().back() = -1;
  for (std::size_t j = 0; j + 1 < kTogether; ++j) {
    double square = 0;
    for (float& b : all[j]) b = static_cast<float>(normal(random)), square += double{b} * b;
    for (float& b : all[j]) b = static_cast<float>(b / std::sqrt(square));
  }
  return all;
}

void expect_bound(const Case& c, const Points& points, std::size_t i, const Row& b, float tail, float score) {
  long double exact = 0, square = 0;
  for (std::size_t k = 0; k < b.size(); ++k) {
    exact += static_cast<long double>(points.row[i][k]) * b[k];
    square += static_cast<long double>(points.row[i][k]) * points.row[i][k];
  }
  exact -= static_cast<long double>(points.tail[i]) * tail + static_cast<long double>(points.loss[i]);
  ASSERT_LE(static_cast<long double>(score), exact) << "row " << i;
  // Within a twentieth of the row's length, where the steps fit the rows.
  const double size = static_cast<double>(std::sqrt(square)) + c.scale;
  if (c.outlier == 1) {
    ASSERT_GE(score, static_cast<double>(exact) - 0.05 * size) << "row " << i;
  }
}

void expect_bounds(const Case& c, std::uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "rows " << c.rows << ", width " << c.width << ", spread " << c.spread << ", scale "
                                  << c.scale << ", outlier " << c.outlier << ", seed " << seed);
  std::mt19937_64 random(seed);
  const Points points = points_of(c, random);
  const std::vector<Row> direction = directions_of(c.width, random);
  const std::array<float, kTogether> tail = {0, 0.5F, 0.1F, 1};
  const std::array<float, kTogether> threshold = {0, static_cast<float>(c.scale), static_cast<float>(-c.scale), 0};
  DigitPanel::Directions block;
  for (std::size_t j = 0; j < kTogether; ++j) points.panel.set(block, j, direction[j], tail[j]);
  alignas(64) std::array<float, kTogether * kGroup> score{}, plain{};
  for (std::int64_t g = 0; g * kGroup < c.rows; ++g) {
    const auto marks = points.panel.multiply(g, block, threshold.data(), score.data());
    const auto plain_marks = points.panel.multiply_plainly(g, block, threshold.data(), plain.data());
    for (std::size_t at = 0; at < score.size(); ++at) {
      const std::size_t j = at / kGroup, i = static_cast<std::size_t>(g * kGroup) + at % kGroup;
      EXPECT_EQ(marks[j] >> at % kGroup & 1, score[at] <= threshold[j] ? 1U : 0U);
      EXPECT_EQ(plain_marks[j] >> at % kGroup & 1, plain[at] <= threshold[j] ? 1U : 0U);
      if (i >= points.row.size()) {
        EXPECT_GT(score[at], 1e29F);
        EXPECT_GT(plain[at], 1e29F);
        continue;
      }
      expect_bound(c, points, i, direction[j], tail[j], score[at]);
      expect_bound(c, points, i, direction[j], tail[j], plain[at]);
    }
  }
}

TEST(HullDigits, BoundHoldsAgainstExactArithmetic) {
  std::uint64_t seed = 20261124;
  for (const std::int64_t width : {1, 3, 13, 16, 30, 64, 127, 128, 784})
    for (const std::int64_t rows : {1, 64, 300})
      for (const double spread : {1.0, 0.9})
        for (const double outlier : {1.0, 1e4}) expect_bounds({rows, width, spread, 1, outlier}, seed++);
  for (const double scale : {1e-6, 1e6}) expect_bounds({200, 40, 0.8, scale, 1}, seed++);
}

TEST(HullDigits, RowsAreCopied) {
  std::mt19937_64 random(7);
  const Case c{130, 37, 0.95, 1, 1};
  const Points points = points_of(c, random);
  Matrix<double> sample(c.rows, c.width);
  for (std::int64_t i = 0; i < c.rows; ++i)
    for (std::int64_t k = 0; k < c.width; ++k)
      sample(i, k) = points.row[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)];
  DigitPanel other(2, DigitPanel::steps(sample)), same(c.rows, DigitPanel::steps(sample));
  for (std::int64_t i = 0; i < c.rows; ++i) {
    const std::size_t at = static_cast<std::size_t>(i);
    same.enter(i, points.row[at].data(), points.tail[at], points.loss[at]);
  }
  other.copy(same, 3, 0);
  other.copy(same, 129, 1);
  for (std::int64_t i = 2; i < kGroup; ++i) other.pad(i);
  const std::vector<Row> direction = directions_of(c.width, random);
  DigitPanel::Directions block;
  for (std::size_t j = 0; j < kTogether; ++j) same.set(block, j, direction[j], 1);
  const std::array<float, kTogether> threshold{};
  alignas(64) std::array<float, kTogether * kGroup> first{}, last{}, copied{};
  same.multiply(0, block, threshold.data(), first.data());
  same.multiply(2, block, threshold.data(), last.data());
  other.multiply(0, block, threshold.data(), copied.data());
  for (std::size_t j = 0; j < kTogether; ++j) {
    EXPECT_EQ(copied[j * kGroup], first[j * kGroup + 3]);
    EXPECT_EQ(copied[j * kGroup + 1], last[j * kGroup + 1]);
  }
}

TEST(HullDigits, RowsOfZerosAndDeadCoordinates) {
  Matrix<double> sample = Matrix<double>::Zero(70, 15);
  for (std::int64_t i = 1; i < 70; i += 2) sample(i, 7) = 1;
  const std::vector<double> steps = DigitPanel::steps(sample);
  ASSERT_EQ(steps.size(), 15U);
  DigitPanel digits(70, steps);
  for (std::int64_t i = 0; i < 70; ++i) {
    Row row(15, 0);
    row[7] = static_cast<float>(i % 2);
    digits.enter(i, row.data(), 0, 0);
  }
  for (std::int64_t i = 70; i < 2 * kGroup; ++i) digits.pad(i);
  Row down(15, 0);
  down[7] = -1;
  DigitPanel::Directions block;
  for (std::size_t j = 0; j < kTogether; ++j) digits.set(block, j, down, 0);
  alignas(64) std::array<float, kTogether * kGroup> score{};
  const std::array<float, kTogether> threshold = {-0.5F, -0.5F, -0.5F, -2};
  EXPECT_EQ(digits.multiply(0, block, threshold.data(), score.data())[0], 0xAAAAAAAAAAAAAAAAU);
  EXPECT_EQ(digits.multiply(1, block, threshold.data(), score.data())[0], 0x2AU);
  EXPECT_EQ(digits.multiply(0, block, threshold.data(), score.data())[3], 0U);
  EXPECT_NEAR(score[0], 0, 1e-3);
  EXPECT_NEAR(score[1], -1, 0.02);
}

// Of rows that differ by orders of magnitude 8 bits would keep the largest alone.
TEST(HullDigits, RefusesRowsThatItWouldLose) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  Matrix<double> sample(1000, 20);
  for (Eigen::Index i = 0; i < 1000; ++i)
    for (Eigen::Index k = 0; k < 20; ++k) sample(i, k) = normal(random);
  EXPECT_FALSE(DigitPanel::steps(sample).empty());
  for (Eigen::Index i = 0; i < 1000; ++i) sample.row(i) *= std::exp(8 * normal(random));
  EXPECT_TRUE(DigitPanel::steps(sample).empty());
}

}  // namespace
}  // namespace hullscope::hull::detail
