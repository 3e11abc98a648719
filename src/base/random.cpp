#include <hullscope/base/random.hpp>

#include <cmath>
#include <numbers>
#include <string>

#include <hullscope/base/digest.hpp>

namespace hullscope {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

std::uint64_t stream_key(std::uint64_t seed, std::string_view name) {
  const std::string hex = sha256(std::to_string(seed) + ":" + std::string(name));
  return std::stoull(hex.substr(0, 16), nullptr, 16);
}

std::uint32_t RandomStream::bits32() {
  if (left_ == 0) {
    buffer_ = philox({static_cast<std::uint32_t>(block_), static_cast<std::uint32_t>(block_ >> 32),
                      static_cast<std::uint32_t>(item_), static_cast<std::uint32_t>(item_ >> 32)},
                     {static_cast<std::uint32_t>(key_), static_cast<std::uint32_t>(key_ >> 32)});
    ++block_;
    left_ = 4;
  }
  return buffer_[4 - left_--];
}

double RandomStream::normal() {
  const double u = 1.0 - uniform(), v = uniform();  // u in (0, 1]
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::uint64_t RandomStream::below(std::uint64_t n) {
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // a multiple of n; values from here on would be biased
  for (;;) {
    const std::uint64_t x = bits64();
    if (x < limit) return x % n;
  }
}

}  // namespace hullscope
