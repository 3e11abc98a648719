// A classifier that was made elsewhere: a TorchScript module, cut in two at its neural space.
#pragma once
#include <memory>
#include <string>

#include <hullscope/networks/activations.hpp>

namespace hullscope::networks {

/// Its forward() takes a batch of samples, n x (shape of one), and returns n x classes numbers: logits, or logarithms
/// of probabilities. Evaluation mode, no optimising executor: the bits of a block depend on nothing but the block.
class ForeignNetwork {
 public:
  /// Reads the file. `layer`: the submodule whose output is the neural space ("features.3"); "": the neural space is
  /// the input of the last dense layer (aten::linear or addmm). Throws DataError (file) if it is no TorchScript, has
  /// no forward() of one tensor, no such layer, or if its output does not follow from the neural space alone.
  ForeignNetwork(const std::string& file, const std::string& layer, const std::string& device);
  ~ForeignNetwork();
  ForeignNetwork(ForeignNetwork&&) noexcept;

  /// Tries it on examples (scaled, n x values of `sample`): shapes, device, and that both parts together give what
  /// the whole gives. Needed before body(). Throws DataError.
  void try_on(MatrixView<float> examples, const Shape& sample, std::int64_t classes);

  const Shape& neural_shape() const;  ///< of one sample
  /// The neural space of one sample, of a file of activations: what head() needs in place of try_on().
  void set_neural_shape(const Shape& shape);

  Matrix<float> body(MatrixView<float> samples) const;      ///< n x elements(neural_shape())
  Matrix<float> head(MatrixView<float> activations) const;  ///< n x classes
  /// Of this network, which must outlive it; after try_on().
  Evaluation evaluation() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "64,7,7" and back: a shape as an attribute of a file.
std::string shape_text(const Shape& shape);
Shape parse_shape(const std::string& text);

}  // namespace hullscope::networks
