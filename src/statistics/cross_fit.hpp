// What the hull adds to distance in predicting a wrong answer, out of fold.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace hullscope::statistics {

/// Scores (log odds of a wrong answer) of each point by logistic models that were fitted without its fold.
struct CrossFit {
  std::vector<double> distance;           ///< spline of distance
  std::vector<double> distance_and_hull;  ///< ... and in_hull and in_hull x distance; NaN where left out
  int folds_with_constant_hull = 0;       ///< folds whose fitting points are all inside, or all outside
};

inline constexpr int kFolds = 5;

/// fold: of each point, 0 ... kFolds - 1. Points without a finite distance or with in_hull NaN are left out (score
/// NaN). Fits have a ridge of 1e-6 a point on standardised terms, so that they exist where answers are separated.
/// All scores are NaN if right or wrong answers are missing.
CrossFit cross_fit(std::span<const double> distance, std::span<const double> in_hull,
                   std::span<const std::uint8_t> wrong, std::span<const int> fold);

/// A fold for each sample id: a function of the id and the key alone, so that all trials share their folds.
std::vector<int> folds_of(std::span<const std::int64_t> ids, std::uint64_t key);

}  // namespace hullscope::statistics
