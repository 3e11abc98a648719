#include <hullscope/statistics/neighbour_dimension.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace hullscope::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kFewest = 10;

/// A distance 0 is a duplicate and has no logarithm; infinity stands for a neighbour that is not there.
bool usable(MatrixView<double> distance, Eigen::Index point, Eigen::Index k) {
  return distance(point, 0) > 0 && std::isfinite(distance(point, k - 1));
}

}  // namespace

NeighbourDimension two_nn(MatrixView<double> distance, double kept) {
  NeighbourDimension result{kNaN, 0, 0};
  std::vector<double> log_ratio;
  for (Eigen::Index i = 0; i < distance.rows(); ++i)
    if (distance.cols() >= 2 && usable(distance, i, 2)) log_ratio.push_back(std::log(distance(i, 1) / distance(i, 0)));
  result.used = static_cast<std::int64_t>(log_ratio.size());
  result.dropped = distance.rows() - result.used;
  if (log_ratio.size() < kFewest) return result;
  std::sort(log_ratio.begin(), log_ratio.end());
  const auto n = static_cast<double>(log_ratio.size());
  double xy = 0, xx = 0;
  for (std::size_t i = 0; static_cast<double>(i + 1) <= kept * n && i + 1 < log_ratio.size(); ++i) {
    xy -= log_ratio[i] * std::log1p(-static_cast<double>(i + 1) / n);
    xx += log_ratio[i] * log_ratio[i];
  }
  if (xx > 0) result.value = xy / xx;
  return result;
}

NeighbourDimension levina_bickel(MatrixView<double> distance, std::int64_t k) {
  NeighbourDimension result{kNaN, 0, 0};
  double sum = 0;
  for (Eigen::Index i = 0; i < distance.rows(); ++i) {
    if (k < 2 || distance.cols() < k || !usable(distance, i, k)) continue;
    double inverse = 0;
    for (Eigen::Index j = 0; j + 1 < k; ++j) inverse += std::log(distance(i, k - 1) / distance(i, j));
    sum += inverse / static_cast<double>(k - 1);
    ++result.used;
  }
  result.dropped = distance.rows() - result.used;
  if (static_cast<std::size_t>(result.used) >= kFewest && sum > 0)
    result.value = static_cast<double>(result.used) / sum;
  return result;
}

double participation_ratio(MatrixView<float> points) {
  const Eigen::Index n = points.rows(), d = points.cols();
  if (n < 2 || d < 1) return kNaN;
  Vector<double> mean = Vector<double>::Zero(d), row(d);
  for (Eigen::Index i = 0; i < n; ++i) mean += points.row(i).cast<double>().transpose();
  mean /= static_cast<double>(n);
  Matrix<double> upper = Matrix<double>::Zero(d, d);  // row by row, so that the sums have one order
  for (Eigen::Index i = 0; i < n; ++i) {
    row = points.row(i).cast<double>().transpose() - mean;
    for (Eigen::Index a = 0; a < d; ++a)
      if (row[a] != 0) upper.row(a).tail(d - a) += row[a] * row.tail(d - a).transpose();
  }
  double trace = 0, square = 0;
  for (Eigen::Index a = 0; a < d; ++a) {
    trace += upper(a, a);
    square += upper(a, a) * upper(a, a);
    for (Eigen::Index b = a + 1; b < d; ++b) square += 2 * upper(a, b) * upper(a, b);
  }
  return square > 0 ? trace / square * trace : kNaN;
}

}  // namespace hullscope::statistics
