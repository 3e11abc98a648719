// Intrinsic dimension, by our stated rule on relative accuracy (the paper reads it off its Fig. 4).
#pragma once
#include <cstdint>
#include <span>

namespace hullscope::statistics {

/// The smallest d with relative accuracy >= threshold there and at every larger d of the grid; -1 if there is none
/// (or a value is NaN). `dimensions` ascending, of the size of `relative_accuracy`.
std::int64_t intrinsic_dimension(std::span<const std::int64_t> dimensions, std::span<const double> relative_accuracy,
                                 double threshold);

/// log2 of the dimension at which relative accuracy crosses the threshold for good, linear in log2 d between the two
/// grid points around it; censored at the ends of the grid: log2 of its first d if all values pass, of its last if
/// the last does not. NaN if a value is NaN or the grid is empty.
double interpolated_log2_dimension(std::span<const std::int64_t> dimensions, std::span<const double> relative_accuracy,
                                   double threshold);

}  // namespace hullscope::statistics
