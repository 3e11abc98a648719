// EightSums (eight_sums.hpp) for one instruction set; see per_instruction_set.inl.
// kBytes: of a vector register, of which kParts hold the eight partial sums.

using Lanes = double __attribute__((vector_size(kBytes), aligned(8), may_alias));
using Floats = float __attribute__((vector_size(kBytes / 2), aligned(4), may_alias));
constexpr int kLanes = kBytes / 8, kParts = 64 / kBytes;

inline Lanes& at(double* x, int part) {
  return *reinterpret_cast<Lanes*>(x + part * kLanes);
}
inline Lanes load(const double* x, int part) {
  return *reinterpret_cast<const Lanes*>(x + part * kLanes);
}
inline Lanes load(const float* x, int part) {
  return __builtin_convertvector(*reinterpret_cast<const Floats*>(x + part * kLanes), Lanes);
}

/// The partial sums, to be added one by one.
struct Eight {
  alignas(64) double lane[8];
  explicit Eight(const Lanes* sum) {
    for (int p = 0; p < kParts; ++p) at(lane, p) = sum[p];
  }
  double in_halves() const {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
  }
  double in_pairs() const {
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
  }
};

void transposed_product(const double* q, std::int64_t n, std::int64_t k, const double* v, double* h) {
  for (std::int64_t j = 0; j < k; ++j) {
    Lanes sum[kParts] = {};
    for (std::int64_t i = 0; i < n; i += 8)
#pragma GCC unroll 4
      for (int p = 0; p < kParts; ++p) sum[p] += load(q + j * n + i, p) * load(v + i, p);
    h[j] = Eight(sum).in_pairs();
  }
}

void subtract_product(const double* q, std::int64_t n, std::int64_t k, const double* h, double* v) {
  for (std::int64_t i = 0; i < n; i += 8) {
    Lanes sum[kParts];
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) sum[p] = load(v + i, p);
    for (std::int64_t j = 0; j < k; ++j)
#pragma GCC unroll 4
      for (int p = 0; p < kParts; ++p) sum[p] -= load(q + j * n + i, p) * h[j];
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) at(v + i, p) = sum[p];
  }
}

void block_scores(const double* blocks, std::int64_t count, std::int64_t m, const double* u, double* score) {
  for (std::int64_t b = 0; b < count; ++b) {
    Lanes sum[kParts] = {};
    for (std::int64_t i = 0; i < m; ++i)
#pragma GCC unroll 4
      for (int p = 0; p < kParts; ++p) sum[p] += load(blocks + (b * m + i) * 8, p) * u[i];
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) at(score + b * 8, p) = sum[p];
  }
}

double largest_combination(const double* columns, std::int64_t rows, std::int64_t d, const double* factor,
                           const double* constant, double* score) {
  Lanes most[kParts];
  for (int p = 0; p < kParts; ++p) most[p] = Lanes{} - std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < rows; i += 8) {
    Lanes sum[kParts] = {};
#pragma GCC unroll 4
    for (int p = 0; p < kParts && constant != nullptr; ++p) sum[p] = load(constant + i, p);
    for (std::int64_t k = 0; k < d; ++k)
#pragma GCC unroll 4
      for (int p = 0; p < kParts; ++p) sum[p] += load(columns + k * rows + i, p) * factor[k];
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) {
      if (score != nullptr) at(score + i, p) = sum[p];
      most[p] = most[p] > sum[p] ? most[p] : sum[p];
    }
  }
  const Eight all(most);
  double largest = all.lane[0];
  for (const double value : all.lane) largest = value > largest ? value : largest;
  return largest;
}

double dot(const double* a, const double* b, std::int64_t n) {
  Lanes sum[kParts] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) sum[p] += load(a + i, p) * load(b + i, p);
  Eight eight(sum);
  for (std::int64_t j = 0; i + j < n; ++j) eight.lane[j] += a[i + j] * b[i + j];
  return eight.in_halves();
}

void add_multiple(double* y, double f, const double* x, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) at(y + i, p) += load(x + i, p) * f;
  for (; i < n; ++i) y[i] += f * x[i];
}

template <class Scalar>
EightSums::Value difference_product(const Scalar* x, const double* y, const double* u, std::int64_t n) {
  Lanes sum[kParts] = {}, size[kParts] = {};
  std::int64_t k = 0;
  for (; k + 8 <= n; k += 8)
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) {
      const Lanes term = (load(x + k, p) - load(y + k, p)) * load(u + k, p);
      sum[p] += term;
      size[p] += term < 0 ? -term : term;
    }
  Eight sums(sum), sizes(size);
  for (std::int64_t j = 0; k + j < n; ++j) {
    const double term = (static_cast<double>(x[k + j]) - y[k + j]) * u[k + j];
    sums.lane[j] += term;
    sizes.lane[j] += term < 0 ? -term : term;
  }
  return {sums.in_halves(), sizes.in_halves()};
}

template <class Scalar>
double squared_distance(const Scalar* x, const double* y, double factor, std::int64_t n) {
  Lanes sum[kParts] = {};
  std::int64_t k = 0;
  for (; k + 8 <= n; k += 8)
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) {
      const Lanes v = (load(x + k, p) - load(y + k, p)) * factor;
      sum[p] += v * v;
    }
  Eight sums(sum);
  for (std::int64_t j = 0; k + j < n; ++j) {
    const double v = (static_cast<double>(x[k + j]) - y[k + j]) * factor;
    sums.lane[j] += v * v;
  }
  return sums.in_halves();
}

constexpr EightSums kLoops = {transposed_product,
                                  subtract_product,
                                  block_scores,
                                  largest_combination,
                                  dot,
                                  add_multiple,
                                  difference_product<float>,
                                  difference_product<double>,
                                  squared_distance<float>,
                                  squared_distance<double>};
