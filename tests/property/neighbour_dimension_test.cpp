// Dimensions by neighbours on manifolds of known dimension, within 5 %: normal clouds in a random subspace, spheres,
// and a cloud whose points are all there twice.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include <hullscope/base/random.hpp>
#include <hullscope/proximity/nearest.hpp>
#include <hullscope/proximity/unit.hpp>
#include <hullscope/statistics/neighbour_dimension.hpp>

namespace hullscope::statistics {

constexpr std::int64_t kPoints = 20000, kAsked = 4000, kNeighbours = 20, kAmbient = 16;

/// kPoints x kAmbient: `coordinates` standard normal numbers a point, on the unit sphere if asked, turned at random.
Matrix<float> cloud(std::int64_t coordinates, bool sphere) {
  const std::uint64_t key = stream_key(1, "neighbour-dimension-test");
  Matrix<double> turn(coordinates, kAmbient), points(kPoints, coordinates);
  RandomStream turning(key, 1000000);
  for (double* v = turn.data(); v < turn.data() + turn.size(); ++v) *v = turning.normal();
  for (Eigen::Index i = 0; i < coordinates; ++i) {  // orthonormal rows
    for (Eigen::Index j = 0; j < i; ++j) turn.row(i) -= turn.row(i).dot(turn.row(j)) * turn.row(j);
    turn.row(i).normalize();
  }
  for (Eigen::Index i = 0; i < kPoints; ++i) {
    RandomStream random(key, static_cast<std::uint64_t>(i));
    for (Eigen::Index j = 0; j < coordinates; ++j) points(i, j) = random.normal();
    if (sphere) points.row(i).normalize();
  }
  return (points * turn).cast<float>();
}

Matrix<double> neighbours(const Matrix<float>& points, std::int64_t asked) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(points.rows())), labels(ids.size(), 0);
  std::iota(ids.begin(), ids.end(), 0);
  const proximity::NearestSearch search(view(points), ids, labels);
  return search.leave_one_out(proximity::sample_rows(ids, asked, 7), kNeighbours, 2);
}

void expect_dimension(const Matrix<double>& distance, double d, const std::string& what) {
  EXPECT_NEAR(two_nn(view(distance)).value / d, 1, 0.05) << "TwoNN, " << what;
  for (const std::int64_t k : {10, 20})
    EXPECT_NEAR(levina_bickel(view(distance), k).value / d, 1, 0.05) << "MLE of " << k << ", " << what;
}

TEST(NeighbourDimension, OfNormalClouds) {
  for (const std::int64_t d : {1, 2, 5, 10})
    expect_dimension(neighbours(cloud(d, false), kAsked), static_cast<double>(d), "normal, " + std::to_string(d));
}

TEST(NeighbourDimension, OfSpheres) {
  for (const std::int64_t d : {1, 2, 5})
    expect_dimension(neighbours(cloud(d + 1, true), kAsked), static_cast<double>(d), "sphere, " + std::to_string(d));
}

TEST(NeighbourDimension, WhereHalfThePointsAreThereTwice) {
  const Matrix<float> once = cloud(2, false);
  Matrix<float> points(kPoints + kPoints / 2, kAmbient);
  points << once, once.topRows(kPoints / 2);
  const Matrix<double> distance = neighbours(points, kPoints + kPoints / 2);
  const auto found = two_nn(view(distance));
  EXPECT_EQ(found.dropped, kPoints);  // both of each pair
  EXPECT_NEAR(participation_ratio(view(points)), 2, 0.01);
  EXPECT_EQ(levina_bickel(view(distance), 20).dropped, kPoints);
  // Without them it is the estimate of the points that are there once, among all.
  Matrix<double> single(kPoints / 2, kNeighbours);
  for (Eigen::Index i = 0, row = 0; i < distance.rows(); ++i)
    if (distance(i, 0) > 0) single.row(row++) = distance.row(i);
  EXPECT_EQ(two_nn(view(single)).value, found.value);
  EXPECT_EQ(found.used, kPoints / 2);
}

}  // namespace hullscope::statistics
