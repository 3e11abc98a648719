#include <hullscope/hull/detail/digit_panel.hpp>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstring>
#include <hullscope/hull/detail/point_index.hpp>

namespace hullscope::hull::detail {
namespace {

constexpr double kLargest = 127;          // |q|
constexpr double kLargestOfTwo = 16256;   // |128 high + low|, high <= 127, -64 <= low < 64
constexpr double kReach = 16;             // steps reach so many standard deviations; what lies beyond costs its row
constexpr double kMargin = 1.25;          // and so much of the largest that a sample shows
constexpr double kFlattest = 0x1p-8;      // a step, of the widest
constexpr double kShortest = 1e-20;       // a step
constexpr double kMostLost = 0.05;        // of a row's length, of three quarters of the rows
constexpr float kNever = -1e30F;          // as the loss of a padding row: its score is then far above every limit
constexpr double kRounded = 1 + 0x1p-18;  // pays for float32 arithmetic with what it multiplies

constexpr std::int64_t quads(std::int64_t n) {
  return (n + 3) / 4;
}

double nearest_digit(double a, double step) {
  return std::clamp(std::nearbyint(a / step), -kLargest, kLargest);
}

/// One group against four directions.
struct Product {
  const std::uint8_t* digit;  // [quad][64][4]
  const float* number;        // [4][64]
  std::int64_t high, low;
  const DigitPanel::Directions& block;
  const float* threshold;
  float* score;
};

std::array<std::uint64_t, 4> plain(const Product& p) {
  std::array<std::uint64_t, 4> marks{};
  for (std::size_t j = 0; j < 4; ++j)
    for (std::size_t i = 0; i < 64; ++i) {
      const auto dot = [&](std::int64_t count, const std::int32_t* digits) {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < count; ++k) {
          std::int8_t direction[4];
          std::memcpy(direction, digits + 4 * k + static_cast<std::int64_t>(j), 4);
          const std::uint8_t* row = p.digit + (k * 64 + static_cast<std::int64_t>(i)) * 4;
          for (int c = 0; c < 4; ++c) sum += row[c] * direction[c];
        }
        return sum;
      };
      const std::int32_t whole =
          dot(p.high, p.block.digits.data()) * 128 + dot(p.low, p.block.digits.data() + 4 * p.high) + p.block.base[j];
      const float loss = p.number[i] * p.block.row_loss[j] + p.number[64 + i] * p.block.direction_loss[j] +
                         p.number[128 + i] * p.block.tail[j] + p.number[192 + i];
      const float score = static_cast<float>(whole) * p.block.factor[j] - loss;
      p.score[j * 64 + i] = score;
      if (score <= p.threshold[j]) marks[j] |= std::uint64_t{1} << i;
    }
  return marks;
}

#if defined(__x86_64__)
#define HULLSCOPE_BYTES __attribute__((target("avx512f,avx512bw,avx512vnni")))

using Integers = std::int32_t __attribute__((vector_size(64)));

// Sixteen registers of sums; each register of digits is read once for four directions.
HULLSCOPE_BYTES std::array<std::uint64_t, 4> with_vnni(const Product& p) {
  __m512i sum[4][4];
  for (auto& direction : sum)
    for (__m512i& s : direction) s = _mm512_setzero_si512();
  const std::int32_t* digits = p.block.digits.data();
  const auto add = [&](std::int64_t count) __attribute__((always_inline, target("avx512f,avx512bw,avx512vnni"))) {
    const std::uint8_t* x = p.digit;
    for (std::int64_t k = 0; k < count; ++k, x += 256, digits += 4) {
      const __m512i x0 = _mm512_loadu_si512(x), x1 = _mm512_loadu_si512(x + 64), x2 = _mm512_loadu_si512(x + 128),
                    x3 = _mm512_loadu_si512(x + 192);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const __m512i r = _mm512_set1_epi32(digits[j]);
        sum[j][0] = _mm512_dpbusd_epi32(sum[j][0], x0, r);
        sum[j][1] = _mm512_dpbusd_epi32(sum[j][1], x1, r);
        sum[j][2] = _mm512_dpbusd_epi32(sum[j][2], x2, r);
        sum[j][3] = _mm512_dpbusd_epi32(sum[j][3], x3, r);
      }
    }
  };
  add(p.high);
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j)
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) sum[j][v] = reinterpret_cast<__m512i>(reinterpret_cast<Integers>(sum[j][v]) << 7);
  add(p.low);
  std::array<std::uint64_t, 4> marks{};
#pragma GCC unroll 4
  for (std::size_t j = 0; j < 4; ++j) {
    const __m512 factor = _mm512_set1_ps(p.block.factor[j]), row_loss = _mm512_set1_ps(p.block.row_loss[j]),
                 direction_loss = _mm512_set1_ps(p.block.direction_loss[j]), tail = _mm512_set1_ps(p.block.tail[j]),
                 threshold = _mm512_set1_ps(p.threshold[j]);
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const float* number = p.number + 16 * v;
      __m512 loss = _mm512_fmadd_ps(_mm512_loadu_ps(number), row_loss, _mm512_loadu_ps(number + 192));
      loss = _mm512_fmadd_ps(_mm512_loadu_ps(number + 64), direction_loss, loss);
      loss = _mm512_fmadd_ps(_mm512_loadu_ps(number + 128), tail, loss);
      const __m512 whole = __builtin_convertvector(reinterpret_cast<Integers>(sum[j][v]) + p.block.base[j], __m512);
      const __m512 score = _mm512_fmsub_ps(whole, factor, loss);
      _mm512_storeu_ps(p.score + j * 64 + 16 * static_cast<std::size_t>(v), score);
      marks[j] |= static_cast<std::uint64_t>(_mm512_cmp_ps_mask(score, threshold, _CMP_LE_OQ)) << (16 * v);
    }
  }
  return marks;
}
#endif

}  // namespace

bool DigitPanel::fast() {
#if defined(__x86_64__)
  static const bool supported =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
  return supported;
#else
  return false;
#endif
}

std::vector<double> DigitPanel::steps(const Matrix<double>& sample) {
  const double n = static_cast<double>(std::max<std::int64_t>(sample.rows(), 1));
  std::vector<double> step;
  for (Eigen::Index k = 0; k < sample.cols(); ++k) {
    const double largest = sample.rows() == 0 ? 0 : sample.col(k).cwiseAbs().maxCoeff();
    step.push_back(std::min(kMargin * largest, kReach * std::sqrt(sample.col(k).squaredNorm() / n)) / kLargest);
  }
  // A coordinate that is seldom used may be missing in the sample.
  const double least = std::max(kShortest, kFlattest * *std::max_element(step.begin(), step.end()));
  double mean = 0;
  for (double& s : step) s = std::max(s, least), mean += s / static_cast<double>(step.size());
  // What a direction without preference loses of a row, beside its length.
  std::int64_t lost = 0;
  for (Eigen::Index i = 0; i < sample.rows(); ++i) {
    double rest = 0;
    for (std::size_t k = 0; k < step.size(); ++k) {
      const double a = sample(i, static_cast<Eigen::Index>(k));
      rest += std::pow(a - nearest_digit(a, step[k]) * step[k], 2) / step[k];
    }
    lost += rest * mean > kMostLost * kMostLost * sample.row(i).squaredNorm() ? 1 : 0;
  }
  return 4 * lost <= sample.rows() ? step : std::vector<double>();
}

DigitPanel::DigitPanel(std::int64_t rows, std::vector<double> steps, float* zeros)
    : high_(quads(std::min<std::int64_t>(std::ssize(steps), std::max<std::int64_t>(std::ssize(steps) / 4, 8)))),
      low_(quads(std::ssize(steps))),
      step_(std::move(steps)),
      own_(zeros ? 0 : static_cast<std::size_t>(size(rows, width()))),
      data_(zeros ? zeros : own_.data()) {}

void DigitPanel::enter(std::int64_t place, const float* a, double tail, double loss) {
  std::uint8_t* digit = digits(place);
  float* number = numbers(place);
  double rest = 0, length = 0, whole = 0;
  for (std::size_t k = 0; k < step_.size(); ++k) {
    const double x = a[k], q = nearest_digit(x, step_[k]), r = x - q * step_[k];
    rest += r * r / step_[k];
    length += q * q;
    whole += x * x;
    digit[k / 4 * 4 * kGroup + k % 4] = static_cast<std::uint8_t>(q + 128);
  }
  number[0] = rounded_up(std::sqrt(rest) * kRounded);
  number[kGroup] = rounded_up(std::sqrt(length) * kRounded);
  number[2 * kGroup] = rounded_up(tail * kRounded);
  // What the sum itself loses by rounding goes with its size.
  number[3 * kGroup] = rounded_up(loss * kRounded + std::sqrt(whole) * 0x1p-18);
}

void DigitPanel::pad(std::int64_t place) {
  numbers(place)[3 * kGroup] = kNever;
}

void DigitPanel::copy(const DigitPanel& other, std::int64_t from, std::int64_t place) {
  for (std::int64_t k = 0; k < low_; ++k)
    std::memcpy(digits(place) + 4 * kGroup * k, other.digits(from) + 4 * kGroup * k, 4);
  for (std::int64_t i = 0; i < kNumbers; ++i) numbers(place)[i * kGroup] = other.numbers(from)[i * kGroup];
}

void DigitPanel::set(Directions& block, std::size_t j, std::span<const float> b, float tail) const {
  const std::size_t w = step_.size(), twice = std::min(w, static_cast<std::size_t>(4 * high_));
  block.digits.resize(static_cast<std::size_t>(4 * (high_ + low_)));
  double factor = 1e-30, loss = 0, weighted = 0;
  for (std::size_t k = 0; k < w; ++k) {
    const double scaled = step_[k] * std::fabs(b[k]);
    factor = std::max(factor, scaled / (k < twice ? kLargestOfTwo : kLargest));
    weighted += scaled * std::fabs(b[k]);
  }
  factor = rounded_up(factor);
  std::int32_t sum = 0;
  const auto put = [&](std::size_t quad, std::size_t k, std::int32_t digit) {
    const std::int8_t byte = static_cast<std::int8_t>(digit);
    std::memcpy(reinterpret_cast<std::byte*>(block.digits.data() + 4 * quad + j) + k % 4, &byte, 1);
  };
  for (std::size_t k = 0; k < w; ++k) {
    const double scaled = step_[k] * b[k], p = std::nearbyint(scaled / factor), left = scaled - p * factor;
    const std::int32_t whole = static_cast<std::int32_t>(p);
    const std::int32_t high = k < twice ? (whole + 64) >> 7 : 0;
    if (k < twice) put(k / 4, k, high);
    put(static_cast<std::size_t>(high_) + k / 4, k, whole - 128 * high);
    sum += whole;
    loss += left * left;
  }
  block.factor[j] = static_cast<float>(factor);
  block.row_loss[j] = rounded_up(std::sqrt(weighted) * kRounded);
  block.direction_loss[j] = rounded_up(std::sqrt(loss) * kRounded);
  block.tail[j] = tail;
  block.base[j] = -128 * sum;
}

std::array<std::uint64_t, DigitPanel::kTogether> DigitPanel::multiply(std::int64_t g, const Directions& block,
                                                                      const float* threshold, float* score) const {
  const Product product{
      reinterpret_cast<const std::uint8_t*>(group(g)), group(g) + kGroup * low_, high_, low_, block, threshold, score};
#if defined(__x86_64__)
  if (fast()) return with_vnni(product);
#endif
  return plain(product);
}

std::array<std::uint64_t, DigitPanel::kTogether> DigitPanel::multiply_plainly(std::int64_t g, const Directions& block,
                                                                              const float* threshold,
                                                                              float* score) const {
  return plain({reinterpret_cast<const std::uint8_t*>(group(g)), group(g) + kGroup * low_, high_, low_, block,
                threshold, score});
}

}  // namespace hullscope::hull::detail
