// Measures of how far a point is from the training set. A larger value always means farther, or less to be trusted.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hullscope::proximity {

/// Distances to the nearest training point.
enum class Measure {
  kEuclidean,                ///< |y - x|
  kEuclideanTrueClass,       ///< |y - x| over the training points of the query's true class; uses the label: explains,
                             ///< cannot predict
  kEuclideanPredictedClass,  ///< ... of the class that the network predicts: the usable one
  kEuclideanOtherClass,      ///< ... of all classes but that one
  kCosine                    ///< 1 - <y, x> / (|y| |x|) in [0, 2]; 1 where either vector is zero
};

/// "euclidean", "euclidean_true_class", "euclidean_predicted_class", "euclidean_other_class", "cosine"
std::string_view measure_name(Measure measure);

/// The measure of that name. Throws UsageError on another, naming the nearest.
Measure parse_measure(std::string_view name);

/// Further measures, by which a study may score its test points.
struct Score {
  std::string name;
  bool needs_prediction;  ///< of a trained network: not measured in pixels
};

/// euclidean_predicted_class; kth_neighbour: k-th nearest on the unit sphere; inverse_trust: distance to the predicted
/// class over that to the nearest other one (1 / the trust score of Jiang et al. 2018, without its density filter);
/// mahalanobis, class_mean (class_model.hpp).
const std::vector<Score>& scores();

}  // namespace hullscope::proximity
