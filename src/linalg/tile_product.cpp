#include <hullscope/linalg/tile_product.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>

#include <hullscope/linalg/blas.hpp>

namespace hullscope::linalg {

constexpr std::int64_t kAlignment = 64;  // a cache line, and a register of AVX-512

template <class Scalar>
void TileProduct<Scalar>::Free::operator()(Scalar* p) const {
  std::free(p);
}

template <class Scalar>
typename TileProduct<Scalar>::Buffer TileProduct<Scalar>::zeros(std::int64_t count) {
  const std::size_t bytes =
      (static_cast<std::size_t>(count) * sizeof(Scalar) + kAlignment - 1) / kAlignment * kAlignment;
  auto* p = static_cast<Scalar*>(std::aligned_alloc(kAlignment, bytes));
  if (!p) throw std::bad_alloc();
  std::fill_n(p, count, Scalar(0));
  return Buffer(p);
}

template <class Scalar>
TileProduct<Scalar>::TileProduct(std::int64_t dimension) : dimension_(dimension) {
  const std::int64_t line = kAlignment / static_cast<std::int64_t>(sizeof(Scalar));
  stride_ = std::max<std::int64_t>(1, (dimension + line - 1) / line) * line;
  queries_ = zeros(kQueryTile * stride_);
  points_ = zeros(kPointTile * stride_);
  products_ = zeros(kQueryTile * kPointTile);
}

template <class Scalar>
void TileProduct<Scalar>::clear_queries(std::int64_t used) {
  std::fill(query(used), query(kQueryTile), Scalar(0));
}

template <class Scalar>
void TileProduct<Scalar>::clear_points(std::int64_t used) {
  std::fill(point(used), point(kPointTile), Scalar(0));
}

template <class Scalar>
void TileProduct<Scalar>::multiply() {
  multiply_transposed(kQueryTile, kPointTile, dimension_, queries_.get(), stride_, points_.get(), stride_,
                      products_.get(), kPointTile);
}

template class TileProduct<float>;
template class TileProduct<double>;

}  // namespace hullscope::linalg
