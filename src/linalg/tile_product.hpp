// Products of all queries with all points, tile by tile, each product of one padded shape.
#pragma once
#include <cstdint>
#include <memory>

namespace hullscope::linalg {

inline constexpr std::int64_t kQueryTile = 256;   ///< queries of a tile
inline constexpr std::int64_t kPointTile = 1024;  ///< points of a tile: 1 MB of float32 products, as a core's L2 holds

/// Buffers of one tile: kQueryTile queries, kPointTile points and their products. One object a thread.
/// The shape is always the whole tile's, unused rows are zero, so that a product's bits depend on the rows of its
/// tile alone (those of a BLAS product change with its shape).
template <class Scalar>
class TileProduct {
 public:
  explicit TileProduct(std::int64_t dimension);
  std::int64_t stride() const { return stride_; }
  Scalar* query(std::int64_t i) { return queries_.get() + i * stride_; }  ///< dimension() values to fill
  Scalar* point(std::int64_t i) { return points_.get() + i * stride_; }
  /// Sets the rows from `used` on to zero.
  void clear_queries(std::int64_t used);
  void clear_points(std::int64_t used);
  /// 2 * kQueryTile * kPointTile * dimension flop. product(i)[j] = <query i, point j>.
  void multiply();
  const Scalar* product(std::int64_t i) const { return products_.get() + i * kPointTile; }

 private:
  struct Free {
    void operator()(Scalar* p) const;
  };
  using Buffer = std::unique_ptr<Scalar[], Free>;
  static Buffer zeros(std::int64_t count);
  std::int64_t dimension_, stride_;
  Buffer queries_, points_, products_;
};

extern template class TileProduct<float>;
extern template class TileProduct<double>;

}  // namespace hullscope::linalg
