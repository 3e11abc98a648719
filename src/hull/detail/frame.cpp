#include <hullscope/hull/detail/frame.hpp>

#include <cblas.h>

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <string>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/hull/detail/pricing.hpp>

namespace hullscope::hull::detail {
namespace {

// No wider than a register of AVX2: GCC keeps wider ones in memory there.
constexpr std::int64_t kWidth = 4;
using Lanes = double __attribute__((vector_size(32), aligned(8), may_alias));
using Floats = float __attribute__((vector_size(16), aligned(4), may_alias));

[[gnu::always_inline]] inline Lanes load(const float* x) {
  return __builtin_convertvector(*reinterpret_cast<const Floats*>(x), Lanes);
}
[[gnu::always_inline]] inline Lanes load(const double* x) {
  return *reinterpret_cast<const Lanes*>(x);
}

#define HULLSCOPE_VECTORISED __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))

// The largest |x_k|; NaN or infinity if there is one (0 x is then NaN).
template <class Scalar>
[[gnu::always_inline]] inline double largest_of(const Scalar* x, std::int64_t d) {
  Lanes most = {}, poison = {};
  double rest = 0, rest_poison = 0;
  std::int64_t k = 0;
  for (; k + kWidth <= d; k += kWidth) {
    const Lanes v = load(x + k), a = v < 0 ? -v : v;
    most = a > most ? a : most;
    poison += a * 0;
  }
  for (; k < d; ++k) {
    const double a = std::fabs(static_cast<double>(x[k]));
    rest = a > rest ? a : rest;
    rest_poison += a * 0;
  }
  for (int j = 0; j < kWidth; ++j) rest = most[j] > rest ? most[j] : rest, rest_poison += poison[j];
  return rest + rest_poison;
}
HULLSCOPE_VECTORISED double largest(const float* x, std::int64_t d) {
  return largest_of(x, d);
}
HULLSCOPE_VECTORISED double largest(const double* x, std::int64_t d) {
  return largest_of(x, d);
}

template <class Scalar>
[[gnu::always_inline]] inline void add_to(double* sum, const Scalar* x, double factor, std::int64_t d) {
  std::int64_t k = 0;
  for (; k + kWidth <= d; k += kWidth) *reinterpret_cast<Lanes*>(sum + k) += load(x + k) * factor;
  for (; k < d; ++k) sum[k] += static_cast<double>(x[k]) * factor;
}
HULLSCOPE_VECTORISED void add(double* sum, const float* x, double factor, std::int64_t d) {
  add_to(sum, x, factor, d);
}
HULLSCOPE_VECTORISED void add(double* sum, const double* x, double factor, std::int64_t d) {
  add_to(sum, x, factor, d);
}

template <class Scalar>
[[noreturn]] void refuse(const MatrixView<Scalar>& x, std::int64_t row, std::int64_t first) {
  std::int64_t k = 0;
  while (std::isfinite(x(row, k))) ++k;
  throw DataError("the points", "row " + std::to_string(first + row) + ", coordinate " + std::to_string(k),
                  "found " + std::to_string(x(row, k)) + ", expected finite numbers; remove or mask that row.");
}

double power_of_two_above(double length) {
  return length > 0 ? std::ldexp(1.0, std::clamp(std::ilogb(length) + 1, -1000, 1000)) : 1;
}

/// The largest |x_k| of all.
template <class Scalar>
double largest_entry(const MatrixView<Scalar>& x, const RowChain& chain) {
  double most = 0;
  for (std::int64_t i = 0; i < x.rows(); ++i) {
    const double a = largest(x.data() + i * x.cols(), x.cols());
    if (!std::isfinite(a)) refuse(x, i, chain.first());
    most = std::max(most, a);
  }
  return chain.largest(most);
}

/// Tile by tile: sum of a tile's rows times `share`, then the sum of the tiles.
template <class Scalar>
std::vector<double> centre_of(const MatrixView<Scalar>& x, double share, const RowChain& chain) {
  const std::int64_t n = x.rows(), d = x.cols();
  Matrix<double> tiles = Matrix<double>::Zero((n + kTileRows - 1) / kTileRows, d);
  for (std::int64_t i = 0; i < n; ++i) add(tiles.row(i / kTileRows).data(), x.data() + i * d, share, d);
  std::vector<double> centre(static_cast<std::size_t>(d), 0);
  chain.in_turn(centre, [&] {
    for (Eigen::Index t = 0; t < tiles.rows(); ++t) add(centre.data(), tiles.row(t).data(), 1, d);
  });
  return centre;
}

template <class Scalar>
Frame frame_of(const MatrixView<Scalar>& x, const RowChain& chain) {
  const std::int64_t n = x.rows(), d = x.cols();
  // Sums of squares in a coarse unit first, in which nothing overflows.
  const double coarse = power_of_two_above(largest_entry(x, chain)), share = 1 / static_cast<double>(chain.total(n));
  Frame frame;
  frame.centre = centre_of(x, share, chain);
  const std::vector<double> origin(frame.centre.size(), 0);
  frame.norm.resize(static_cast<std::size_t>(n));
  std::vector<double> tile_sum(static_cast<std::size_t>((n + kTileRows - 1) / kTileRows), 0);
  double raw = 0, sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const Scalar* row = x.data() + i * d;
    const double length = std::sqrt(squared_distance(row, frame.centre.data(), 1 / coarse, d));
    frame.norm[static_cast<std::size_t>(i)] = length;
    tile_sum[static_cast<std::size_t>(i / kTileRows)] += length * share;
    raw = std::max(raw, std::sqrt(squared_distance(row, origin.data(), 1 / coarse, d)));
  }
  chain.in_turn({&sum, 1}, [&] {
    for (const double part : tile_sum) sum += part;
  });
  raw = chain.largest(raw);
  frame.scale = sum * coarse;
  const double length = sum > 0 ? sum : raw;  // all points equal: their own size
  frame.unit = power_of_two_above(length * coarse);
  const double to_units = coarse / frame.unit, slack = 1 + 0x1p-50 * static_cast<double>(d + 16);
  for (double& norm : frame.norm) {
    norm = norm * to_units * slack + 0x1p-400;
    frame.radius = std::max(frame.radius, norm);
  }
  frame.radius = chain.largest(frame.radius);
  frame.raw_radius = raw * to_units * slack + 0x1p-400;
  return frame;
}

// Eigenvectors of a symmetric matrix as rows, the largest eigenvalue first.
Matrix<double> eigenvectors(const Matrix<double>& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> solver(symmetric);
  return solver.eigenvectors().transpose().colwise().reverse();
}

// Orthonormal rows that span what the rows of `v` span, and more if those depend on one another.
Matrix<double> orthonormal_rows(const Matrix<double>& v) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(v.transpose());
  return (qr.householderQ() * Eigen::MatrixXd::Identity(v.cols(), v.rows())).transpose();
}

Matrix<double> product(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> c(a.rows(), b.cols());
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(a.rows()), static_cast<int>(b.cols()),
              static_cast<int>(a.cols()), 1, a.data(), static_cast<int>(a.cols()), b.data(), static_cast<int>(b.cols()),
              0, c.data(), static_cast<int>(b.cols()));
  return c;
}

// The leading eigenvectors of S^T S by subspace iteration; S: sample, one row a sample.
Matrix<double> leading_directions(const Matrix<double>& sample, std::int64_t width, int iterations) {
  const std::int64_t d = sample.cols(), more = std::min(d, width + 16);
  Matrix<double> v(more, d);
  const std::uint64_t key = stream_key(0, "hull/frame");
  for (std::int64_t i = 0; i < more; ++i) {
    RandomStream stream(key, static_cast<std::uint64_t>(i));
    for (std::int64_t k = 0; k < d; ++k) v(i, k) = stream.uniform() - 0.5;
  }
  const Matrix<double> transposed = sample.transpose();
  for (int i = 0; i < iterations; ++i) v = orthonormal_rows(product(product(v, transposed), sample));
  const Matrix<double> image = product(v, transposed);
  return product(eigenvectors(product(image, image.transpose())), v).topRows(width);
}

Matrix<double> covariance(const Matrix<double>& sample) {
  const int d = static_cast<int>(sample.cols());
  Matrix<double> result = Matrix<double>::Zero(d, d);
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, d, static_cast<int>(sample.rows()), 1, sample.data(), d, 0,
              result.data(), d);
  result.triangularView<Eigen::StrictlyUpper>() = result.transpose();
  return result;
}

}  // namespace

Frame make_frame(const PointsView& points, const RowChain& chain) {
  return std::visit([&](const auto& x) { return frame_of(x, chain); }, points);
}

void centred_rows(const PointsView& points, const Frame& frame, std::int64_t first, std::int64_t last, double* out) {
  std::visit(
      [&](const auto& x) {
        const std::int64_t d = x.cols();
        const double factor = 1 / frame.unit;
        for (std::int64_t i = first; i < last; ++i) {
          const auto* row = x.data() + i * d;
          double* to = out + (i - first) * d;
          for (std::int64_t k = 0; k < d; ++k)
            to[k] = (static_cast<double>(row[k]) - frame.centre[static_cast<std::size_t>(k)]) * factor;
        }
      },
      points);
}

Matrix<double> sample_rows(const PointsView& points, const Frame& frame, std::int64_t most, const RowChain& chain) {
  const std::int64_t own = rows(points), n = chain.total(own), taken = std::min(n, most);
  Matrix<double> sample = Matrix<double>::Zero(taken, cols(points));
  chain.in_turn({sample.data(), static_cast<std::size_t>(sample.size())}, [&] {
    for (std::int64_t j = 0; j < taken; ++j) {
      const std::int64_t i = j * n / taken - chain.first();
      if (i >= 0 && i < own) centred_rows(points, frame, i, i + 1, sample.row(j).data());
    }
  });
  return sample;
}

Matrix<double> principal_directions(const PointsView& points, const Frame& frame, std::int64_t width,
                                    const RowChain& chain) {
  constexpr std::int64_t kWhole = 256, kMany = 2048;
  const std::int64_t d = cols(points);
  if (frame.radius > 0x1p400) return Matrix<double>::Identity(width, d);  // squares would overflow
  Matrix<double> directions;
  if (d <= kWhole)
    directions = eigenvectors(covariance(sample_rows(points, frame, 4096, chain))).topRows(width);
  else
    directions =
        leading_directions(sample_rows(points, frame, d <= kMany ? 1024 : 256, chain), width, d <= kMany ? 3 : 1);
  const Matrix<double> defect = directions * directions.transpose() - Matrix<double>::Identity(width, width);
  if (!(defect.cwiseAbs().maxCoeff() <= 0x1p-40)) return Matrix<double>::Identity(width, d);
  return directions;
}

}  // namespace hullscope::hull::detail
