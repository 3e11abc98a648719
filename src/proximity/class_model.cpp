#include <hullscope/proximity/class_model.hpp>

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>

#include <hullscope/base/error.hpp>

namespace hullscope::proximity {
namespace {

/// Sum of squares, first to last: one order whatever the alignment.
double squared_norm(const Vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return sum;
}

/// rows * v, each product summed first to last.
Vector<double> product(const Matrix<double>& rows, const Vector<double>& v) {
  Vector<double> result(rows.rows());
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    double sum = 0;
    for (Eigen::Index j = 0; j < rows.cols(); ++j) sum += rows(i, j) * v[j];
    result[i] = sum;
  }
  return result;
}

}  // namespace

ClassModel::ClassModel(MatrixView<float> points, std::span<const std::int64_t> labels) {
  const Eigen::Index n = points.rows(), d = points.cols();
  if (static_cast<Eigen::Index>(labels.size()) != n)
    throw InternalError(fmt::format("{} points with {} labels", n, labels.size()));
  std::map<std::int64_t, double> count;
  for (Eigen::Index i = 0; i < n; ++i) {
    const std::int64_t label = labels[static_cast<std::size_t>(i)];
    auto& mean = means_.try_emplace(label, Vector<double>::Zero(d)).first->second;
    mean += points.row(i).cast<double>().transpose();
    ++count[label];
  }
  for (auto& [label, mean] : means_) mean /= count[label];

  Matrix<double> covariance = Matrix<double>::Zero(d, d);
  Vector<double> row(d);
  for (Eigen::Index i = 0; i < n; ++i) {
    row = points.row(i).cast<double>().transpose() - means_.at(labels[static_cast<std::size_t>(i)]);
    for (Eigen::Index a = 0; a < d; ++a)
      if (row[a] != 0) covariance.row(a).tail(d - a) += row[a] * row.tail(d - a).transpose();
  }
  if (n > 0) covariance /= static_cast<double>(n);
  const Matrix<double> symmetric = covariance.selfadjointView<Eigen::Upper>();
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> spectrum(symmetric);
  const double largest = d > 0 ? spectrum.eigenvalues()[d - 1] : 0;
  const double least =
      largest * static_cast<double>(n) * static_cast<double>(d) * std::numeric_limits<double>::epsilon();
  Eigen::Index dead = 0;
  while (dead < d && !(spectrum.eigenvalues()[dead] > least)) ++dead;
  whitening_ = spectrum.eigenvalues().tail(d - dead).cwiseSqrt().cwiseInverse().asDiagonal() *
               spectrum.eigenvectors().rightCols(d - dead).transpose();
  for (const auto& [label, mean] : means_) whitened_means_.push_back(product(whitening_, mean));
}

std::vector<double> ClassModel::mahalanobis(MatrixView<float> queries) const {
  std::vector<double> distance;
  for (Eigen::Index q = 0; q < queries.rows(); ++q) {
    const Vector<double> white = product(whitening_, queries.row(q).cast<double>().transpose());
    double best = std::numeric_limits<double>::infinity();
    for (const Vector<double>& mean : whitened_means_) best = std::min(best, squared_norm(white - mean));
    distance.push_back(std::sqrt(best));
  }
  return distance;
}

std::vector<double> ClassModel::class_mean(MatrixView<float> queries, std::span<const std::int64_t> predicted) const {
  std::vector<double> distance;
  for (Eigen::Index q = 0; q < queries.rows(); ++q) {
    const auto mean = means_.find(predicted[static_cast<std::size_t>(q)]);
    distance.push_back(mean == means_.end()
                           ? std::numeric_limits<double>::infinity()
                           : std::sqrt(squared_norm(queries.row(q).cast<double>().transpose() - mean->second)));
  }
  return distance;
}

}  // namespace hullscope::proximity
