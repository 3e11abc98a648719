#include <hullscope/linalg/principal_axes.hpp>

#include <Eigen/Eigenvalues>

namespace hullscope::linalg {

PrincipalAxes principal_axes(MatrixView<float> points, Eigen::Index k) {
  const Eigen::Index n = points.rows(), d = points.cols();
  PrincipalAxes result{Vector<double>::Zero(d), Matrix<double>(k, d), Vector<double>(k)};
  for (Eigen::Index i = 0; i < n; ++i) result.mean += points.row(i).cast<double>().transpose();
  result.mean /= static_cast<double>(n);
  Matrix<double> upper = Matrix<double>::Zero(d, d);
  Vector<double> row(d);
  for (Eigen::Index i = 0; i < n; ++i) {
    row = points.row(i).cast<double>().transpose() - result.mean;
    for (Eigen::Index a = 0; a < d; ++a)
      if (row[a] != 0) upper.row(a).tail(d - a) += row[a] * row.tail(d - a).transpose();
  }
  const Matrix<double> covariance = (upper / static_cast<double>(n)).selfadjointView<Eigen::Upper>();
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> spectrum(covariance);
  for (Eigen::Index j = 0; j < k; ++j) {
    Vector<double> axis = spectrum.eigenvectors().col(d - 1 - j);
    Eigen::Index largest = 0;
    axis.cwiseAbs().maxCoeff(&largest);
    result.axes.row(j) = (axis[largest] < 0 ? -axis : axis).transpose();
    result.variance[j] = spectrum.eigenvalues()[d - 1 - j];
  }
  return result;
}

}  // namespace hullscope::linalg
