// Classes as Gaussians: means and one covariance, estimated from the training points.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <hullscope/base/matrix.hpp>

namespace hullscope::proximity {

/// Means of the classes and the covariance they share, (1/N) sum_i (x_i - mu_c(i)) (x_i - mu_c(i))^T (Lee, Lee, Lee &
/// Shin 2018, eq. 1). Directions whose variance is below N d eps of the largest are dead (units that never fire,
/// copies) and left out: the inverse is the pseudo-inverse. Serial, in one fixed order of operations.
class ClassModel {
 public:
  /// points: N x d; labels: N. 2 N d^2 + O(d^3) flop. Throws InternalError on sizes that do not fit.
  ClassModel(MatrixView<float> points, std::span<const std::int64_t> labels);

  /// Dimensions that are not dead.
  std::int64_t rank() const { return whitening_.rows(); }

  /// Mahalanobis distance of each query to its nearest class mean (the root of Lee et al.'s score). +inf without
  /// classes.
  std::vector<double> mahalanobis(MatrixView<float> queries) const;

  /// Euclidean distance of each query to the mean of the class predicted for it; +inf if that has no training point.
  std::vector<double> class_mean(MatrixView<float> queries, std::span<const std::int64_t> predicted) const;

 private:
  std::map<std::int64_t, Vector<double>> means_;
  Matrix<double> whitening_;                    // rank x d
  std::vector<Vector<double>> whitened_means_;  // in the order of means_
};

}  // namespace hullscope::proximity
