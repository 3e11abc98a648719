// networks/: evaluation in blocks, memory kept, the autoencoder and principal components.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/networks/activations.hpp>
#include <hullscope/networks/autoencoder.hpp>
#include <hullscope/networks/blocks.hpp>
#include <hullscope/networks/compute.hpp>
#include <hullscope/networks/fit.hpp>
#include <hullscope/networks/layers.hpp>
#include <hullscope/networks/model.hpp>
#include <hullscope/parallel/comm.hpp>

#include "../support/network_data.hpp"
#include "../support/network_support.hpp"

namespace hullscope::networks {
namespace {

using tests::blobs;
using tests::fit_data;
using tests::kLayers;
using tests::options;

TEST(Extract, ThreadsAndPlaceChangeNothing) {
  const auto samples = blobs(1700, 3, {6});
  Model model(make_classifier({"net", kLayers}, {6}, 3));
  fit(model, fit_data(samples), options(1), parallel::Comm::self());
  const auto scaling = make_scaling("none", samples);
  const auto one = extract(model, scaling, samples, parallel::Comm::self(), 1);
  for (const int threads : {2, 3, 8}) {
    const auto other = extract(model, scaling, samples, parallel::Comm::self(), threads);
    EXPECT_EQ(one.activation, other.activation);
    EXPECT_EQ(one.logit, other.logit);
    EXPECT_EQ(one.predicted, other.predicted);
  }
  EXPECT_EQ(one.activation.cols(), 8);
  EXPECT_GE(one.activation.minCoeff(), 0.0f);  // after the ReLU
  // The second block as if it were the first of another set.
  auto shifted = samples;
  shifted.size = samples.size - kBlockRows;
  shifted.copy_row = [&](std::int64_t row, std::span<float> out) { samples.copy_row(row + kBlockRows, out); };
  const auto rest = extract(model, scaling, shifted, parallel::Comm::self(), 1);
  EXPECT_EQ(rest.activation, Matrix<float>(one.activation.bottomRows(shifted.size)));
  auto none = samples;
  none.size = 0;
  EXPECT_EQ(extract(model, scaling, none, parallel::Comm::self(), 2).activation.rows(), 0);
}

TEST(Extract, AnErrorOfAThreadIsThrown) {
  EXPECT_THROW(for_each_block(0, 10, 3,
                              [](std::int64_t b) {
                                if (b == 4) throw std::runtime_error("here");
                              }),
               std::runtime_error);
}

TEST(Extract, TiesGoToTheSmallerClass) {
  Matrix<float> rows(2, 3);
  rows << 1, 1, 0, 0, 2, 2;
  EXPECT_EQ(largest_entries(rows), std::vector<std::int64_t>({0, 1}));
}

#ifndef __SANITIZE_ADDRESS__  // whose allocator is not glibc's
TEST(Compute, FreedMemoryStaysWithTheProcess) {
  keep_freed_memory();
  constexpr std::size_t kSize = 96 << 20;  // more than glibc ever takes from its heap by itself
  const auto faults_of_touching = [] {
    rusage before{}, after{};
    getrusage(RUSAGE_SELF, &before);
    std::vector<char> block(kSize, 1);
    EXPECT_EQ(block[kSize - 1], 1);
    getrusage(RUSAGE_SELF, &after);
    return after.ru_minflt - before.ru_minflt;
  };
  const auto first = faults_of_touching(), second = faults_of_touching();
  EXPECT_LT(second, 100) << "page faults of a block of the same size; the first took " << first;
}
#endif

// Points on a curved surface of dimension 2 in 12 dimensions: two bottleneck units explain them, one does not.
TEST(Encode, FindsTheDimension) {
  RandomStream random(8, 0);
  Matrix<float> train(1500, 12), test(300, 12);
  for (auto* m : {&train, &test})
    for (Eigen::Index i = 0; i < m->rows(); ++i) {
      const double a = 2 * random.uniform() - 1, b = 2 * random.uniform() - 1;
      for (Eigen::Index j = 0; j < 12; ++j)
        (*m)(i, j) =
            static_cast<float>(3 + std::cos(0.5 * static_cast<double>(j) + a) + std::sin(static_cast<double>(j)) * b);
    }
  train.col(5).setConstant(0.0f);  // a dead unit of the classifier
  test.col(5).setConstant(0.0f);
  NamedArray weight{"output.weight", {2, 12}, std::vector<float>(24, 0.0f)}, bias{"output.bias", {2}, {-3, 3}};
  weight.values[0] = 1;
  weight.values[12] = -1;
  const auto encode_to = [&](std::int64_t d) {
    EncodeRequest request{view(train), view(test), d, {32}, "linear", weight, bias, options(40), "cpu"};
    request.fit.batch = 64;
    request.fit.rate = 3e-3;
    request.fit.stream = "test/latent-" + std::to_string(d);
    return encode(request, parallel::Comm::self());
  };
  const auto one = encode_to(1), two = encode_to(2);
  EXPECT_EQ(two.train.code.rows(), 1500);
  EXPECT_EQ(two.test.code.cols(), 2);
  EXPECT_LT(two.test.unexplained_variance, 0.03);
  EXPECT_GT(one.test.unexplained_variance, 5 * two.test.unexplained_variance);
  EXPECT_NEAR(two.train.unexplained_variance, two.test.unexplained_variance, 0.02);
  EXPECT_TRUE(two.curves.train_accuracy.empty());
  EXPECT_EQ(two.arrays.front().name, "input.divisor");
  // The head says class 0 where 2 x_0 > 6; on a good reconstruction nearly always what it says of the activations.
  std::int64_t equal = 0;
  for (Eigen::Index i = 0; i < 300; ++i)
    equal += two.test.hybrid_predicted[static_cast<std::size_t>(i)] == (test(i, 0) > 3 ? 0 : 1);
  EXPECT_GT(equal, 280);
  EXPECT_EQ(encode_to(2).test.code, two.test.code);
}

TEST(Encode, PrincipalCodesAreProjectionsOnTheSpectrum) {
  RandomStream random(9, 0);
  Matrix<float> train(400, 6), test(50, 6);
  for (auto* m : {&train, &test})
    for (Eigen::Index i = 0; i < m->rows(); ++i)
      for (Eigen::Index j = 0; j < 6; ++j)
        (*m)(i, j) = j == 4 ? 2.0f : static_cast<float>(7 + static_cast<double>(j + 1) * random.normal());
  const NamedArray weight{"output.weight", {2, 6}, {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, -1}},
      bias{"output.bias", {2}, {-7, 7}};
  const Matrix<double> x = train.cast<double>(), y = test.cast<double>();
  const Vector<double> mean = x.colwise().mean().transpose();
  const Matrix<double> away = x.rowwise() - mean.transpose(), covariance = away.transpose() * away;
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> spectrum(covariance);
  for (const std::int64_t d : {1, 2, 6}) {
    const auto answer = encode_principal({view(train), view(test), d, {}, "linear", weight, bias, {}, "cpu"});
    const double left = spectrum.eigenvalues().head(6 - d).sum() / spectrum.eigenvalues().sum();
    EXPECT_NEAR(answer.train.unexplained_variance, left, 1e-9) << d;
    EXPECT_EQ(answer.dead_outputs, 1) << d;
    for (Eigen::Index j = 0; j < std::min<Eigen::Index>(d, 5); ++j) {  // the sixth axis has no variance
      const Vector<double> axis = spectrum.eigenvectors().col(5 - j);
      const Vector<double> along = (y.rowwise() - mean.transpose()) * axis;
      const double sign = along.dot(answer.test.code.col(j).cast<double>()) > 0 ? 1 : -1;
      for (Eigen::Index i = 0; i < 50; ++i) EXPECT_NEAR(answer.test.code(i, j), sign * along[i], 1e-4);
    }
    if (d < 6) continue;  // all of the space: the head says what it says of the activations
    for (Eigen::Index i = 0; i < 50; ++i)
      if (std::fabs(test(i, 5) - 7) > 1e-3) {
        EXPECT_EQ(answer.test.hybrid_predicted[static_cast<std::size_t>(i)], test(i, 5) > 7 ? 0 : 1);
      }
  }
  EXPECT_THROW(encode_principal({view(train), view(test), 7, {}, "linear", weight, bias, {}, "cpu"}), UsageError);
}

TEST(Encode, DeadOutputsAreCounted) {
  Matrix<float> train = Matrix<float>::Constant(20, 4, 1.0f), test = Matrix<float>::Constant(3, 4, 1.0f);
  const NamedArray weight{"output.weight", {2, 4}, std::vector<float>(8, 0.5f)}, bias{"output.bias", {2}, {0, 1}};
  EncodeRequest request{view(train), view(test), 2, {3}, "relu", weight, bias, options(1), "cpu"};
  const auto answer = encode(request, parallel::Comm::self());
  EXPECT_EQ(answer.dead_outputs, 4);  // equal points have equal reconstructions
  EXPECT_EQ(answer.train.hybrid_predicted, std::vector<std::int64_t>(20, 1));
  EXPECT_EQ(answer.train.unexplained_variance, 0);  // there is no variance to explain
}

}  // namespace
}  // namespace hullscope::networks
