// The three distances to the training set.
#pragma once
#include <string_view>

namespace hullscope::proximity {

enum class Measure {
  kEuclidean,           ///< |y - x|
  kEuclideanTrueClass,  ///< |y - x| over the training points of the query's true class; uses the label: explains,
                        ///< cannot predict
  kCosine               ///< 1 - <y, x> / (|y| |x|) in [0, 2]; 1 where either vector is zero
};

/// "euclidean", "euclidean_true_class", "cosine"
std::string_view measure_name(Measure measure);

/// The measure of that name. Throws UsageError on another, naming the nearest.
Measure parse_measure(std::string_view name);

}  // namespace hullscope::proximity
