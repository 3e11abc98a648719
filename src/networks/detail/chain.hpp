// The arithmetic of a chain of layers, forward and backward, on LibTorch's tensors. Backward is written out layer by
// layer (a dozen lines each) rather than recorded by autograd: the order of every sum is then plain, and batch norm
// over several ranks needs no callback from inside LibTorch. Tests compare it with finite differences.
#pragma once
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <vector>

#include <hullscope/networks/detail/slots.hpp>
#include <hullscope/networks/layers.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::networks::detail {

/// What a training step tells its layers.
struct StepContext {
  const parallel::Comm& group;  ///< shares the batch
  std::int64_t batch;           ///< samples of the whole group
  std::uint32_t step;           ///< of the training, from 0
  std::uint64_t mask_key;
  std::span<const std::int64_t> samples;  ///< ids of this rank's rows
};

/// One layer. `forward` keeps what `backward` needs and may overwrite its input (never that of a layer that still needs
/// it); `evaluate` keeps nothing and can run in several threads.
class Unit {
 public:
  virtual ~Unit() = default;
  virtual at::Tensor evaluate(const at::Tensor& x) const = 0;
  virtual at::Tensor forward(const at::Tensor& x, const StepContext& context) = 0;
  /// dy: gradient of the loss by this layer's output; may be overwritten. Writes the parameters' gradients (sums over
  /// this rank's rows) and returns the gradient by the input, undefined if not asked for.
  virtual at::Tensor backward(const at::Tensor& dy, const StepContext& context, bool need_dx) = 0;
};

class Chain {
 public:
  Chain(const Architecture& architecture, const at::Device& device);

  /// Layers [first, last), evaluation mode. x: n x (shape of one sample).
  at::Tensor evaluate(at::Tensor x, std::size_t first, std::size_t last) const;
  /// All layers, training mode; `backward` continues the same step and fills `gradients`.
  at::Tensor forward(at::Tensor x, const StepContext& context);
  void backward(at::Tensor dy, const StepContext& context);

  const Slots& slots() const { return slots_; }
  at::Tensor array(const Slot& slot) const;  ///< a view
  at::Device device() const { return parameters.device(); }

  at::Tensor parameters, gradients, buffers;  ///< flat float32

 private:
  Slots slots_;
  std::vector<std::unique_ptr<Unit>> units_;
};

}  // namespace hullscope::networks::detail
