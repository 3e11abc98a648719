// Dropout masks as functions of (key, step, sample, layer): any rank can make any sample's mask, in any order.
#pragma once
#include <cstdint>
#include <span>

namespace hullscope::networks {

/// Which masks: those of one layer in one step of training.
struct MaskKey {
  std::uint64_t key = 0;    ///< base/random.hpp: stream_key(seed, ".../dropout")
  std::uint32_t step = 0;   ///< of the whole training, from 0
  std::uint32_t layer = 0;  ///< index of the layer in the network
};

/// Fills masks (samples.size() x units, one sample a row) with 0 with probability `rate`, else 1 / (1 - rate). Unit u
/// of a sample is kept if word u % 4 of philox({u / 4, sample, step, layer}, key) is at least rate * 2^32. Sample ids
/// must be below 2^32. The result does not depend on the instruction set.
void fill_masks(const MaskKey& key, double rate, std::span<const std::int64_t> samples, std::int64_t units,
                std::span<float> masks);

}  // namespace hullscope::networks
