// networks/: training that learns, repeats itself, is killed and resumed; checkpoints, whole, damaged and of others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/networks/fit.hpp>
#include <hullscope/networks/layers.hpp>
#include <hullscope/networks/model.hpp>
#include <hullscope/parallel/comm.hpp>

#include "../support/network_data.hpp"
#include "../support/network_support.hpp"

namespace hullscope::networks {
namespace {

using testing::HasSubstr;
using tests::blobs;
using tests::digest_of;
using tests::fit_data;
using tests::Folder;
using tests::kLayers;
using tests::options;
using tests::usage_error;

struct Trained {
  std::string digest;
  Curves curves;
};

Trained train(const FitData& data, const FitOptions& options, const std::vector<std::string>& layers) {
  Model model(make_classifier({"net", layers}, {6}, 3));
  const auto curves = fit(model, data, options, parallel::Comm::self());
  return {digest_of(model.arrays()), curves};
}

TEST(Fit, LearnsAndRepeatsItself) {
  const auto samples = blobs(151, 3, {6});
  const auto data = fit_data(samples);
  auto o = options(20);
  const auto first = train(data, o, kLayers);
  EXPECT_GT(first.curves.train_accuracy.back(), 0.9);
  EXPECT_LT(first.curves.train_loss.back(), 0.5 * first.curves.train_loss.front());
  EXPECT_EQ(first.curves.train_loss.size(), 20u);
  EXPECT_EQ(train(data, o, kLayers).digest, first.digest);
  o.seed = 6;
  EXPECT_NE(train(data, o, kLayers).digest, first.digest);
}

TEST(Fit, AwkwardSizes) {
  for (const std::int64_t n : {1, 2, 16, 17, 33}) {  // 17 and 33: a last batch of one sample, with batch norm
    const auto samples = blobs(n, 3, {6});
    const auto result = train(fit_data(samples), options(2), kLayers);
    EXPECT_EQ(result.curves.train_loss.size(), 2u);
    for (const double loss : result.curves.train_loss) EXPECT_TRUE(std::isfinite(loss)) << n;
  }
  const auto samples = blobs(20, 3, {6});
  auto o = options(0);
  EXPECT_TRUE(train(fit_data(samples), o, kLayers).curves.train_loss.empty());  // an untrained network
  o = options(1);
  o.validation = 0.99;
  EXPECT_THAT(usage_error([&] { train(fit_data(samples), o, kLayers); }), HasSubstr("train.validation"));
}

TEST(Fit, ValidationIsKeptApart) {
  const auto samples = blobs(100, 3, {6});
  auto data = fit_data(samples);
  std::vector<int> seen(100, 0);
  const auto gather = data.gather;
  data.gather = [&](std::span<const std::int64_t> rows, std::span<float> out) {
    for (const auto row : rows) ++seen[static_cast<std::size_t>(row)];
    gather(rows, out);
  };
  auto o = options(4);
  o.validation = 0.25;
  const auto result = train(data, o, kLayers);
  EXPECT_EQ(result.curves.validation_loss.size(), 4u);
  EXPECT_EQ(result.curves.validation_accuracy.size(), 4u);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 4), 100);  // each row once an epoch, for one of the two purposes
}

TEST(Fit, ALossThatIsNotFiniteIsAnError) {
  auto samples = blobs(40, 3, {6});
  samples.copy_row = [](std::int64_t, std::span<float> out) { std::fill(out.begin(), out.end(), INFINITY); };
  EXPECT_THROW(train(fit_data(samples), options(3), {"dense 16", "relu"}), EnvironmentError);
}

// A training that dies at any step and is started again ends with the same bytes: with a checkpoint after every step,
// with none in time, and with one now and then.
TEST(Fit, KilledAndResumed) {
  const Folder folder;
  const auto samples = blobs(75, 3, {6});
  auto o = options(4);
  o.validation = 0.2;
  const auto whole = train(fit_data(samples), o, kLayers);
  o.checkpoint = folder.file("network.checkpoint");
  o.task_key = "key";
  RandomStream random(17, 0);
  for (int round = 0; round < 6; ++round) {
    std::filesystem::remove(o.checkpoint);
    const double choices[] = {1e-9, 0, 1e9};  // after every step, after every epoch, never in time
    o.checkpoint_seconds = choices[round % 3];
    int kills = 0;
    Trained result;
    for (bool done = false; !done;) {
      auto data = fit_data(samples);
      const auto gather = data.gather;
      auto left = static_cast<int>(1 + random.below(9)) + (o.checkpoint_seconds != 1e-9 && kills > 2 ? 1000 : 0);
      data.gather = [&](std::span<const std::int64_t> rows, std::span<float> out) {
        if (--left == 0) throw std::runtime_error("killed");
        gather(rows, out);
      };
      try {
        result = train(data, o, kLayers);
        done = true;
      } catch (const std::runtime_error& error) {
        ASSERT_STREQ(error.what(), "killed");
        ++kills;
      }
    }
    EXPECT_GE(kills, 2);
    EXPECT_EQ(result.digest, whole.digest) << "round " << round;
    EXPECT_EQ(result.curves.train_loss, whole.curves.train_loss);
    EXPECT_EQ(result.curves.train_accuracy, whole.curves.train_accuracy);
    EXPECT_EQ(result.curves.validation_loss, whole.curves.validation_loss);
  }
}

Checkpoint some_checkpoint() {
  return {7, {{1.5, 1.25}, {0.5, 0.75}, {}, {}}, {{0.1, 3}, {0.2, 4}}, {1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {}};
}

TEST(Checkpoints, RoundTrip) {
  const Folder folder;
  const auto path = folder.file("c");
  EXPECT_FALSE(load_checkpoint(path, "key"));
  save_checkpoint(path, "key", some_checkpoint());
  const auto c = load_checkpoint(path, "key");
  ASSERT_TRUE(c);
  EXPECT_EQ(c->step, 7);
  EXPECT_EQ(c->curves.train_loss, std::vector<double>({1.5, 1.25}));
  EXPECT_EQ(c->sums[1].right, 4);
  EXPECT_EQ(c->v, std::vector<float>({7, 8, 9}));
  EXPECT_FALSE(load_checkpoint(path, "another key"));
}

TEST(Checkpoints, DamagedOnesAreIgnored) {
  const Folder folder;
  const auto path = folder.file("c");
  save_checkpoint(path, "key", some_checkpoint());
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const auto write = [&](const std::string& changed) { std::ofstream(path, std::ios::binary) << changed; };
  for (std::size_t length = 0; length < bytes.size(); length += 5) {
    write(bytes.substr(0, length));
    EXPECT_FALSE(load_checkpoint(path, "key")) << length;
  }
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    write(changed);
    EXPECT_FALSE(load_checkpoint(path, "key")) << i;
  }
  write(bytes + "x");
  EXPECT_FALSE(load_checkpoint(path, "key"));
  write(bytes);
  EXPECT_TRUE(load_checkpoint(path, "key"));
}

TEST(Checkpoints, OfAnotherNetworkOrGroupAreIgnored) {
  const Folder folder;
  const auto samples = blobs(40, 3, {6});
  auto o = options(2);
  const auto whole = train(fit_data(samples), o, kLayers);
  o.checkpoint = folder.file("network.checkpoint");
  o.task_key = "key";
  save_checkpoint(o.checkpoint, "key", some_checkpoint());  // two ranks, three parameters
  EXPECT_EQ(train(fit_data(samples), o, kLayers).digest, whole.digest);
}

}  // namespace
}  // namespace hullscope::networks
