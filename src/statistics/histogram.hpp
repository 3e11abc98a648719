// Histograms of distance for right and wrong answers.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace hullscope::statistics {

struct Histogram {
  std::vector<double> edges;                        ///< intervals + 1, equally wide from the smallest to the largest
  std::array<std::vector<std::int64_t>, 2> counts;  ///< [0] wrong, [1] right; the last interval holds its upper edge
};

/// numpy.histogram's rule, both outcomes on the same edges; all-equal values get an interval of width 1 around them.
/// Distances finite. No values: edges 0 ... 1, counts 0.
Histogram histogram(std::span<const double> distance, std::span<const std::uint8_t> correct, int intervals);

}  // namespace hullscope::statistics
