// Training and evaluation on several ranks: one rank a task gives the same bits for any number of ranks; a shared batch
// gives the same weights as one rank to rounding (whole-batch statistics included) and itself bit by bit; evaluation
// does not depend on the ranks.
#include <gtest/gtest.h>

#include <cmath>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/networks/activations.hpp>
#include <hullscope/networks/blocks.hpp>
#include <hullscope/networks/fit.hpp>

#include "../support/network_data.hpp"

namespace hullscope::networks {
namespace {

using parallel::Comm;
using tests::blobs;
using tests::fit_data;

FitOptions options(std::int64_t epochs) {
  FitOptions o;
  o.epochs = epochs;
  o.batch = 11;  // more than two ranks' equal shares, fewer than three's
  o.rate = 1e-3;
  o.seed = 9;
  o.stream = "test/net/trial-00/train";
  return o;
}

const std::vector<std::string> kImageLayers{"conv 3x3 4", "batchnorm", "relu",      "maxpool 2", "dropout 0.2",
                                            "flatten",    "dense 12",  "batchnorm", "relu",      "dropout 0.3"};

std::string digest_of(const std::vector<NamedArray>& arrays) {
  Digest digest;
  for (const auto& array : arrays) digest.update(array.values.data(), array.values.size() * sizeof(float));
  return digest.hex();
}

struct Trained {
  std::vector<NamedArray> arrays;
  Curves curves;
};

Trained train(const Samples& samples, const FitOptions& options, const Comm& group) {
  Model model(make_classifier({"net", kImageLayers}, samples.shape, samples.classes));
  const auto curves = fit(model, fit_data(samples), options, group);
  return {model.arrays(), curves};
}

TEST(NetworksMpi, OneRankATaskIsTheSameEverywhere) {
  const auto samples = blobs(60, 3, {1, 6, 6});
  const auto digest = digest_of(train(samples, options(2), Comm::self()).arrays);
  for (const auto& other : Comm::world().gather(digest)) EXPECT_EQ(other, digest);
}

//   ranks 0 1 2:  batch [ . . . | . . . . | . . . . ]  ->  one gradient, one mean and variance a channel
TEST(NetworksMpi, ASharedBatchEqualsAWholeOne) {
  const auto world = Comm::world();
  const auto samples =
      blobs(58, 3, {1, 6, 6});  // 5 batches of 11 and one of 3, of which five ranks see two empty parts
  auto o = options(1);
  o.validation = 0;
  const auto alone = train(samples, o, Comm::self()), shared = train(samples, o, world);
  ASSERT_EQ(alone.arrays.size(), shared.arrays.size());
  for (std::size_t a = 0; a < alone.arrays.size(); ++a) {
    // Adam's first steps are rate * sign(gradient). The gradient of a bias before a batch norm is zero but for
    // rounding, so its sign is noise, and the running mean follows that bias: those may be rate * steps apart, which
    // changes nothing in training. (GradientsOfASharedBatch compares the running means after one step.)
    const auto& name = alone.arrays[a].name;
    const bool noise = name == "conv1.bias" || name == "dense1.bias" || name.ends_with("running_mean");
    for (std::size_t i = 0; i < alone.arrays[a].values.size(); ++i)
      EXPECT_NEAR(alone.arrays[a].values[i], shared.arrays[a].values[i], noise ? 2 * 6 * o.rate : 3e-4)
          << name << " " << i;
  }
  EXPECT_NEAR(alone.curves.train_loss[0], shared.curves.train_loss[0], 1e-4);
  const auto digest = digest_of(shared.arrays);
  for (const auto& other : world.gather(digest)) EXPECT_EQ(other, digest);
  EXPECT_EQ(digest_of(train(samples, o, world).arrays), digest);
}

TEST(NetworksMpi, GradientsOfASharedBatch) {
  const auto world = Comm::world();
  const auto samples = blobs(30, 3, {2, 4, 4});
  const auto data = fit_data(samples);
  for (const std::size_t rows : {1u, 2u, 7u, 30u}) {
    std::vector<std::int64_t> batch;
    for (std::size_t i = 0; i < rows; ++i) batch.push_back(static_cast<std::int64_t>(29 - i));
    Model one(make_classifier({"net", kImageLayers}, samples.shape, 3)), all(one.architecture());
    one.initialise(3);
    // Away from 0: a batch of one sample has normalised values of 0, and a ReLU there would decide by rounding.
    auto start = one.arrays();
    for (auto& array : start)
      if (array.name.starts_with("batchnorm") && array.name.ends_with("bias"))
        for (std::size_t i = 0; i < array.values.size(); ++i) array.values[i] = i % 2 ? 0.3f : -0.2f;
    one.set_arrays(start);
    all.set_arrays(start);
    const auto alone = loss_and_gradient(one, data, batch, 4, 77, Comm::self());
    const auto shared = loss_and_gradient(all, data, batch, 4, 77, world);
    const auto expected = one.arrays(), found = all.arrays();  // the running statistics moved
    for (std::size_t a = 0; a < expected.size(); ++a)
      for (std::size_t i = 0; i < expected[a].values.size(); ++i)
        EXPECT_NEAR(expected[a].values[i], found[a].values[i], 1e-5) << rows << " rows, " << expected[a].name;
    EXPECT_NEAR(alone.loss, shared.loss, 1e-5);
    for (std::size_t a = 0; a < alone.gradient.size(); ++a)
      for (std::size_t i = 0; i < alone.gradient[a].values.size(); ++i)
        EXPECT_NEAR(alone.gradient[a].values[i], shared.gradient[a].values[i],
                    2e-4 * (1 + std::abs(alone.gradient[a].values[i])))
            << rows << " rows, " << alone.gradient[a].name << " " << i;
  }
}

TEST(NetworksMpi, ExtractionDoesNotDependOnTheRanks) {
  const auto world = Comm::world();
  const auto samples = blobs(2300, 3, {1, 6, 6});  // five blocks, the last one not full
  Model model(make_classifier({"net", kImageLayers}, samples.shape, 3));
  fit(model, fit_data(samples), options(1), Comm::self());
  const auto scaling = make_scaling("standard", samples);
  const auto whole = extract(model, scaling, samples, Comm::self(), 1);
  for (const int threads : {1, 2}) {
    const auto part = extract(model, scaling, samples, world, threads);
    const auto rows = part.activation.rows();
    EXPECT_EQ(world.sum(static_cast<std::int64_t>(rows)), samples.size);
    EXPECT_EQ(part.activation, Matrix<float>(whole.activation.middleRows(part.first, rows)));
    EXPECT_EQ(part.logit, Matrix<float>(whole.logit.middleRows(part.first, rows)));
  }
}

}  // namespace
}  // namespace hullscope::networks
