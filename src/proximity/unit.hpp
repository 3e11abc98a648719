// The unit of a space's distances: latent spaces have an arbitrary one, so that means over trials need it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace hullscope::proximity {

/// Training points that the unit is measured on when there are more.
inline constexpr std::int64_t kUnitSample = 5000;

/// Rows of at most `size` points, chosen by their ids alone: those with the smallest random number of the stream
/// `key`. Sorted by id; all rows if there are no more than `size`.
std::vector<std::int64_t> sample_rows(std::span<const std::int64_t> ids, std::int64_t size, std::uint64_t key);

/// Median (mean of the middle two for an even count); NaN for none.
double median(std::vector<double> values);

}  // namespace hullscope::proximity
