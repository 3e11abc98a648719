// The products of panel.hpp for one instruction set; see per_instruction_set.inl.
// kBytes: of a vector register. kVectors: how many of them hold the sums of one direction, so that those of four and
// what they are made from stay in registers (32 with AVX-512, 16 otherwise).

using Lanes = float __attribute__((vector_size(kBytes), aligned(4), may_alias));
using Marks = std::int32_t __attribute__((vector_size(kBytes)));
using Bytes = std::int8_t __attribute__((vector_size(kBytes / 4)));
constexpr int kLanes = kBytes / 4;
constexpr int kVectors = kBytes == 64 ? 4 : 2;
constexpr int kRows = kLanes * kVectors;  // of a group at once
static_assert(kGroup % kRows == 0);

inline const Lanes& at(const float* x, int v) {
  return *reinterpret_cast<const Lanes*>(x + v * kLanes);
}
inline Lanes& at(float* x, int v) {
  return *reinterpret_cast<Lanes*>(x + v * kLanes);
}

inline float least_of(const float* x, int n) {
  float least = x[0];
  for (int i = 1; i < n; ++i) least = x[i] < least ? x[i] : least;
  return least;
}

void four_directions(const float* panel, std::int64_t columns, const float* direction, float* score, float* least) {
  alignas(64) float low[4][kLanes];
  for (int first = 0; first < kGroup; first += kRows) {
    Lanes sum[4][kVectors] = {};
    const float* x = panel + first;
    for (std::int64_t k = 0; k < columns; ++k, x += kGroup) {
      Lanes own[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) own[v] = at(x, v);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const float r = direction[4 * k + j];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[j][v] += own[v] * r;
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      Lanes smallest = first == 0 ? sum[j][0] : at(low[j], 0);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        at(score + j * kGroup + first, v) = sum[j][v];
        smallest = sum[j][v] < smallest ? sum[j][v] : smallest;
      }
      at(low[j], 0) = smallest;
    }
  }
  for (int j = 0; j < 4; ++j) least[j] = least_of(low[j], kLanes);
}

float one_direction(const float* panel, std::int64_t columns, const float* direction, float* score) {
  constexpr int kWide = 4;
  for (int first = 0; first < kGroup; first += kWide * kLanes) {
    Lanes sum[kWide] = {};
    const float* x = panel + first;
    for (std::int64_t k = 0; k < columns; ++k, x += kGroup) {
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) sum[v] += at(x, v) * direction[k];
    }
    for (int v = 0; v < kWide; ++v) at(score + first, v) = sum[v];
  }
  return least_of(score, kGroup);
}

float distances(const float* panel, const float* y, std::int64_t w, float* square) {
  constexpr int kWide = 4;
  for (int first = 0; first < kGroup; first += kWide * kLanes) {
    Lanes sum[kWide] = {};
    const float* x = panel + first;
    for (std::int64_t k = 0; k < w; ++k, x += kGroup) {
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) {
        const Lanes difference = at(x, v) - y[k];
        sum[v] += difference * difference;
      }
    }
    for (int v = 0; v < kWide; ++v) at(square + first, v) = sum[v];
  }
  return least_of(square, kGroup);
}

float box_distances(const float* panel, const float* y, std::int64_t w, float* square) {
  constexpr int kWide = 4;
  for (int first = 0; first < kGroup; first += kWide * kLanes) {
    Lanes sum[kWide] = {};
    const float* x = panel + first;
    for (std::int64_t k = 0; k < w; ++k, x += kGroup) {
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) {
        const Lanes from_centre = at(x, v) - y[k];
        Lanes beyond = (from_centre < 0 ? -from_centre : from_centre) - at(x + kGroup * w, v);
        beyond = beyond > 0 ? beyond : Lanes{};
        sum[v] += beyond * beyond;
      }
    }
    for (int v = 0; v < kWide; ++v) at(square + first, v) = sum[v];
  }
  return least_of(square, kGroup);
}

std::uint64_t bits_at_most(const float* score, float threshold) {
  alignas(64) std::int8_t bytes[kGroup];
  for (int v = 0; v < kGroup / kLanes; ++v) {
    const Marks marks = at(score, v) <= threshold - Lanes{};
    const Bytes own = __builtin_convertvector(marks, Bytes);
    std::memcpy(bytes + v * kLanes, &own, sizeof own);
  }
  std::uint64_t bits = 0;
  for (int h = 0; h < kGroup / 8; ++h) {  // eight bytes of 0 or 255 to eight bits
    std::uint64_t eight;
    std::memcpy(&eight, bytes + 8 * h, sizeof eight);
    bits |= ((eight & 0x8040201008040201U) * 0x0101010101010101U >> 56) << (8 * h);
  }
  return bits;
}

float dot(const float* a, const float* b, std::int64_t n) {
  constexpr int kWide = 32 / kLanes;
  Lanes sum[kWide] = {};
  std::int64_t k = 0;
  for (; k + 32 <= n; k += 32)
    for (int v = 0; v < kWide; ++v) sum[v] += at(a + k, v) * at(b + k, v);
  alignas(64) float all[32];
  for (int v = 0; v < kWide; ++v) at(all, v) = sum[v];
  for (std::int64_t j = 0; k + j < n; ++j) all[j] += a[k + j] * b[k + j];
  float total = 0;
  for (int j = 0; j < 16; ++j) total += all[j] + all[j + 16];
  return total;
}

constexpr Loops kLoops = {four_directions, one_direction, distances, box_distances, bits_at_most, dot};
