#include <hullscope/networks/layers.hpp>

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <numeric>
#include <optional>
#include <sstream>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>

namespace hullscope::networks {
namespace {

constexpr std::int64_t kLargestUnits = 1 << 20;

struct Form {
  LayerKind kind;
  std::string example;  // what a valid text looks like
  std::size_t words;    // after the layer's name
};

const std::map<std::string, Form>& forms() {
  static const std::map<std::string, Form> table = {
      {"dense", {LayerKind::dense, "dense 256", 1}},         {"relu", {LayerKind::relu, "relu", 0}},
      {"dropout", {LayerKind::dropout, "dropout 0.2", 1}},   {"conv", {LayerKind::conv, "conv 3x3 64", 2}},
      {"batchnorm", {LayerKind::batchnorm, "batchnorm", 0}}, {"maxpool", {LayerKind::maxpool, "maxpool 2", 1}},
      {"flatten", {LayerKind::flatten, "flatten", 0}},
  };
  return table;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::optional<std::int64_t> positive_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > kLargestUnits) return {};
  return value;
}

std::optional<double> share(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value < 1)) return {};
  return value;
}

// "3x3" -> 3; only odd squares, so that padding by (k - 1) / 2 keeps the image's size.
std::optional<std::int64_t> odd_square(const std::string& text) {
  const auto cross = text.find('x');
  if (cross == std::string::npos) return {};
  const auto height = positive_integer(text.substr(0, cross)), width = positive_integer(text.substr(cross + 1));
  if (!height || height != width || *height % 2 == 0 || *height > 31) return {};
  return height;
}

[[noreturn]] void wrong_layer(const std::string& network, const std::string& text, const std::string& expected) {
  throw UsageError(fmt::format("network \"{}\": found the layer \"{}\", expected {}", network, text, expected));
}

[[noreturn]] void misfit(const std::string& network, const Layer& layer, const std::string& sentence) {
  throw UsageError(fmt::format("network \"{}\": the layer \"{}\" does not fit: {}", network, layer.text, sentence));
}

Shape output_shape(const std::string& network, const Layer& layer, const Shape& in) {
  const bool image = in.size() == 3;
  switch (layer.kind) {
    case LayerKind::dense:
      return {layer.units};
    case LayerKind::flatten:
      return {elements(in)};
    case LayerKind::conv:
      if (!image)
        misfit(network, layer,
               fmt::format("it needs images (channels x height x width), found a vector of {} values", elements(in)));
      return {layer.units, in[1], in[2]};
    case LayerKind::maxpool:
      if (!image)
        misfit(network, layer,
               fmt::format("it needs images (channels x height x width), found a vector of {} values", elements(in)));
      if (in[1] < layer.kernel || in[2] < layer.kernel)
        misfit(network, layer, fmt::format("its window is larger than the {} images it gets", text_of(in)));
      return {in[0], in[1] / layer.kernel, in[2] / layer.kernel};
    case LayerKind::relu:
    case LayerKind::dropout:
    case LayerKind::batchnorm:
      return in;
  }
  throw InternalError("a layer of unknown kind");
}

// Names the layers and fits their shapes, in order.
Architecture fitted(const std::string& network, Shape input, std::vector<Layer> layers, std::size_t inner) {
  for (const auto extent : input)
    if (extent < 1)
      throw UsageError(fmt::format("network \"{}\": samples of shape {} have no values", network, text_of(input)));
  std::map<std::string, int> count;
  Shape shape = input;
  for (auto& layer : layers) {
    if (layer.name.empty()) {
      const auto word = words_of(layer.text).front();
      layer.name = word + std::to_string(++count[word]);
    }
    layer.input = shape;
    layer.output = shape = output_shape(network, layer, shape);
  }
  return {std::move(input), std::move(layers), inner};
}

Layer dense(std::int64_t units, const std::string& name = "") {
  return {LayerKind::dense, fmt::format("dense {}", units), name, units, 0, 0, {}, {}};
}

Layer relu() {
  return {LayerKind::relu, "relu", "", 0, 0, 0, {}, {}};
}

}  // namespace

std::int64_t elements(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::string text_of(const Shape& shape) {
  return fmt::format("{}", fmt::join(shape, " x "));
}

Layer parse_layer(const std::string& network, const std::string& text) {
  const auto words = words_of(text);
  std::vector<std::string> names;
  for (const auto& [name, form] : forms()) names.push_back(name);
  if (words.empty()) wrong_layer(network, text, "one of " + join(names));
  const auto found = forms().find(words.front());
  if (found == forms().end()) {
    const auto& nearest = forms().at(nearest_name(words.front(), names));
    wrong_layer(network, text, fmt::format("one of {} (nearest: \"{}\")", join(names), nearest.example));
  }
  const auto& form = found->second;
  if (words.size() != form.words + 1) wrong_layer(network, text, fmt::format("a text like \"{}\"", form.example));

  Layer layer{form.kind, join(words, " "), "", 0, 0, 0, {}, {}};
  if (form.kind == LayerKind::dense || form.kind == LayerKind::conv) {
    const auto units = positive_integer(words.back());
    if (!units)
      wrong_layer(network, text,
                  fmt::format("a number of units from 1 to {}, as in \"{}\"", kLargestUnits, form.example));
    layer.units = *units;
  }
  if (form.kind == LayerKind::conv) {
    const auto kernel = odd_square(words[1]);
    if (!kernel) wrong_layer(network, text, "an odd square window from 1x1 to 31x31, as in \"conv 3x3 64\"");
    layer.kernel = *kernel;
  }
  if (form.kind == LayerKind::maxpool) {
    const auto kernel = positive_integer(words[1]);
    if (!kernel) wrong_layer(network, text, "a window's side of 1 or more, as in \"maxpool 2\"");
    layer.kernel = *kernel;
  }
  if (form.kind == LayerKind::dropout) {
    const auto rate = share(words[1]);
    if (!rate) wrong_layer(network, text, "a share from 0 to less than 1, as in \"dropout 0.2\"");
    layer.rate = *rate;
  }
  return layer;
}

Architecture make_classifier(const study::NetworkSpec& spec, const Shape& sample, std::int64_t classes) {
  if (classes < 2)
    throw UsageError(
        fmt::format("network \"{}\": the training set has {} class, expected at least 2", spec.name, classes));
  std::vector<Layer> layers;
  std::size_t inner = 0;
  for (const auto& text : spec.layers) {
    layers.push_back(parse_layer(spec.name, text));
    if (layers.back().kind != LayerKind::dropout) inner = layers.size();
  }
  if (inner == 0)
    throw UsageError(fmt::format(
        "network \"{}\" has no hidden layer, expected at least one, as in layers = [\"dense 32\", \"relu\"]",
        spec.name));
  layers.push_back(dense(classes, "output"));
  return fitted(spec.name, sample, std::move(layers), inner);
}

Architecture make_autoencoder(std::int64_t features, std::int64_t dimension, const std::vector<std::int64_t>& hidden,
                              const std::string& output) {
  if (features < 1 || dimension < 1) throw InternalError("an autoencoder without features or without a bottleneck");
  std::vector<Layer> layers;
  for (const auto units : hidden) layers.insert(layers.end(), {dense(units), relu()});
  layers.push_back(dense(dimension, "bottleneck"));
  const auto inner = layers.size();
  for (auto units = hidden.rbegin(); units != hidden.rend(); ++units)
    layers.insert(layers.end(), {dense(*units), relu()});
  layers.push_back(dense(features, "output"));
  if (output == "relu") {
    layers.push_back(relu());
  } else if (output != "linear") {
    throw UsageError(fmt::format("encode.output: found \"{}\", expected \"linear\" or \"relu\"", output));
  }
  return fitted("autoencoder", {features}, std::move(layers), inner);
}

Architecture make_head(std::int64_t features, std::int64_t classes) {
  return fitted("head", {features}, {dense(classes, "output")}, 0);
}

Shape Architecture::inner_shape() const {
  return inner == 0 ? input : layers[inner - 1].output;
}

std::int64_t Architecture::outputs() const {
  return elements(layers.empty() ? input : layers.back().output);
}

std::int64_t Architecture::parameters() const {
  std::int64_t count = 0;
  for (const auto& layer : layers) {
    if (layer.kind == LayerKind::dense) count += (elements(layer.input) + 1) * layer.units;
    if (layer.kind == LayerKind::conv) count += (layer.input[0] * layer.kernel * layer.kernel + 1) * layer.units;
    if (layer.kind == LayerKind::batchnorm) count += 2 * layer.input[0];
  }
  return count;
}

double Architecture::forward_operations() const {
  double operations = 0;
  for (const auto& layer : layers) {
    const auto out = static_cast<double>(elements(layer.output));
    if (layer.kind == LayerKind::dense) operations += 2.0 * static_cast<double>(elements(layer.input)) * out;
    if (layer.kind == LayerKind::conv)
      operations += 2.0 * static_cast<double>(layer.input[0] * layer.kernel * layer.kernel) * out;
  }
  return operations;
}

}  // namespace hullscope::networks
