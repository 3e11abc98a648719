#include <cblas.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <hullscope/hull/detail/rank.hpp>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kBlock = 1024;  // rows

Vector<double> eigenvalues(const Matrix<double>& covariance) {
  return Eigen::SelfAdjointEigenSolver<Matrix<double>>(covariance, Eigen::EigenvaluesOnly).eigenvalues();
}

/// covariance += the rows' (x - mean)^T (x - mean), of its lower triangle. `block`: rows in units, which are lost.
void add_products(Matrix<double>& covariance, Matrix<double>& block, const Vector<double>& mean) {
  block.rowwise() -= mean.transpose();
  const int d = static_cast<int>(block.cols());
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, d, static_cast<int>(block.rows()), 1, block.data(), d, 1,
              covariance.data(), d);
}

/// Rows that are likely to span all dimensions: some evenly taken, and for each coordinate the one farthest out.
/// `sum`: of all |x - mean|^2.
template <class Scalar>
std::vector<Eigen::Index> telling_rows(const MatrixView<Scalar>& x, const Vector<double>& mean, double unit,
                                       double& sum) {
  const Eigen::Index n = x.rows(), d = x.cols(), even = 3 * d;
  const Vector<double> centre = mean * unit;
  std::vector<Eigen::Index> rows(static_cast<std::size_t>(d), 0);
  Eigen::RowVectorXd most = Eigen::RowVectorXd::Zero(d), far(d);
  sum = 0;
  for (Eigen::Index i = 0; i < n; ++i) {
    far = (x.row(i).template cast<double>() - centre.transpose()).cwiseAbs();
    sum += (far / unit).squaredNorm();
    if ((far.array() <= most.array()).all()) continue;
    for (Eigen::Index k = 0; k < d; ++k)
      if (far(k) > most(k)) most(k) = far(k), rows[static_cast<std::size_t>(k)] = i;
  }
  for (Eigen::Index j = 0; j < even; ++j) rows.push_back(j * n / even);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

/// Do some rows show that the rank is full? The covariance of all is that of some plus something positive
/// semidefinite, and its largest eigenvalue is at most its trace.
bool full_by_few(const PointsView& points, const Vector<double>& mean, double unit, double relative) {
  const std::int64_t n = rows(points), d = cols(points);
  if (n < 16 * d) return false;
  double trace = 0;
  Matrix<double> covariance = Matrix<double>::Zero(d, d), block;
  std::visit(
      [&](const auto& x) {
        const std::vector<Eigen::Index> some = telling_rows(x, mean, unit, trace);
        for (std::size_t first = 0; first < some.size(); first += kBlock) {
          block.resize(static_cast<Eigen::Index>(std::min<std::size_t>(kBlock, some.size() - first)), d);
          for (Eigen::Index i = 0; i < block.rows(); ++i)
            block.row(i) = x.row(some[first + static_cast<std::size_t>(i)]).template cast<double>() / unit;
          add_products(covariance, block, mean);
        }
      },
      points);
  return eigenvalues(covariance).minCoeff() > 2 * relative * relative * trace;
}

}  // namespace

std::int64_t numerical_rank(const PointsView& points, double unit, double relative, const RowChain* chain) {
  const RowChain alone;
  const RowChain& blocks = chain == nullptr ? alone : *chain;
  const std::int64_t n = rows(points), d = cols(points);
  const double total = static_cast<double>(blocks.total(n));
  Matrix<double> covariance = Matrix<double>::Zero(d, d), block;
  Vector<double> mean = Vector<double>::Zero(d);
  auto load = [&](std::int64_t first) {
    std::visit([&](const auto& x) { block = x.middleRows(first, std::min(kBlock, n - first)).template cast<double>(); },
               points);
    block *= 1 / unit;
  };
  blocks.in_turn({mean.data(), static_cast<std::size_t>(d)}, [&] {
    for (std::int64_t first = 0; first < n; first += kBlock) {
      load(first);
      mean += block.colwise().sum().transpose() / total;
    }
  });
  if (chain == nullptr && full_by_few(points, mean, unit, relative)) return d;
  blocks.in_turn({covariance.data(), static_cast<std::size_t>(d * d)}, [&] {
    for (std::int64_t first = 0; first < n; first += kBlock) {
      load(first);
      add_products(covariance, block, mean);
    }
  });
  const Vector<double> values = eigenvalues(covariance);
  const double largest = std::max(0.0, values.maxCoeff());
  return largest > 0 ? (values.array() > relative * relative * largest).count() : 0;
}

}  // namespace hullscope::hull::detail
