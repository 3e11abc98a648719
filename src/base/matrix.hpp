// Matrices of samples: Eigen, row-major, one sample a row.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <variant>

namespace hullscope {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class Scalar>
using MatrixView = Eigen::Map<const Matrix<Scalar>>;  ///< contiguous rows; does not own
template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

/// A point set as hull tests take it: N x d, float32 or float64, its values taken as exact. Does not own.
using PointsView = std::variant<MatrixView<float>, MatrixView<double>>;

inline std::int64_t rows(const PointsView& p) {
  return std::visit([](const auto& m) { return static_cast<std::int64_t>(m.rows()); }, p);
}
inline std::int64_t cols(const PointsView& p) {
  return std::visit([](const auto& m) { return static_cast<std::int64_t>(m.cols()); }, p);
}

template <class Scalar>
MatrixView<Scalar> view(const Matrix<Scalar>& m) {
  return MatrixView<Scalar>(m.data(), m.rows(), m.cols());
}

}  // namespace hullscope
