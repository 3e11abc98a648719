#include <hullscope/networks/model.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include <cmath>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/networks/detail/chain.hpp>

namespace hullscope::networks {

Model::Model(const Architecture& architecture, const std::string& device)
    : architecture_(architecture), chain_(std::make_unique<detail::Chain>(architecture, at::Device(device))) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;

void Model::initialise(std::uint64_t key) {
  auto all = arrays();
  const auto& slots = chain_->slots().slots;
  for (std::size_t i = 0; i < all.size(); ++i) {
    RandomStream stream(key, i);
    const double bound = slots[i].fan_in > 0 ? 1 / std::sqrt(static_cast<double>(slots[i].fan_in)) : 0;
    for (auto& value : all[i].values)
      value = slots[i].fan_in > 0 ? static_cast<float>(bound * (2 * stream.uniform() - 1)) : slots[i].constant;
  }
  set_arrays(all);
}

std::vector<NamedArray> Model::arrays() const {
  std::vector<NamedArray> result;
  for (const auto& slot : chain_->slots().slots) {
    const auto values = chain_->array(slot).to(at::kCPU).contiguous();
    const auto* first = values.data_ptr<float>();
    result.push_back({slot.name, slot.shape, {first, first + values.numel()}});
  }
  return result;
}

void Model::set_arrays(const std::vector<NamedArray>& arrays) {
  const auto& slots = chain_->slots().slots;
  if (arrays.size() != slots.size()) throw InternalError("a network got another number of arrays than it has");
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (arrays[i].name != slots[i].name || arrays[i].shape != slots[i].shape ||
        static_cast<std::int64_t>(arrays[i].values.size()) != elements(slots[i].shape))
      throw InternalError("a network got the array " + arrays[i].name + " in the place of " + slots[i].name);
    // from_blob takes no const pointer; copy_ only reads it.
    chain_->array(slots[i]).copy_(
        at::from_blob(const_cast<float*>(arrays[i].values.data()), slots[i].shape, at::kFloat));
  }
}

Matrix<float> Model::run(MatrixView<float> input, std::size_t first, std::size_t last) const {
  const at::NoGradGuard no_grad;
  const auto& layers = architecture_.layers;
  const Shape sample = first < layers.size() ? layers[first].input : Shape{input.cols()};
  if (elements(sample) != input.cols()) throw InternalError("a network got samples of a wrong size");
  Shape shape{input.rows()};
  shape.insert(shape.end(), sample.begin(), sample.end());
  auto x = at::from_blob(const_cast<float*>(input.data()), shape, at::kFloat).to(chain_->device());
  const auto y = chain_->evaluate(std::move(x), first, last).to(at::kCPU).contiguous();
  const auto columns = last > first ? elements(layers[last - 1].output) : input.cols();
  return MatrixView<float>(y.data_ptr<float>(), input.rows(), columns);
}

}  // namespace hullscope::networks
