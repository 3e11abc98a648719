// Class means and Mahalanobis distances against a dense pseudo-inverse, with dead and repeated coordinates.
#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <cmath>
#include <cstdlib>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/proximity/class_model.hpp>

namespace hullscope::proximity {

std::uint64_t seed() {
  const char* text = std::getenv("HULLSCOPE_TEST_SEED");
  return text ? std::stoull(text) : 20220708;
}

Matrix<float> cloud(std::uint64_t item, Eigen::Index n, Eigen::Index d) {
  RandomStream random(stream_key(seed(), "class-model-test"), item);
  Matrix<float> points(n, d);
  for (float* v = points.data(); v < points.data() + n * d; ++v) *v = static_cast<float>(random.normal());
  return points;
}

std::vector<std::int64_t> labels_of(Eigen::Index n, std::int64_t classes) {
  std::vector<std::int64_t> labels;
  for (Eigen::Index i = 0; i < n; ++i) labels.push_back(5 + 3 * (i % classes));
  return labels;
}

TEST(ClassModel, AgreesWithTheDensePseudoInverse) {
  RecordProperty("seed", static_cast<int>(seed()));
  Matrix<float> points = cloud(1, 400, 7);
  const auto labels = labels_of(400, 4);
  for (Eigen::Index i = 0; i < 400; ++i)
    points.row(i).array() += static_cast<float>(labels[static_cast<std::size_t>(i)]);
  points.col(2).setConstant(4);   // dead
  points.col(5) = points.col(1);  // a copy
  Matrix<float> queries = cloud(2, 30, 7) * 5;
  const ClassModel model(view(points), labels);
  EXPECT_EQ(model.rank(), 5);

  const Matrix<double> x = points.cast<double>(), y = queries.cast<double>();
  Matrix<double> means = Matrix<double>::Zero(4, 7), scatter = Matrix<double>::Zero(7, 7);
  for (Eigen::Index i = 0; i < 400; ++i) means.row(i % 4) += x.row(i) / 100;
  for (Eigen::Index i = 0; i < 400; ++i) {
    const Vector<double> away = (x.row(i) - means.row(i % 4)).transpose();
    scatter += away * away.transpose() / 400;
  }
  const Matrix<double> inverse = scatter.completeOrthogonalDecomposition().pseudoInverse();
  const auto found = model.mahalanobis(view(queries));
  std::vector<std::int64_t> predicted;
  for (Eigen::Index q = 0; q < 30; ++q) predicted.push_back(5 + 3 * (q % 5));  // the fifth has no training point
  const auto to_mean = model.class_mean(view(queries), predicted);
  for (Eigen::Index q = 0; q < 30; ++q) {
    double best = INFINITY;
    for (Eigen::Index c = 0; c < 4; ++c) {
      const Vector<double> away = (y.row(q) - means.row(c)).transpose();
      best = std::min(best, away.dot(inverse * away));
    }
    EXPECT_NEAR(found[static_cast<std::size_t>(q)], std::sqrt(best), 1e-9 * std::sqrt(best));
    const double expected = q % 5 == 4 ? INFINITY : (y.row(q) - means.row(q % 5)).norm();
    if (q % 5 == 4) {
      EXPECT_EQ(to_mean[static_cast<std::size_t>(q)], INFINITY);
    } else {
      EXPECT_NEAR(to_mean[static_cast<std::size_t>(q)], expected, 1e-12 * expected);
    }
  }
}

TEST(ClassModel, FewerPointsThanDimensionsOnePointAndNone) {
  const Matrix<float> points = cloud(3, 5, 40), queries = cloud(4, 3, 40);
  const ClassModel few(view(points), labels_of(5, 2));
  EXPECT_EQ(few.rank(), 3);  // five points less two means
  for (const double v : few.mahalanobis(view(queries))) EXPECT_TRUE(std::isfinite(v));

  const Matrix<float> one = cloud(5, 1, 4), two = cloud(6, 2, 4);
  const ClassModel single(view(one), labels_of(1, 1));
  EXPECT_EQ(single.rank(), 0);
  EXPECT_EQ(single.mahalanobis(view(two))[0], 0);  // no direction is alive
  const Matrix<float> none(0, 4);
  const ClassModel empty(view(none), {});
  EXPECT_EQ(empty.mahalanobis(view(two))[1], INFINITY);
  EXPECT_THROW(ClassModel(view(two), labels_of(1, 1)), InternalError);
}

TEST(ClassModel, TinyAndHugeValues) {
  for (const float scale : {1e-30f, 1e30f}) {
    const Matrix<float> points = cloud(7, 200, 3), queries = cloud(8, 4, 3), big = points * scale,
                        far = queries * scale;
    const auto a = ClassModel(view(points), labels_of(200, 2)).mahalanobis(view(queries));
    const auto b = ClassModel(view(big), labels_of(200, 2)).mahalanobis(view(far));
    for (std::size_t q = 0; q < a.size(); ++q) EXPECT_NEAR(b[q], a[q], 1e-5 * a[q]);
  }
}

}  // namespace hullscope::proximity
