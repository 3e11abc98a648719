#include <hullscope/networks/dropout_mask.hpp>

#include <cmath>

#include <hullscope/base/error.hpp>

namespace hullscope::networks {
namespace {

constexpr int kLanes = 16;  // blocks of 128 bits made side by side, so that the compiler uses whole vectors

// Lane i: the Philox4x32-10 block of counter {first + i, sample, step, layer} (see base/random.cpp), compared with the
// threshold: out[4 i + w] = keep if word w is at least `threshold`, else 0.
__attribute__((target_clones("default", "avx2", "arch=x86-64-v4"))) void fill_lanes(
    std::uint32_t first, std::uint32_t sample, const MaskKey& key, std::uint32_t threshold, float keep, float* out) {
  std::uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    c0[i] = first + static_cast<std::uint32_t>(i);
    c1[i] = sample;
    c2[i] = key.step;
    c3[i] = key.layer;
  }
  auto k0 = static_cast<std::uint32_t>(key.key), k1 = static_cast<std::uint32_t>(key.key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kLanes; ++i) {
      const std::uint64_t p0 = 0xD2511F53ull * c0[i], p1 = 0xCD9E8D57ull * c2[i];
      c0[i] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
      c1[i] = static_cast<std::uint32_t>(p1);
      c2[i] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
      c3[i] = static_cast<std::uint32_t>(p0);
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int i = 0; i < kLanes; ++i) {
    out[4 * i] = c0[i] >= threshold ? keep : 0.0f;
    out[4 * i + 1] = c1[i] >= threshold ? keep : 0.0f;
    out[4 * i + 2] = c2[i] >= threshold ? keep : 0.0f;
    out[4 * i + 3] = c3[i] >= threshold ? keep : 0.0f;
  }
}

}  // namespace

void fill_masks(const MaskKey& key, double rate, std::span<const std::int64_t> samples, std::int64_t units,
                std::span<float> masks) {
  if (masks.size() != samples.size() * static_cast<std::size_t>(units)) throw InternalError("masks of a wrong size");
  if (!(rate >= 0 && rate < 1)) throw InternalError("a dropout rate outside [0, 1)");
  const auto threshold = static_cast<std::uint32_t>(std::llround(std::min(rate * 0x1p32, 0x1p32 - 1)));
  const auto keep = static_cast<float>(1.0 / (1.0 - rate));
  constexpr std::int64_t kRun = 4 * kLanes;
  float rest[kRun];
  float* row = masks.data();
  for (const auto sample : samples) {
    if (sample < 0 || sample > UINT32_MAX) throw InternalError("a sample id outside 0 ... 2^32 - 1");
    const auto word = static_cast<std::uint32_t>(sample);
    std::int64_t unit = 0;
    for (; unit + kRun <= units; unit += kRun)
      fill_lanes(static_cast<std::uint32_t>(unit / 4), word, key, threshold, keep, row + unit);
    if (unit < units) {
      fill_lanes(static_cast<std::uint32_t>(unit / 4), word, key, threshold, keep, rest);
      for (std::int64_t u = unit; u < units; ++u) row[u] = rest[u - unit];
    }
    row += units;
  }
}

}  // namespace hullscope::networks
