// Rows of floats in groups of 64, coordinate by coordinate within a group, and their products with directions.
//
// One group against four directions keeps sixteen vectors of sums in registers: 2 flop an entry, each entry of the
// panel read once for four directions, no product stored but in the nearest cache. The results only tell where to look
// (pricing.hpp), so neither their bits nor their order matter.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace hullscope::hull::detail {

class Panel {
 public:
  static constexpr std::int64_t kGroup = 64;
  static constexpr std::int64_t kTogether = 4;  ///< directions of one product

  Panel() = default;
  /// Zeros, of its own or size() of them from elsewhere; entries of the padding rows must be set as well.
  Panel(std::int64_t rows, std::int64_t columns);
  Panel(std::int64_t rows, std::int64_t columns, float* zeros) : rows_(rows), columns_(columns), data_(zeros) {}
  Panel(const Panel&) = delete;
  Panel& operator=(const Panel&) = delete;
  Panel(Panel&&) = default;
  Panel& operator=(Panel&&) = default;
  static std::int64_t size(std::int64_t rows, std::int64_t columns) {
    return (rows + kGroup - 1) / kGroup * kGroup * columns;
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t groups() const { return (rows_ + kGroup - 1) / kGroup; }
  float& at(std::int64_t row, std::int64_t column) { return data_[place(row, column)]; }
  float at(std::int64_t row, std::int64_t column) const { return data_[place(row, column)]; }
  /// score[j * 64 + i] = <row i of the group, direction j> over `count` columns from `first` on; least[j]: the smallest
  /// of them. directions: [column][4].
  void multiply(std::int64_t group, std::int64_t first, std::int64_t count, const float* directions, float* score,
                float* least) const;
  /// The same for one direction and all columns.
  float multiply_one(std::int64_t group, const float* direction, float* score) const;
  /// square[i] = sum over the first w columns of (row_ik - y_k)^2, w numbers in y; returns the smallest.
  float squared_distances(std::int64_t group, const float* y, std::int64_t w, float* square) const;
  /// The same from y to the box of each row, its centre in columns 0 ... w-1 and its half width in w ... 2w-1.
  float squared_box_distances(std::int64_t group, const float* y, std::int64_t w, float* square) const;

 private:
  std::size_t place(std::int64_t row, std::int64_t column) const {
    return static_cast<std::size_t>((row / kGroup * columns_ + column) * kGroup + row % kGroup);
  }
  const float* group(std::int64_t g) const { return data_ + g * columns_ * kGroup; }
  std::int64_t rows_ = 0, columns_ = 0;
  std::vector<float> own_;  // a moved vector keeps its place
  float* data_ = nullptr;
};

/// Bit i: score[i] <= threshold. 64 scores.
std::uint64_t scores_at_most(const float* score, float threshold);

/// <a, b> of n numbers, in 32 partial sums.
float product(const float* a, const float* b, std::int64_t n);

}  // namespace hullscope::hull::detail
