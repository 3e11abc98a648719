// networks/: layer texts and shapes, masks, Adam, checkpoints, forward and backward against numpy and finite
// differences, training that is killed and resumed, evaluation in blocks, the autoencoder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/networks/activations.hpp>
#include <hullscope/networks/adam.hpp>
#include <hullscope/networks/autoencoder.hpp>
#include <hullscope/networks/blocks.hpp>
#include <hullscope/networks/compute.hpp>
#include <hullscope/networks/dropout_mask.hpp>
#include <hullscope/networks/fit.hpp>
#include <hullscope/networks/layers.hpp>
#include <hullscope/networks/model.hpp>
#include <hullscope/parallel/comm.hpp>

#include "../support/network_data.hpp"

namespace hullscope::networks {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using tests::blobs;
using tests::fit_data;

template <class Call>
std::string usage_error(const Call& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "(no UsageError)";
}

std::string digest_of(const std::vector<NamedArray>& arrays) {
  Digest digest;
  for (const auto& array : arrays) {
    digest.update_text(array.name);
    digest.update(array.values.data(), array.values.size() * sizeof(float));
  }
  return digest.hex();
}

// The warnings about ignored checkpoints are wanted here, but not in the log.
const int kQuiet = setenv("HULLSCOPE_LOG", "error", 0);

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("hullscope-networks-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

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

// ---- training ----

struct Trained {
  std::string digest;
  Curves curves;
};

Trained train(const FitData& data, const FitOptions& options, const std::vector<std::string>& layers) {
  Model model(make_classifier({"net", layers}, {6}, 3));
  const auto curves = fit(model, data, options, parallel::Comm::self());
  return {digest_of(model.arrays()), curves};
}

const std::vector<std::string> kLayers{"dense 16", "batchnorm", "relu",       "dropout 0.3",
                                       "dense 8",  "relu",      "dropout 0.2"};

FitOptions options(std::int64_t epochs = 3) {
  FitOptions o;
  o.epochs = epochs;
  o.batch = 16;
  o.rate = 1e-2;
  o.seed = 5;
  o.stream = "test/net/trial-00/train";
  return o;
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

// ---- checkpoints ----

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

// ---- evaluation ----

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
