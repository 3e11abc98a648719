// Rows of the points in double, which is exact.
#pragma once
#include <span>

#include <hullscope/base/matrix.hpp>

namespace hullscope::proof::detail {

inline Matrix<double> gather(const PointsView& points, std::span<const std::int64_t> rows_wanted) {
  return std::visit(
      [&](const auto& x) {
        Matrix<double> out(static_cast<Eigen::Index>(rows_wanted.size()), x.cols());
        for (std::size_t i = 0; i < rows_wanted.size(); ++i)
          out.row(static_cast<Eigen::Index>(i)) = x.row(rows_wanted[i]).template cast<double>();
        return out;
      },
      points);
}

}  // namespace hullscope::proof::detail
