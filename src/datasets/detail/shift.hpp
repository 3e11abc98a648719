// Test samples under another condition: turned, moved, noisy, of another contrast.
#pragma once
#include <cstdint>
#include <string>

#include <hullscope/datasets/detail/samples.hpp>

namespace hullscope::datasets::detail {

/// Shifts all samples in place. Sample i draws from RandomStream(key, i) alone, the same numbers at each strength, so
/// that any rank makes any sample, and strengths are comparable.
///   rotation     degrees, counter-clockwise or clockwise (drawn), about the centre of the image
///   translation  pixels, in a drawn direction
///   noise        standard deviation of normal noise on each value, for pixels as a part of 255
///   contrast     factor by which values are away from the mean of their sample; 1: as it was
/// Rotation and translation interpolate linearly between pixels and put zeros where there was none; pixels are rounded
/// and cut to 0 ... 255. Throws UsageError on another name, a negative strength, or where an image is needed and a
/// sample is none.
void shift_samples(Samples& samples, const std::string& shift, double strength, std::uint64_t seed);

}  // namespace hullscope::datasets::detail
