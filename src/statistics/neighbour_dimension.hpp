// Intrinsic dimension of a point set from the distances of its points to their nearest neighbours, and from its
// covariance. Each estimates another thing than the autoencoder's d*, and no agreement is expected.
#pragma once
#include <cstdint>
#include <span>

#include <hullscope/base/matrix.hpp>

namespace hullscope::statistics {

struct NeighbourDimension {
  double value;          ///< NaN if fewer than ten points are usable or all ratios are 1
  std::int64_t used;     ///< points in the estimate
  std::int64_t dropped;  ///< points without an estimate: a duplicate (a distance 0), too few neighbours, all equal
};

/// TwoNN (Facco, d'Errico, Rodriguez & Laio 2017): of the ratios mu = r_2 / r_1, sorted, with F(mu_i) = i / n for
/// i = 1 ... n, the slope through the origin of -log(1 - F) against log mu over the least `kept` share (the top tenth
/// is left out, where F = 1 has no logarithm and outliers weigh most). distance: n x k, each point's distances to its
/// nearest others, ascending; k >= 2.
NeighbourDimension two_nn(MatrixView<double> distance, double kept = 0.9);

/// Maximum likelihood (Levina & Bickel 2005) from k neighbours, joined over points by the mean of the inverse estimates
/// (MacKay & Ghahramani 2005): 1 / mean_i [ 1/(k-1) sum_{j<k} log(T_k / T_j) ]. distance as above, with at least k
/// columns.
NeighbourDimension levina_bickel(MatrixView<double> distance, std::int64_t k);

/// (tr C)^2 / tr(C^2), C the covariance of the rows (divided by n; the ratio does not depend on it): how many equal
/// principal components would spread as these do. NaN for fewer than two points or no variance. 2 n d^2 flop.
double participation_ratio(MatrixView<float> points);

}  // namespace hullscope::statistics
