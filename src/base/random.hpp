// Counter-based random streams: a value is a function of (key, counter), so any rank can make any sample's numbers.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), Philox4x32-10.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace hullscope {

/// The ten-round Philox4x32 block: 128 random bits for (counter, key).
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// 64-bit key of a named stream, from the study's seed and the names that identify it, for example
/// stream_key(seed, "mnist/mlp-256/trial-03/train/dropout"). The same names give the same key everywhere.
std::uint64_t stream_key(std::uint64_t seed, std::string_view name);

/// The random numbers of one item (a sample, a step, a permutation) of a stream, in order. Cheap to make.
class RandomStream {
 public:
  RandomStream(std::uint64_t key, std::uint64_t item) : key_(key), item_(item) {}
  std::uint32_t bits32();
  std::uint64_t bits64() { return (static_cast<std::uint64_t>(bits32()) << 32) | bits32(); }
  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(bits64() >> 11) * 0x1p-53; }
  /// Standard normal, by Box and Muller (one value per call; the second is dropped, so the count of draws is plain).
  double normal();
  /// Uniform integer in [0, n), without bias. n > 0.
  std::uint64_t below(std::uint64_t n);

 private:
  std::uint64_t key_, item_, block_ = 0;
  std::array<std::uint32_t, 4> buffer_{};
  int left_ = 0;
};

}  // namespace hullscope
