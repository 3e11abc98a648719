#include <cblas.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <hullscope/hull/detail/rank.hpp>

namespace hullscope::hull::detail {

std::int64_t numerical_rank(const PointsView& points, double unit, double relative, const RowChain& chain) {
  const std::int64_t n = rows(points), d = cols(points);
  const double total = static_cast<double>(chain.total(n));
  constexpr std::int64_t kBlock = 1024;
  Matrix<double> covariance = Matrix<double>::Zero(d, d), block;
  Vector<double> mean = Vector<double>::Zero(d);
  auto load = [&](std::int64_t first) {
    std::visit([&](const auto& x) { block = x.middleRows(first, std::min(kBlock, n - first)).template cast<double>(); },
               points);
    block *= 1 / unit;
  };
  chain.in_turn({mean.data(), static_cast<std::size_t>(d)}, [&] {
    for (std::int64_t first = 0; first < n; first += kBlock) {
      load(first);
      mean += block.colwise().sum().transpose() / total;
    }
  });
  chain.in_turn({covariance.data(), static_cast<std::size_t>(d * d)}, [&] {
    for (std::int64_t first = 0; first < n; first += kBlock) {
      load(first);
      block.rowwise() -= mean.transpose();
      cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, static_cast<int>(d), static_cast<int>(block.rows()), 1,
                  block.data(), static_cast<int>(d), 1, covariance.data(), static_cast<int>(d));
    }
  });
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> solver(covariance, Eigen::EigenvaluesOnly);
  const double largest = std::max(0.0, solver.eigenvalues().maxCoeff());
  return largest > 0 ? (solver.eigenvalues().array() > relative * relative * largest).count() : 0;
}

}  // namespace hullscope::hull::detail
