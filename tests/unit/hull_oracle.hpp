// The slow, obvious versions that the hull engine must agree with on small cases.
#pragma once
#include <gmpxx.h>

#include <Eigen/Dense>
#include <cmath>
#include <hullscope/base/matrix.hpp>
#include <limits>
#include <vector>

namespace hullscope::oracle {

/// Is y in conv(X)? Phase one of the simplex method on a full tableau of rationals, Bland's rule: minimise the sum of
/// the artificials of  X^T l = y, sum l = 1, l >= 0.
inline bool inside_exactly(const Matrix<double>& x, const Vector<double>& y) {
  const std::size_t n = static_cast<std::size_t>(x.rows()), m = static_cast<std::size_t>(x.cols()) + 1;
  std::vector<std::vector<mpq_class>> table(m + 1, std::vector<mpq_class>(n + 1));  // last row: reduced costs
  std::vector<std::size_t> basis(m, n);                                             // n: an artificial
  for (std::size_t i = 0; i < m; ++i) {
    const bool last = i + 1 == m;
    table[i][n] = last ? 1.0 : y[static_cast<Eigen::Index>(i)];
    for (std::size_t j = 0; j < n; ++j)
      table[i][j] = last ? 1.0 : x(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(i));
    if (table[i][n] < 0)
      for (auto& v : table[i]) v = -v;
    for (std::size_t j = 0; j <= n; ++j) table[m][j] -= table[i][j];
  }
  while (true) {
    std::size_t enter = 0;
    while (enter < n && table[m][enter] >= 0) ++enter;
    if (enter == n) return table[m][n] == 0;
    std::size_t leave = m;
    for (std::size_t i = 0; i < m; ++i) {
      if (table[i][enter] <= 0) continue;
      if (leave == m) {
        leave = i;
        continue;
      }
      const mpq_class a = table[i][n] * table[leave][enter], b = table[leave][n] * table[i][enter];
      if (a < b || (a == b && basis[i] < basis[leave])) leave = i;
    }
    const mpq_class pivot = table[leave][enter];
    for (auto& v : table[leave]) v /= pivot;
    for (std::size_t i = 0; i <= m; ++i) {
      const mpq_class factor = table[i][enter];
      if (i == leave || factor == 0) continue;
      for (std::size_t j = 0; j <= n; ++j) table[i][j] -= factor * table[leave][j];
    }
    basis[leave] = enter;
  }
}

/// Distance of y to conv(X): Wolfe's algorithm as in the paper of 1976, dense normal equations, no updates.
inline double distance(const Matrix<double>& x, const Vector<double>& y) {
  const Matrix<double> p = x.rowwise() - y.transpose();
  Eigen::Index first = 0;
  p.rowwise().squaredNorm().minCoeff(&first);
  std::vector<Eigen::Index> active = {first};
  std::vector<double> weight = {1};
  Vector<double> z = p.row(first).transpose();
  for (int step = 0; step < 10000; ++step) {
    Eigen::Index enter = 0;  // p.norm() is the data's size
    const double least = (p * z).minCoeff(&enter);
    if (z.norm() < 1e-12 * p.norm() || least >= z.squaredNorm() * (1 - 1e-10) ||
        std::find(active.begin(), active.end(), enter) != active.end())
      return z.norm();
    active.push_back(enter);
    weight.push_back(0);
    while (true) {
      const Eigen::Index k = static_cast<Eigen::Index>(active.size());
      Eigen::MatrixXd system = Eigen::MatrixXd::Zero(k + 1, k + 1);
      for (Eigen::Index i = 0; i < k; ++i) {
        for (Eigen::Index j = 0; j < k; ++j)
          system(i, j) = p.row(active[static_cast<std::size_t>(i)]).dot(p.row(active[static_cast<std::size_t>(j)]));
        system(i, k) = system(k, i) = 1;
      }
      Eigen::VectorXd right = Eigen::VectorXd::Zero(k + 1);
      right[k] = 1;
      const Eigen::VectorXd target = system.fullPivLu().solve(right);
      double t = 1;
      for (Eigen::Index i = 0; i < k; ++i)
        if (target[i] <= 1e-14)
          t = std::min(t, weight[static_cast<std::size_t>(i)] / (weight[static_cast<std::size_t>(i)] - target[i]));
      z.setZero();
      for (std::size_t i = active.size(); i-- > 0;) {
        weight[i] += t * (target[static_cast<Eigen::Index>(i)] - weight[i]);
        if (t < 1 && weight[i] <= 1e-14) {
          active.erase(active.begin() + static_cast<std::ptrdiff_t>(i));
          weight.erase(weight.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      for (std::size_t i = 0; i < active.size(); ++i) z += weight[i] * p.row(active[i]).transpose();
      if (t >= 1) break;
    }
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace hullscope::oracle
