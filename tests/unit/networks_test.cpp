// networks/: layer texts and shapes, masks, Adam, forward and backward against numpy and finite differences, scaling.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include <hullscope/base/random.hpp>
#include <hullscope/networks/activations.hpp>
#include <hullscope/networks/adam.hpp>
#include <hullscope/networks/autoencoder.hpp>
#include <hullscope/networks/compute.hpp>
#include <hullscope/networks/dropout_mask.hpp>
#include <hullscope/networks/fit.hpp>
#include <hullscope/networks/layers.hpp>
#include <hullscope/networks/model.hpp>
#include <hullscope/parallel/comm.hpp>

#include "../support/network_data.hpp"
#include "../support/network_support.hpp"

namespace hullscope::networks {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using tests::blobs;
using tests::digest_of;
using tests::fit_data;
using tests::usage_error;

// ---- layers ----

TEST(Layers, PaperMlp) {
  const auto net = make_classifier({"mlp-256", tests::paper_mlp(256)}, {1, 28, 28}, 10);
  EXPECT_EQ(net.parameters(), 784 * 256 + 256 + 256 * 1024 + 1024 + 1024 * 128 + 128 + 128 * 10 + 10);
  EXPECT_EQ(net.inner, 8u);  // the last dropout and the output layer come after the neural space
  EXPECT_EQ(net.inner_shape(), Shape({128}));
  EXPECT_EQ(net.layers.back().name, "output");
  EXPECT_EQ(net.outputs(), 10);
}

TEST(Layers, PaperCnn) {
  const auto net = make_classifier({"cnn-2", tests::paper_cnn(2)}, {3, 32, 32}, 10);
  EXPECT_EQ(net.inner_shape(), Shape({128}));
  EXPECT_EQ(net.layers[7].output, Shape({64, 16, 16}));
  const auto flatten =
      std::find_if(net.layers.begin(), net.layers.end(), [](const Layer& l) { return l.kind == LayerKind::flatten; });
  ASSERT_NE(flatten, net.layers.end());
  EXPECT_EQ(flatten->output, Shape({64 * 8 * 8}));
}

TEST(Layers, Autoencoder) {
  const auto net = make_autoencoder(128, 4, {256}, "linear");
  EXPECT_EQ(net.parameters(), 128 * 256 + 256 + 256 * 4 + 4 + 4 * 256 + 256 + 256 * 128 + 128);
  EXPECT_EQ(net.inner_shape(), Shape({4}));
  EXPECT_EQ(net.outputs(), 128);
  EXPECT_EQ(make_autoencoder(128, 4, {}, "relu").layers.back().kind, LayerKind::relu);
  EXPECT_THAT(usage_error([] { make_autoencoder(3, 1, {}, "tanh"); }), HasSubstr("linear"));
}

TEST(Layers, WrongTextsNameTheNearest) {
  const auto sentence = [](const std::string& text) { return usage_error([&] { parse_layer("net", text); }); };
  EXPECT_THAT(sentence("dens 256"),
              AllOf(HasSubstr("\"net\""), HasSubstr("\"dens 256\""), HasSubstr("nearest: \"dense 256\"")));
  EXPECT_THAT(sentence("max-pool 2"), HasSubstr("nearest: \"maxpool 2\""));
  EXPECT_THAT(sentence(""), HasSubstr("one of"));
  for (const auto* text : {"dense",       "dense 0",     "dense -3",     "dense 12.5",  "dense 1e9", "dense 3 4",
                           "dropout",     "dropout 1",   "dropout -0.1", "dropout nan", "dropout x", "conv 64",
                           "conv 2x2 64", "conv 3x5 64", "conv 3x3",     "conv 3x3 0",  "conv x 64", "maxpool 0",
                           "maxpool",     "relu 3",      "batchnorm 64", "flatten 1"})
    EXPECT_THAT(sentence(text), HasSubstr("expected")) << text;
}

TEST(Layers, ShapesThatDoNotFit) {
  const auto sentence = [](std::vector<std::string> layers, const Shape& sample, std::int64_t classes = 10) {
    return usage_error([&] { make_classifier({"net", std::move(layers)}, sample, classes); });
  };
  EXPECT_THAT(sentence({"dense 4", "conv 3x3 8"}, {1, 5, 5}), HasSubstr("vector of 4 values"));
  EXPECT_THAT(sentence({"maxpool 2"}, {7}), HasSubstr("vector of 7 values"));
  EXPECT_THAT(sentence({"maxpool 6"}, {1, 5, 5}), HasSubstr("1 x 5 x 5"));
  EXPECT_THAT(sentence({}, {7}), HasSubstr("no hidden layer"));
  EXPECT_THAT(sentence({"dropout 0.5"}, {7}), HasSubstr("no hidden layer"));
  EXPECT_THAT(sentence({"dense 4"}, {7}, 1), HasSubstr("at least 2"));
  EXPECT_THAT(sentence({"dense 4"}, {0}), HasSubstr("no values"));
}

// ---- masks, order, Adam ----

TEST(Masks, AreThePhiloxWordsOfTheirKey) {
  const std::uint64_t key = 0x0123456789abcdefull;
  for (const std::int64_t units : {1, 3, 4, 63, 64, 65, 130}) {
    const std::vector<std::int64_t> samples{5, 0, 59999};
    std::vector<float> masks(samples.size() * static_cast<std::size_t>(units));
    fill_masks({key, 77, 3}, 0.4, samples, units, masks);
    for (std::size_t s = 0; s < samples.size(); ++s)
      for (std::int64_t u = 0; u < units; ++u) {
        const auto words = philox({static_cast<std::uint32_t>(u / 4), static_cast<std::uint32_t>(samples[s]), 77, 3},
                                  {0x89abcdefu, 0x01234567u});
        const float expected =
            words[static_cast<std::size_t>(u % 4)] * 0x1p-32 >= 0.4 ? static_cast<float>(1 / 0.6) : 0;
        ASSERT_EQ(masks[s * static_cast<std::size_t>(units) + static_cast<std::size_t>(u)], expected) << s << " " << u;
      }
  }
}

TEST(Masks, KeepTheStatedShare) {
  std::vector<std::int64_t> samples(500);
  std::iota(samples.begin(), samples.end(), 0);
  std::vector<float> masks(500 * 200);
  for (const double rate : {0.0, 0.2, 0.5, 0.9}) {
    fill_masks({1, 0, 0}, rate, samples, 200, masks);
    const auto kept = static_cast<double>(std::count_if(masks.begin(), masks.end(), [](float m) { return m > 0; }));
    const double sd = std::sqrt(1e5 * rate * (1 - rate));
    EXPECT_NEAR(kept, 1e5 * (1 - rate), 4 * sd) << rate;
  }
  fill_masks({1, 0, 0}, 0.5, {}, 200, {});  // no samples
}

TEST(Order, IsAPermutationOfEachEpoch) {
  std::vector<std::int64_t> rows(101);
  std::iota(rows.begin(), rows.end(), 7);
  const auto first = epoch_order(rows, 42, 0), again = epoch_order(rows, 42, 0), next = epoch_order(rows, 42, 1);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, next);
  auto sorted = first;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, rows);
}

TEST(Order, ValidationSplit) {
  std::vector<std::int64_t> train, validation;
  split_rows(10, 0.3, 1, train, validation);
  EXPECT_EQ(train.size(), 7u);
  EXPECT_EQ(validation.size(), 3u);
  train.insert(train.end(), validation.begin(), validation.end());
  std::sort(train.begin(), train.end());
  for (std::int64_t i = 0; i < 10; ++i) EXPECT_EQ(train[static_cast<std::size_t>(i)], i);
  split_rows(5, 0, 1, train, validation);
  EXPECT_EQ(train.size(), 5u);
  EXPECT_TRUE(validation.empty());
}

TEST(Adam, IsAlgorithmOne) {
  RandomStream random(3, 0);
  const std::size_t n = 37;
  std::vector<float> g(n), p(n), m(n, 0.0f), v(n, 0.0f);
  std::vector<double> dp(n), dm(n, 0.0), dv(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) dp[i] = p[i] = static_cast<float>(random.normal());
  for (int step = 1; step <= 50; ++step) {
    for (auto& x : g) x = static_cast<float>(random.normal() * std::pow(10, 6 * random.uniform() - 3));
    g[0] = 0;
    adam_step(AdamFactors(0.01, step), g, p, m, v);
    for (std::size_t i = 0; i < n; ++i) {
      dm[i] = 0.9 * dm[i] + 0.1 * static_cast<double>(g[i]);
      dv[i] = 0.999 * dv[i] + 0.001 * static_cast<double>(g[i]) * static_cast<double>(g[i]);
      const double mean = dm[i] / (1 - std::pow(0.9, step)), square = dv[i] / (1 - std::pow(0.999, step));
      dp[i] -= 0.01 * mean / (std::sqrt(square) + 1e-8);
    }
  }
  for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(p[i], dp[i], 2e-5) << i;
  EXPECT_EQ(m[0], 0.0f);
}

// ---- forward and backward ----

std::vector<float> floats(const nlohmann::json& json) {
  return json.get<std::vector<float>>();
}

Architecture golden_architecture(const nlohmann::json& c) {
  if (c["classes"] == 0) return make_autoencoder(5, 2, {8}, "linear");
  return make_classifier({c["title"], c["layers"]}, c["sample"], c["classes"]);
}

// The names of an autoencoder's arrays in the golden file are those of a plain chain.
std::string golden_name(const nlohmann::json& c, std::string name) {
  if (c["classes"] != 0) return name;
  if (name.starts_with("bottleneck")) return "dense2" + name.substr(10);
  if (name.starts_with("dense2")) return "dense3" + name.substr(6);
  return name;
}

class NumpyCase : public testing::TestWithParam<int> {
 protected:
  NumpyCase() {
    std::ifstream file(HULLSCOPE_SOURCE_DIR "/tests/golden/networks.json");
    golden_ = nlohmann::json::parse(file)[static_cast<std::size_t>(GetParam())];
    x_ = floats(golden_["x"]);
    model_ = std::make_unique<Model>(golden_architecture(golden_));
    auto arrays = model_->arrays();
    for (auto& array : arrays) array.values = floats(golden_["arrays"].at(golden_name(golden_, array.name)));
    model_->set_arrays(arrays);
    const auto width = static_cast<std::size_t>(elements(model_->architecture().input));
    data_.size = static_cast<std::int64_t>(x_.size() / width);
    data_.labels = golden_["labels"].get<std::vector<std::int64_t>>();
    data_.gather = [this, width](std::span<const std::int64_t> rows, std::span<float> out) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        std::copy_n(x_.begin() + rows[i] * static_cast<std::ptrdiff_t>(width), width,
                    out.begin() + static_cast<std::ptrdiff_t>(i * width));
    };
    rows_.resize(static_cast<std::size_t>(data_.size));
    std::iota(rows_.begin(), rows_.end(), 0);
  }

  LossAndGradient step() { return loss_and_gradient(*model_, data_, rows_, 0, 1, parallel::Comm::self()); }

  nlohmann::json golden_;
  std::vector<float> x_;
  std::unique_ptr<Model> model_;
  FitData data_;
  std::vector<std::int64_t> rows_;
};

TEST_P(NumpyCase, EvaluationAgrees) {
  const MatrixView<float> input(x_.data(), data_.size, elements(model_->architecture().input));
  const auto output = model_->run(input, 0, model_->architecture().layers.size());
  const auto expected = golden_["output"].get<std::vector<double>>();
  ASSERT_EQ(static_cast<std::size_t>(output.size()), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(output.data()[i], expected[i], 2e-5 * (1 + std::abs(expected[i])));
}

TEST_P(NumpyCase, LossAndGradientAgree) {
  const auto result = step();
  EXPECT_NEAR(result.loss, golden_["loss"].get<double>(), 1e-5);
  for (const auto& array : result.gradient) {
    const auto expected = golden_["gradient"].at(golden_name(golden_, array.name)).get<std::vector<double>>();
    ASSERT_EQ(array.values.size(), expected.size()) << array.name;
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(array.values[i], expected[i], 5e-5 * (1 + std::abs(expected[i]))) << array.name << " " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, NumpyCase, testing::Values(0, 1, 2));

// The gradient along a random direction of each array, by central differences of the loss: on chains without ReLU and
// pool, whose kinks would drown the slope (numpy covers those), with dropout, whose masks are the same at each call.
void expect_gradient_is_the_slope(const Architecture& architecture, const FitData& data) {
  Model model(architecture);
  model.initialise(21);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(data.size));
  std::iota(rows.begin(), rows.end(), 0);
  const auto step = [&] { return loss_and_gradient(model, data, rows, 5, 1, parallel::Comm::self()); };
  const auto start = model.arrays();
  const auto gradient = step().gradient;
  RandomStream random(11, 0);
  std::size_t g = 0;
  for (std::size_t a = 0; a < start.size(); ++a) {
    if (start[a].name.find("running_") != std::string::npos) continue;
    std::vector<double> direction(start[a].values.size());
    double slope = 0, length = 0;
    for (std::size_t i = 0; i < direction.size(); ++i) {
      direction[i] = random.normal();
      slope += direction[i] * static_cast<double>(gradient[g].values[i]);
      length += direction[i] * direction[i];
    }
    length = std::sqrt(length);
    const double h = 1e-2 / length;
    const auto loss_at = [&](double t) {
      auto moved = start;
      for (std::size_t i = 0; i < direction.size(); ++i)
        moved[a].values[i] = static_cast<float>(static_cast<double>(moved[a].values[i]) + t * direction[i]);
      model.set_arrays(moved);
      return step().loss;
    };
    // Rounding of the loss (1e-7) over 2 h; the rest is the third derivative.
    EXPECT_NEAR((loss_at(h) - loss_at(-h)) / (2 * h), slope, 2e-3 * std::abs(slope) + 5e-5 * length) << start[a].name;
    ++g;
  }
  EXPECT_EQ(g, gradient.size());
}

TEST(Gradient, IsTheSlopeOfAClassifier) {
  const auto samples = blobs(23, 3, {2, 5, 4});
  expect_gradient_is_the_slope(
      make_classifier({"net", {"conv 3x3 3", "batchnorm", "dropout 0.3", "flatten", "dense 6", "batchnorm"}},
                      samples.shape, 3),
      fit_data(samples));
}

TEST(Gradient, IsTheSlopeOfAnAutoencoder) {
  const auto samples = blobs(23, 3, {7});
  auto data = fit_data(samples);
  data.labels.clear();
  Architecture net = make_autoencoder(7, 2, {5}, "linear");
  std::erase_if(net.layers, [](const Layer& layer) { return layer.kind == LayerKind::relu; });
  expect_gradient_is_the_slope(net, data);
}

TEST(Model, InitialWeightsAreLibTorchsDefault) {
  Model model(make_classifier({"net", {"dense 200", "batchnorm", "relu"}}, {50}, 10));
  model.initialise(99);
  const auto arrays = model.arrays();
  const auto& weight = arrays[0].values;
  const double bound = 1 / std::sqrt(50.0);
  double sum = 0, square = 0;
  for (const float w : weight) {
    ASSERT_LE(std::abs(w), bound);
    sum += static_cast<double>(w);
    square += static_cast<double>(w) * static_cast<double>(w);
  }
  const auto n = static_cast<double>(weight.size());
  EXPECT_NEAR(sum / n, 0, 4 * bound / std::sqrt(3 * n));
  EXPECT_NEAR(square / n, bound * bound / 3, 0.02 * bound * bound);
  EXPECT_EQ(arrays[2].name, "batchnorm1.weight");
  EXPECT_EQ(arrays[2].values, std::vector<float>(200, 1.0f));
  EXPECT_EQ(arrays[4].values, std::vector<float>(200, 0.0f));
  EXPECT_EQ(arrays[5].values, std::vector<float>(200, 1.0f));
  Model twin(model.architecture());
  twin.initialise(99);
  EXPECT_EQ(digest_of(twin.arrays()), digest_of(arrays));
  twin.initialise(100);
  EXPECT_NE(digest_of(twin.arrays()), digest_of(arrays));
}

TEST(Model, ArchiveIsTheSameBytesTwice) {
  Model model(make_classifier({"net", {"dense 3", "relu"}}, {5}, 2));
  model.initialise(1);
  const auto bytes = torch_archive(model);
  EXPECT_TRUE(bytes.starts_with("PK"));
  EXPECT_EQ(torch_archive(model), bytes);
}

TEST(Scaling, UnitStandardNone) {
  const auto samples = blobs(40, 3, {2, 2, 2});
  auto scaling = make_scaling("standard", samples);
  ASSERT_EQ(scaling.offset.size(), 2u);  // one a channel
  std::vector<float> all(40 * 8);
  for (std::int64_t i = 0; i < 40; ++i) samples.copy_row(i, {all.data() + 8 * i, 8});
  scaling.apply(all, samples.shape);
  for (int c = 0; c < 2; ++c) {
    double sum = 0, square = 0;
    for (int i = 0; i < 40; ++i)
      for (int k = 0; k < 4; ++k) {
        const double x = static_cast<double>(all[static_cast<std::size_t>(8 * i + 4 * c + k)]);
        sum += x, square += x * x;
      }
    EXPECT_NEAR(sum / 160, 0, 1e-5);
    EXPECT_NEAR(square / 160, 1, 1e-4);
  }
  auto pixels = samples;
  pixels.pixels = true;
  EXPECT_EQ(make_scaling("unit", pixels).divisor, std::vector<float>(2, 255.0f));
  EXPECT_EQ(make_scaling("unit", samples).divisor, std::vector<float>(2, 1.0f));
  auto constant = blobs(5, 2, {3});
  constant.copy_row = [](std::int64_t, std::span<float> out) { std::fill(out.begin(), out.end(), 7.0f); };
  EXPECT_EQ(make_scaling("standard", constant).divisor, std::vector<float>(3, 1.0f));
  EXPECT_THAT(usage_error([&] { make_scaling("unti", samples); }), HasSubstr("standard"));
  EXPECT_THAT(usage_error([] { resolve_device("gpu"); }), HasSubstr("cuda"));
}

}  // namespace
}  // namespace hullscope::networks
