// Rows in 8 bits a coordinate: a quarter of the bytes of float32, and four times its rate where the machine
// multiplies bytes (AVX-512 VNNI), for a bound that is nearly as good.
//
// A row's coordinates are a_k = s_k q_k + r_k with a step s_k for each coordinate and integers |q_k| <= 127; a
// direction's are s_k b_k = t p_k + v_k with integers p_k. Then, exactly,
//
//   <a, b>  =  t <q, p>  +  <q, v>  +  <r, b>  >=  t <q, p>  -  |q| |v|  -  |r / sqrt s| |b sqrt s|.
//
// Steps follow the spread of each coordinate, so that coordinates of little variance lose little, and the root of the
// step divides the last term's loss evenly between rows and directions (of the network layer's rows a bound with |r|
// |b| leaves 1.8 %, this one 0.16 %; float32 0.03 %). The leading coordinates have the widest steps; there p_k has two
// digits, p = 128 high + low, and their rows are multiplied twice.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/detail/panel.hpp>

namespace hullscope::hull::detail {

class DigitPanel {
 public:
  static constexpr std::int64_t kGroup = Panel::kGroup;
  static constexpr std::int64_t kTogether = Panel::kTogether;

  /// Does this machine multiply bytes fast? If not, multiply() is right, but slower than a Panel.
  static bool fast();

  DigitPanel() = default;
  /// For rows of steps.size() coordinates, in memory of its own, or in size() zeros from elsewhere. Every row must be
  /// entered, and every place beyond them padded.
  DigitPanel(std::int64_t rows, std::vector<double> steps, float* zeros = nullptr);
  DigitPanel(const DigitPanel&) = delete;
  DigitPanel& operator=(const DigitPanel&) = delete;
  DigitPanel(DigitPanel&&) = default;
  DigitPanel& operator=(DigitPanel&&) = default;
  static std::int64_t size(std::int64_t rows, std::int64_t width) {
    return (rows + kGroup - 1) / kGroup * kGroup * ((width + 3) / 4 + kNumbers);
  }
  /// Steps for rows like these (one a row, most variance first); none if 8 bits would lose too much of them.
  static std::vector<double> steps(const Matrix<double>& sample);

  /// A row: width() coordinates, what is to be taken off a score for each unit of a direction's tail, and what in any
  /// case.
  void enter(std::int64_t place, const float* a, double tail, double loss);
  void pad(std::int64_t place);
  /// A row of a panel of the same steps.
  void copy(const DigitPanel& other, std::int64_t from, std::int64_t place);

  std::int64_t width() const { return static_cast<std::int64_t>(step_.size()); }
  /// Products that a row costs.
  std::int64_t columns() const { return 4 * (high_ + low_); }
  bool empty() const { return step_.empty(); }

  /// Up to four directions, ready to be multiplied.
  struct Directions {
    std::vector<std::int32_t> digits;  ///< [high quads, then all quads][4 directions], four digits each
    std::array<float, kTogether> factor{}, row_loss{}, direction_loss{}, tail{};
    std::array<std::int32_t, kTogether> base{};  ///< rows are stored as q + 128
  };
  /// Direction j of the block: width() coordinates b, and its tail.
  void set(Directions& block, std::size_t j, std::span<const float> b, float tail) const;

  /// score[j * 64 + i]: at most <a_i, b_j> - tail_i tail_j - loss_i; bit i of the j-th result: it is at most
  /// threshold[j].
  std::array<std::uint64_t, kTogether> multiply(std::int64_t group, const Directions& block, const float* threshold,
                                                float* score) const;
  /// The same without any instruction of the machine's own.
  std::array<std::uint64_t, kTogether> multiply_plainly(std::int64_t group, const Directions& block,
                                                        const float* threshold, float* score) const;

 private:
  static constexpr std::int64_t kNumbers = 4;  ///< of a row, beside its digits: see enter()
  /// A group: [quad][row][4 digits], then [kNumbers][row].
  float* group(std::int64_t g) const { return data_ + g * kGroup * (low_ + kNumbers); }
  std::uint8_t* digits(std::int64_t place) const {
    return reinterpret_cast<std::uint8_t*>(group(place / kGroup)) + 4 * (place % kGroup);
  }
  float* numbers(std::int64_t place) const { return group(place / kGroup) + kGroup * low_ + place % kGroup; }
  std::int64_t high_ = 0, low_ = 0;  // quads of coordinates with two digits, and all
  std::vector<double> step_;
  std::vector<float> own_;  // a moved vector keeps its place
  float* data_ = nullptr;
};

}  // namespace hullscope::hull::detail
