// Synthetic sets against their closed forms, and their names against what a user may type.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <Eigen/SVD>

#include <hullscope/base/random.hpp>
#include <hullscope/datasets/detail/synthetic.hpp>

#include "../unit/datasets_files.hpp"

namespace hullscope::datasets::detail {
namespace {

using test::expect_error;

Samples make(const std::string& name, const std::string& split = "train", std::uint64_t seed = 1,
             std::int64_t limit = 0) {
  return make_synthetic({name, split, limit, "", seed});
}

Matrix<double> matrix(const Samples& samples) {
  std::vector<float> values(samples.values.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), samples.values.data(), samples.values.size());
  const auto rows = static_cast<std::int64_t>(samples.labels.size());
  return Eigen::Map<const Matrix<float>>(values.data(), rows, samples.features()).cast<double>();
}

/// Mean, variance and the largest correlation between coordinates must lie within 5 standard errors.
void expect_moments(const Matrix<double>& x, double mean, double variance, double kurtosis) {
  const double n = static_cast<double>(x.rows());
  const Eigen::RowVectorXd average = x.colwise().mean();
  const Matrix<double> centred = x.rowwise() - average;
  const Matrix<double> covariance = centred.transpose() * centred / n;
  const double mean_error = std::sqrt(variance / n), variance_error = variance * std::sqrt((kurtosis - 1) / n);
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    EXPECT_NEAR(average(i), mean, 5 * mean_error);
    EXPECT_NEAR(covariance(i, i), variance, 5 * variance_error);
    for (std::int64_t j = 0; j < i; ++j) EXPECT_NEAR(covariance(i, j), 0, 5 * variance / std::sqrt(n));
  }
}

/// Kolmogorov and Smirnov's one-sample statistic of `values` against a distribution; 1.95 is the 0.1 % point.
template <class Cdf>
void expect_distribution(std::vector<double> values, const Cdf& cdf) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    largest = std::max({largest, std::abs(cdf(values[i]) - static_cast<double>(i) / n),
                        std::abs(cdf(values[i]) - static_cast<double>(i + 1) / n)});
  EXPECT_LT(largest * std::sqrt(n), 1.95);
}

std::vector<double> norms(const Matrix<double>& x) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < x.rows(); ++i) out.push_back(x.row(i).norm());
  return out;
}

TEST(Clouds, GaussianHasTheMomentsOfTheStandardNormal) {
  const Matrix<double> x = matrix(make("gaussian?n=20000&d=5"));
  ASSERT_EQ(x.rows(), 20000);
  ASSERT_EQ(x.cols(), 5);
  expect_moments(x, 0, 1, 3);
  std::vector<double> first;
  for (std::int64_t i = 0; i < x.rows(); ++i) first.push_back(x(i, 0));
  expect_distribution(first, [](double v) { return 0.5 * std::erfc(-v / std::sqrt(2.0)); });
}

TEST(Clouds, CubeIsUniform) {
  const Matrix<double> x = matrix(make("cube?n=20000&d=4"));
  EXPECT_GE(x.minCoeff(), 0);
  EXPECT_LE(x.maxCoeff(), 1);
  expect_moments(x, 0.5, 1.0 / 12, 1.8);
}

// |x|^d is uniform, and each coordinate has variance 1/(d + 2), kurtosis 3 (d + 2)/(d + 4).
TEST(Clouds, BallIsUniform) {
  for (const int d : {1, 2, 7}) {
    const Matrix<double> x = matrix(make("ball?n=20000&d=" + std::to_string(d)));
    EXPECT_LE(x.rowwise().norm().maxCoeff(), 1 + 1e-6);
    expect_moments(x, 0, 1.0 / (d + 2), 3.0 * (d + 2) / (d + 4));
    expect_distribution(norms(x), [d](double r) { return std::pow(std::clamp(r, 0.0, 1.0), d); });
  }
}

TEST(Clouds, SplitsSeedsAndSizes) {
  const Samples train = make("gaussian?n=50&test=20&d=3");
  EXPECT_EQ(make("gaussian?n=50&test=20&d=3").values, train.values);
  EXPECT_NE(make("gaussian?n=50&test=20&d=3", "train", 2).values, train.values);
  const Samples test = make("gaussian?n=50&test=20&d=3", "test");
  EXPECT_EQ(test.labels.size(), 20u);
  EXPECT_NE(std::vector<std::byte>(train.values.begin(), train.values.begin() + 240), test.values);
  EXPECT_EQ(train.classes, 1);
  EXPECT_FALSE(train.pixels);
  EXPECT_EQ(make("ball?n=0").labels.size(), 0u);
  EXPECT_EQ(make("cube?n=1&d=1").values.size(), 4u);
}

// A sample is a function of its id: more samples, or a limit, change none of those before.
TEST(Synthetic, ASampleDependsOnItsIdAlone) {
  for (const std::string name : {"gaussian?n=", "ball?n=", "cube?n=", "gaussian-classes?per_class_train="}) {
    const Samples few = make(name + "20"), many = make(name + "40"), limited = make(name + "40", "train", 1, 20);
    EXPECT_TRUE(std::equal(few.values.begin(), few.values.end(), many.values.begin())) << name;
    EXPECT_EQ(limited.labels.size(), 20u);
    EXPECT_TRUE(std::equal(limited.values.begin(), limited.values.end(), many.values.begin())) << name;
  }
}

// ---- the paper's toy case

TEST(GaussianClasses, CentresLieInASubspaceOfTheTrueDimension) {
  for (int dimension = 1; dimension <= 6; ++dimension) {
    const GaussianClasses set = gaussian_classes("gaussian-classes?dimension=" + std::to_string(dimension), 2022);
    const Eigen::Map<const Matrix<double>> centres(set.centres.data(), set.classes, set.ambient);
    const Eigen::VectorXd singular = Eigen::JacobiSVD<Eigen::MatrixXd>(centres).singularValues();
    EXPECT_GT(singular(dimension - 1), 0.05);
    EXPECT_LT(singular(dimension), 1e-12);
    // The basis is orthonormal: distances between centres are those of the latent ones.
    const Eigen::Map<const Matrix<double>> latent(set.latent_centres.data(), set.classes, set.dimension);
    EXPECT_NEAR((centres.row(0) - centres.row(7)).norm(), (latent.row(0) - latent.row(7)).norm(), 1e-12);
  }
}

/// Accuracy of the nearest-centre rule on a split, by the obvious loop in the ambient space.
double nearest_centre_accuracy(const std::string& name, std::uint64_t seed) {
  const GaussianClasses set = gaussian_classes(name, seed);
  const Eigen::Map<const Matrix<double>> centres(set.centres.data(), set.classes, set.ambient);
  const Samples samples = make(name, "test", seed);
  const Matrix<double> x = matrix(samples);
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < x.rows(); ++i) {
    Eigen::Index nearest = 0;
    (centres.rowwise() - x.row(i)).rowwise().squaredNorm().minCoeff(&nearest);
    right += nearest == samples.labels[static_cast<std::size_t>(i)];
  }
  return static_cast<double>(right) / static_cast<double>(x.rows());
}

// The noise is chosen in the latent space; the accuracy is measured on the samples, in all 32 coordinates. Standard
// error: 0.0046 by the 10,000 test samples and 0.0015 by the choice of the noise.
TEST(GaussianClasses, TheNoiseGivesTheWantedAccuracyInEveryDimension) {
  for (int dimension = 1; dimension <= 6; ++dimension)
    for (const std::uint64_t seed : {1, 2, 3}) {
      const std::string name = "gaussian-classes?dimension=" + std::to_string(dimension);
      EXPECT_NEAR(nearest_centre_accuracy(name, seed), 0.70, 0.02) << name << " seed " << seed;
    }
  EXPECT_NEAR(nearest_centre_accuracy("gaussian-classes?dimension=2&accuracy=0.9&classes=4&ambient=5", 5), 0.9, 0.02);
}

TEST(GaussianClasses, WhitenedCentresHaveMeanZeroAndTheIdentityAsCovariance) {
  for (const int classes : {2, 3, 10})
    for (int dimension = 1; dimension < classes; ++dimension) {
      const std::string name =
          "gaussian-classes?whitened=1&dimension=" + std::to_string(dimension) + "&classes=" + std::to_string(classes);
      const GaussianClasses set = gaussian_classes(name, 2022);
      const Eigen::Map<const Matrix<double>> latent(set.latent_centres.data(), set.classes, set.dimension);
      EXPECT_LT(latent.colwise().mean().norm(), 1e-12) << name;
      const Matrix<double> covariance = latent.transpose() * latent / classes;
      EXPECT_LT((covariance - Matrix<double>::Identity(dimension, dimension)).norm(), 1e-12) << name;
    }
  EXPECT_NEAR(nearest_centre_accuracy("gaussian-classes?dimension=6&whitened=1", 3), 0.7, 0.02);
}

// Two classes at distance D with noise s: the nearest-centre rule is right with probability Phi(D / 2s).
TEST(GaussianClasses, NoiseAgreesWithTheClosedFormOfTwoClasses) {
  const double wanted = 0.8413447460685429;  // Phi(1): D / 2s = 1
  const double noise = noise_for_accuracy({0, 0, 3, 4}, 2, 2, wanted, 99, 400000);
  EXPECT_NEAR(noise, 2.5,
              5 * 2.5 * 0.0024);  // standard error of the quantile: sqrt(p q / n) / (phi(1) * 1 / s) ~ 0.24 %
}

TEST(GaussianClasses, NoiseAndCentresAreWhatTheSamplesShow) {
  const std::string name = "gaussian-classes?dimension=3&noise=1.5&per_class_train=4000&classes=3&ambient=6";
  const GaussianClasses set = gaussian_classes(name, 7);
  EXPECT_EQ(set.noise, 1.5);
  const Samples samples = make(name, "train", 7);
  Matrix<double> x = matrix(samples);
  ASSERT_EQ(x.rows(), 12000);
  std::vector<std::int64_t> counts(3, 0);
  for (std::int64_t i = 0; i < x.rows(); ++i) {
    const std::int64_t label = samples.labels[static_cast<std::size_t>(i)];
    ++counts[static_cast<std::size_t>(label)];
    x.row(i) -= Eigen::Map<const Eigen::RowVectorXd>(set.centres.data() + label * 6, 6);
  }
  EXPECT_EQ(counts, (std::vector<std::int64_t>{4000, 4000, 4000}));
  expect_moments(x, 0, 2.25, 3);
}

// ---- Fig. 1

TEST(Circle, TheTestPointsAreInThePlanesHullAndTheTrainingPointsOnTheCircle) {
  const Matrix<double> train = matrix(make("circle?units=0")), test = matrix(make("circle?units=0", "test"));
  ASSERT_EQ(train.cols(), 2);
  for (std::int64_t i = 0; i < train.rows(); ++i) {
    EXPECT_NEAR(train.row(i).norm(), 1, 1e-6);
    EXPECT_NEAR(std::atan2(train(i, 1), train(i, 0)), std::remainder(2 * M_PI * static_cast<double>(i) / 100, 2 * M_PI),
                1e-6);
  }
  // A regular 100-gon holds the disc of radius cos(pi / 100).
  EXPECT_LT(test.rowwise().norm().maxCoeff(), std::cos(M_PI / 100));
  expect_distribution(norms(test), [](double r) { return std::min(1.0, r * r / (0.99 * 0.99)); });
}

TEST(Circle, TuningCurvesAreBellsAroundTheirPreferredPoints) {
  const std::string same = "&n=40&test=300";
  const Matrix<double> plane = matrix(make("circle?units=0" + same, "test"));
  const Matrix<double> seen = matrix(make("circle?units=64&width=0.4&extent=1.2" + same, "test"));
  ASSERT_EQ(seen.cols(), 64);
  EXPECT_GT(seen.minCoeff(), 0);
  EXPECT_LE(seen.maxCoeff(), 1);
  for (const std::int64_t unit : {0, 1, 63}) {
    const double r = 1.2 * std::sqrt((static_cast<double>(unit) + 0.5) / 64);
    const double angle = static_cast<double>(unit) * M_PI * (3 - std::sqrt(5.0));
    const Eigen::RowVector2d centre(r * std::cos(angle), r * std::sin(angle));
    for (std::int64_t i = 0; i < seen.rows(); ++i)
      EXPECT_NEAR(seen(i, unit), std::exp(-(plane.row(i) - centre).squaredNorm() / (2 * 0.16)), 1e-5);
  }
}

// What Fig. 1 shows: a linear functional that is large in the middle separates inner points from the circle's.
TEST(Circle, InnerPointsLeaveTheHullOnceSeenThroughTuningCurves) {
  const Matrix<double> train = matrix(make("circle")), plane = matrix(make("circle?units=0", "test"));
  const Matrix<double> test = matrix(make("circle", "test"));
  Eigen::Index central = 0;
  plane.rowwise().norm().minCoeff(&central);
  const Eigen::RowVectorXd direction = test.row(central) - train.colwise().mean();
  EXPECT_GT(test.row(central).dot(direction), (train * direction.transpose()).maxCoeff());
}

// ---- names

TEST(SyntheticNames, UnknownAndIllParametersAreNamed) {
  const auto fault = [](const std::string& name, const std::vector<std::string>& parts) {
    expect_error<UsageError>([&] { make(name); }, parts);
  };
  fault("gaussian-classes?dimensions=3", {"unknown parameter \"dimensions\"", "did you mean \"dimension\"", "ambient"});
  fault("gaussian?sigma=3", {"unknown parameter \"sigma\"", "n, test, d"});
  fault("gaussian?n=ten", {"n = \"ten\" is not a number"});
  fault("gaussian?n=1e400", {"not a number"});
  fault("gaussian?n=nan", {"not a number"});
  fault("gaussian?n=", {"not a number"});
  fault("gaussian?n=10x", {"not a number"});
  fault("gaussian?n=-1", {"n = -1", "0 to"});
  fault("gaussian?d=0", {"d = 0", "1 to"});
  fault("gaussian?n=1.5", {"an integer"});
  fault("gaussian?n=1&n=2", {"given twice"});
  fault("gaussian?n", {"KEY=VALUE"});
  fault("gaussian?n=3&&d=2", {"KEY=VALUE"});
  fault("gaussian-classes?dimension=33", {"dimension = 33 is above ambient = 32"});
  fault("gaussian-classes?classes=1", {"1 classes", "noise=VALUE"});
  fault("gaussian-classes?accuracy=0.05", {"accuracy of 0.05"});
  fault("gaussian-classes?accuracy=1", {"accuracy of 1"});
  fault("gaussian-classes?whitened=1&dimension=10", {"10 classes span 9 dimensions", "whitened=0"});
  expect_error<UsageError>([] { make("gaussian?n=5", "train", 1, 6); }, {"first 6", "it has 5"});
  expect_error<UsageError>([] { make("gaussian", "validation"); }, {"split \"validation\"", "train or test"});
  expect_error<EnvironmentError>([] { make("gaussian?n=1e9&d=1e6"); }, {"memory"});
  EXPECT_EQ(make("gaussian-classes?classes=1&noise=0.5&per_class_train=3").labels.size(), 3u);
  EXPECT_EQ(make("gaussian?n=1e2").labels.size(), 100u);
}

TEST(SyntheticNames, AreKnown) {
  EXPECT_TRUE(is_synthetic("gaussian-classes?dimension=2"));
  EXPECT_TRUE(is_synthetic("cube"));
  EXPECT_FALSE(is_synthetic("cubes"));
  EXPECT_FALSE(is_synthetic("mnist"));
}

}  // namespace
}  // namespace hullscope::datasets::detail
