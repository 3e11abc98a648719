#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <hullscope/base/random.hpp>
#include <hullscope/linalg/fixed_order.hpp>
#include <hullscope/linalg/rounding.hpp>
#include <hullscope/linalg/scan.hpp>
#include <hullscope/linalg/tile_product.hpp>

namespace hullscope::linalg {

std::vector<float> normals(std::int64_t n, std::uint64_t item) {
  RandomStream random(stream_key(7, "linalg-test"), item);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = static_cast<float>(random.normal());
  return values;
}

TEST(FixedOrder, SumsInTheStatedOrder) {
  for (const std::int64_t n : {0, 1, 7, 8, 9, 16, 31, 784}) {
    const auto a = normals(n, 1), b = normals(n, 2);
    double lane[8] = {}, norm[8] = {};
    for (std::int64_t k = 0; k < n; ++k) {
      const auto i = static_cast<std::size_t>(k);
      const double difference = static_cast<double>(a[i]) - b[i];
      lane[k % 8] += difference * difference;
      norm[k % 8] += static_cast<double>(a[i]) * a[i];
    }
    const auto total = [](const double* l) {
      return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
    };
    EXPECT_EQ(squared_distance(a.data(), b.data(), n), total(lane)) << n;
    EXPECT_EQ(squared_norm(a.data(), n), total(norm)) << n;
  }
}

TEST(FixedOrder, NeitherOverflowsNorUnderflows) {
  const float huge[] = {3e38f, -3e38f}, tiny[] = {1e-45f, 0.0f}, zero[] = {0.0f, 0.0f};
  EXPECT_NEAR(squared_distance(huge, zero, 2) / 1.8e77, 1, 1e-6);
  EXPECT_GT(squared_norm(tiny, 2), 0);
  EXPECT_EQ(
      squared_distance_of_directions(huge, std::sqrt(squared_norm(huge, 2)), huge, std::sqrt(squared_norm(huge, 2)), 2),
      0);
  const float opposite[] = {-3e38f, 3e38f};
  EXPECT_NEAR(squared_distance_of_directions(huge, std::sqrt(squared_norm(huge, 2)), opposite,
                                             std::sqrt(squared_norm(opposite, 2)), 2),
              4, 1e-14);
}

TEST(FixedOrder, LargestMagnitudeKeepsNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const float a[] = {1, -3, 2}, b[] = {1, nan, 5}, c[] = {-inf, 1};
  EXPECT_EQ(largest_magnitude(a, 3), 3);
  EXPECT_TRUE(std::isnan(largest_magnitude(b, 3)));
  EXPECT_EQ(largest_magnitude(c, 2), inf);
  EXPECT_EQ(largest_magnitude(a, 0), 0);
}

template <class Scalar>
void products_stay_within_the_bound(std::int64_t d, double roundoff) {
  TileProduct<Scalar> tile(d);
  const auto a = normals(d * kQueryTile, 3), b = normals(d * kPointTile, 4);
  for (std::int64_t i = 0; i < kQueryTile - 3; ++i)
    for (std::int64_t k = 0; k < d; ++k) tile.query(i)[k] = a[static_cast<std::size_t>(i * d + k)];
  for (std::int64_t i = 0; i < kPointTile - 5; ++i)
    for (std::int64_t k = 0; k < d; ++k) tile.point(i)[k] = b[static_cast<std::size_t>(i * d + k)];
  tile.clear_queries(kQueryTile - 3);
  tile.clear_points(kPointTile - 5);
  tile.multiply();
  for (std::int64_t i = 0; i < kQueryTile; i += 37)
    for (std::int64_t j = 0; j < kPointTile; j += 31) {
      long double sum = 0, size = 0;
      for (std::int64_t k = 0; k < d; ++k) {
        const long double term = static_cast<long double>(tile.query(i)[k]) * tile.point(j)[k];
        sum += term, size += std::fabs(term);
      }
      ASSERT_LE(std::fabs(static_cast<double>(tile.product(i)[j] - sum)),
                gamma(d, roundoff) * static_cast<double>(size));
    }
  EXPECT_EQ(tile.product(kQueryTile - 1)[0], 0);
  EXPECT_EQ(tile.product(0)[kPointTile - 1], 0);
}

TEST(TileProduct, StaysWithinTheRoundingBound) {
  for (const std::int64_t d : {1, 2, 15, 16, 17, 128, 784}) {
    SCOPED_TRACE(d);
    products_stay_within_the_bound<float>(d, kFloatRoundoff);
    products_stay_within_the_bound<double>(d, kDoubleRoundoff);
  }
}

TEST(Scan, AgreesWithThePlainLoop) {
  const auto product = normals(300, 5), bias = normals(300, 6), scale = normals(300, 7);
  const RowScores row{product.data(), bias.data(), scale.data(), 0.5f, 0.25f};
  const auto score = [&](std::int64_t i) {
    const auto k = static_cast<std::size_t>(i);
    return 0.5f * bias[k] + 0.25f * (scale[k] * product[k]);
  };
  for (std::int64_t first = 0; first < 300; first += 7)
    for (std::int64_t last = first; last <= 300; last += 11) {
      float smallest = std::numeric_limits<float>::infinity();
      for (std::int64_t i = first; i < last; ++i) smallest = std::min(smallest, score(i));
      ASSERT_EQ(smallest_score(row, first, last), smallest) << first << " " << last;
      std::vector<Candidate> found;
      select_scores(row, first, last, smallest, 0.125, 1000, found);
      if (first < last) {
        ASSERT_EQ(found.size(), 1u);
        EXPECT_EQ(found[0].lower, static_cast<double>(smallest) - 0.125);
        EXPECT_EQ(score(found[0].row - 1000), smallest);
      } else {
        ASSERT_TRUE(found.empty());
      }
    }
}

TEST(Rounding, Gamma) {
  EXPECT_EQ(gamma(0, kFloatRoundoff), 0);
  EXPECT_NEAR(gamma(784, kFloatRoundoff), 784 * 0x1p-24, 3e-9);
  EXPECT_TRUE(std::isinf(gamma(1 << 24, kFloatRoundoff)));
}

}  // namespace hullscope::linalg
