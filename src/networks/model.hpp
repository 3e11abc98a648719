// A network that can be evaluated: an architecture and its weights.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/networks/layers.hpp>

namespace hullscope::networks {

namespace detail {
class Chain;
}

/// One parameter or buffer.
struct NamedArray {
  std::string name;  ///< "dense1.weight", "batchnorm1.running_mean", "output.bias"
  Shape shape;
  std::vector<float> values;
};

class Model {
 public:
  /// `device`: "cpu" or "cuda". Weights are zero.
  explicit Model(const Architecture& architecture, const std::string& device = "cpu");
  ~Model();
  Model(Model&&) noexcept;

  const Architecture& architecture() const { return architecture_; }
  /// LibTorch's default initial weights, U(-1/sqrt(fan in), 1/sqrt(fan in)) for weights and biases of dense and
  /// convolution (Kaiming uniform with a = sqrt 5), from the streams of `key`, one item an array.
  void initialise(std::uint64_t key);

  std::vector<NamedArray> arrays() const;
  /// Throws InternalError if names, order or shapes are not those of arrays().
  void set_arrays(const std::vector<NamedArray>& arrays);

  /// Layers [first, last) in evaluation mode. input: n x (values of one sample at layer `first`). One computing thread;
  /// several threads may call it at once. Equal rows at equal places of an input of equal shape give equal bits.
  Matrix<float> run(MatrixView<float> input, std::size_t first, std::size_t last) const;

  detail::Chain& chain() { return *chain_; }

 private:
  Architecture architecture_;
  std::unique_ptr<detail::Chain> chain_;
};

/// The weights as a LibTorch archive (torch.jit.load reads it; names as in arrays(), one submodule a layer).
std::string torch_archive(const Model& model);

}  // namespace hullscope::networks
