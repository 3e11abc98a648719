// Where each array of a network stands in its flat storage.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <hullscope/networks/layers.hpp>

namespace hullscope::networks::detail {

struct Slot {
  std::string name;         ///< "dense1.weight"
  Shape shape;              ///< dense weight: outputs x inputs; conv weight: outputs x inputs x k x k
  bool buffer = false;      ///< running mean and variance of batch norm: stored, not trained
  std::int64_t fan_in = 0;  ///< of the layer, for the initial weights; 0: `constant`
  float constant = 0;       ///< initial value where fan_in is 0
  std::int64_t offset = 0;  ///< in the flat parameters (or buffers), a multiple of kAlignment
};

inline constexpr std::int64_t kAlignment = 16;  // floats: 64 bytes, a cache line

struct Slots {
  std::vector<Slot> slots;
  std::int64_t parameters = 0, buffers = 0;  ///< lengths of the two flat arrays
};

inline Slots slots_of(const Architecture& architecture) {
  Slots result;
  const auto add = [&](Slot slot) {
    auto& length = slot.buffer ? result.buffers : result.parameters;
    slot.offset = length;
    length += (elements(slot.shape) + kAlignment - 1) / kAlignment * kAlignment;
    result.slots.push_back(std::move(slot));
  };
  for (const auto& layer : architecture.layers) {
    if (layer.kind == LayerKind::dense) {
      const auto inputs = elements(layer.input);
      add({layer.name + ".weight", {layer.units, inputs}, false, inputs});
      add({layer.name + ".bias", {layer.units}, false, inputs});
    } else if (layer.kind == LayerKind::conv) {
      const auto channels = layer.input[0], k = layer.kernel;
      add({layer.name + ".weight", {layer.units, channels, k, k}, false, channels * k * k});
      add({layer.name + ".bias", {layer.units}, false, channels * k * k});
    } else if (layer.kind == LayerKind::batchnorm) {
      const Shape channels{layer.input[0]};
      add({layer.name + ".weight", channels, false, 0, 1.0f});
      add({layer.name + ".bias", channels, false, 0, 0.0f});
      add({layer.name + ".running_mean", channels, true, 0, 0.0f});
      add({layer.name + ".running_var", channels, true, 0, 1.0f});
    }
  }
  return result;
}

}  // namespace hullscope::networks::detail
