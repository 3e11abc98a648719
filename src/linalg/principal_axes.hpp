// Principal component analysis of float32 rows.
#pragma once
#include <hullscope/base/matrix.hpp>

namespace hullscope::linalg {

struct PrincipalAxes {
  Vector<double> mean;      ///< D
  Matrix<double> axes;      ///< k x D, orthonormal rows, largest variance first; the largest entry of each is positive
  Vector<double> variance;  ///< k, along the axes (divided by N)
};

/// The k <= D axes of largest variance of points (N x D, N >= 1). Serial, in one fixed order of operations: the same
/// bits on any number of ranks. 2 N D^2 + O(D^3) flop.
PrincipalAxes principal_axes(MatrixView<float> points, Eigen::Index k);

}  // namespace hullscope::linalg
