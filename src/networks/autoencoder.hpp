// The intrinsic space: an autoencoder trained on the training activations, its codes, and the hybrid network that
// classifies from the reconstruction. Source: Bonnasse-Gahot 2022, section 2.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <hullscope/networks/fit.hpp>
#include <hullscope/networks/model.hpp>

namespace hullscope::networks {

struct EncodeRequest {
  MatrixView<float> train, test;  ///< activations, one sample a row
  std::int64_t dimension = 2;
  std::vector<std::int64_t> hidden = {256};
  std::string output = "linear";
  NamedArray head_weight = {}, head_bias = {};  ///< the classifier's output layer
  FitOptions fit;                               ///< epochs, batch, rate, stream, checkpoint
  std::string device = "cpu";
  /// In their place, of a network made elsewhere: from activations to logits. Without either there is no hybrid
  /// network, and its predictions are -1.
  std::function<Matrix<float>(MatrixView<float> activations)> head = {};
};

/// One split's answers, one sample a row.
struct Codes {
  Matrix<float> code;  ///< N x dimension
  std::vector<std::int64_t> hybrid_predicted;
  double unexplained_variance = 0;  ///< sum of squared errors over sum of squared deviations from the training mean
};

struct EncodeAnswer {
  Codes train, test;
  Curves curves;
  std::int64_t dead_outputs = 0;   ///< output units that are constant over the training set
  std::vector<NamedArray> arrays;  ///< the autoencoder's parameters; "input.divisor" first
};

/// Trains on request.train only (no labels), then encodes both splits in blocks. The activations are divided by their
/// root mean square over the training set, one number, so that one learning rate suits every network; codes are of the
/// scaled activations, the reconstruction is scaled back. Collective over `group`. Throws as fit() does.
EncodeAnswer encode(const EncodeRequest& request, const parallel::Comm& group);

/// Codes of request.test alone, through an autoencoder that is trained already and its `divisor`
/// (EncodeAnswer::arrays), in the same blocks: an activation at the same place of a split has the same bits in both.
/// request.train gives the mean of the unexplained variance; request.fit is not looked at. Serial.
Codes encode_with(const EncodeRequest& request, const Model& autoencoder, float divisor);

/// The same by principal component analysis of request.train instead of a trained autoencoder: no randomness, no
/// curves, codes of the centred activations as they are. Serial. Throws UsageError if dimension is above that of the
/// neural space.
EncodeAnswer encode_principal(const EncodeRequest& request);

/// Codes of request.test alone, as encode_principal(request) has them. Serial.
Codes principal_codes(const EncodeRequest& request);

}  // namespace hullscope::networks
