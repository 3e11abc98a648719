// Networks as data: the layer texts of a study file, read and fitted to the shape of the samples.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <hullscope/study/study_file.hpp>

namespace hullscope::networks {

/// Shape of one sample: {channels, height, width} or {d}.
using Shape = std::vector<std::int64_t>;

std::int64_t elements(const Shape& shape);
std::string text_of(const Shape& shape);  ///< "1 x 28 x 28"

enum class LayerKind {
  dense,      ///< y = W x + b; takes an image as the vector of its values
  relu,       ///< max(x, 0)
  dropout,    ///< in training: 0 with probability `rate`, else x / (1 - rate); in evaluation: x
  conv,       ///< odd kernel, stride 1, zero padding that keeps height and width
  batchnorm,  ///< per channel of an image, per unit of a vector; eps 1e-5, momentum 0.1 as in LibTorch
  maxpool,    ///< square windows side by side; what is left over at the edge is dropped
  flatten,    ///< an image as a vector
};

struct Layer {
  LayerKind kind;
  std::string text;         ///< as in the study file
  std::string name;         ///< "dense1", "conv2", ...; the last one of a classifier is "output"
  std::int64_t units = 0;   ///< dense: outputs; conv: output channels
  std::int64_t kernel = 0;  ///< conv, maxpool: side of the window
  double rate = 0;          ///< dropout
  Shape input, output;
};

/// A chain of layers whose shapes fit.
struct Architecture {
  Shape input;
  std::vector<Layer> layers;
  /// Layers [0, inner) lead to the space that is studied: a classifier's neural space, an autoencoder's bottleneck.
  std::size_t inner = 0;

  Shape inner_shape() const;
  std::int64_t outputs() const;
  std::int64_t parameters() const;
  /// Floating-point operations of one forward pass of one sample (products only).
  double forward_operations() const;
};

/// Reads one layer text. Throws UsageError (names the network, the text and the nearest valid form).
Layer parse_layer(const std::string& network, const std::string& text);

/// The classifier of a study: its hidden layers and the output layer. Neural space: the output of the last layer that
/// is not a dropout. Throws UsageError if the texts are wrong, if shapes do not fit, or without a hidden layer.
Architecture make_classifier(const study::NetworkSpec& spec, const Shape& sample, std::int64_t classes);

/// features - hidden... - dimension - ...hidden (mirrored) - features; ReLU between, the bottleneck linear, the last
/// layer linear or followed by a ReLU (`output`: "linear", "relu"). Source: Bonnasse-Gahot 2022 (128-256-d-256-128).
Architecture make_autoencoder(std::int64_t features, std::int64_t dimension, const std::vector<std::int64_t>& hidden,
                              const std::string& output);

/// A lone dense layer, named "output": a classifier's head, of the given width, on the neural space.
Architecture make_head(std::int64_t features, std::int64_t classes);

}  // namespace hullscope::networks
