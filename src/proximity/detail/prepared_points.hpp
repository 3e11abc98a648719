// Points made ready for float32 products: scaled by exact powers of two, so that nothing over- or underflows, with the
// numbers that turn a product into a score and a score into a bound.
//
// Row p is multiplied by 2^-e_p (its largest magnitude then lies in [1/2, 1)); all are compared on the scale 2^-E of
// the largest row. For a query q scaled by 2^-e_q the screened scores are
//   Euclidean  t |P|^2/2 - w 2^(e_p-E) <q', p'>  = t (|q-p|^2 - |q|^2) / 2 / 4^E,  t = 2^-max(0,e_q-E), w =
//   2^min(0,e_q-E) cosine     - <q', p'> / |p'|                 = |q'| (distance - 1)
// t and w keep both terms at most about d in size; a power of two changes no bit that matters.
#pragma once
#include <cstdint>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/linalg/tile_product.hpp>

namespace hullscope::proximity::detail {

/// One row's size. Zero rows: norm 0, exponent 0.
struct RowSize {
  double norm = 0;   ///< Euclidean norm, float64
  int exponent = 0;  ///< e with largest magnitude in [2^(e-1), 2^e)
};

/// Throws DataError on NaN or infinity; `what` and `row` name the place.
RowSize measure_row(const float* row, std::int64_t d, const char* what, std::int64_t number);

/// out_k = row_k 2^-exponent; exact but for values below 2^-126 of the row's largest.
void scale_row(const float* row, std::int64_t d, int exponent, float* out);

struct PreparedPoints {
  explicit PreparedPoints(MatrixView<float> points);
  MatrixView<float> points;
  std::int64_t count, dimension;
  int exponent = 0;                    ///< E
  std::vector<double> norm;            ///< of the raw rows
  std::vector<int> row_exponent;       ///< e_p
  std::vector<float> bias;             ///< |P|^2 / 2, P = p 2^-E
  std::vector<float> euclidean_scale;  ///< -2^(e_p - E)
  std::vector<float> cosine_scale;     ///< -1 / |p'|; 0 for a zero row
  std::vector<double> tile_norm;       ///< largest |P| of each tile of kPointTile rows
  void fill_tile(std::int64_t tile, linalg::TileProduct<float>& product) const;
};

/// A query's weights and error bounds.
struct PreparedQuery {
  PreparedQuery() = default;
  PreparedQuery(const PreparedPoints& points, RowSize size);
  double euclidean_error(double tile_norm) const;  ///< of scores against points with |P| <= tile_norm
  double cosine_error() const;
  RowSize size;
  std::int64_t dimension = 0;
  double t = 1, w = 1;
  double norm_on_points_scale = 0;  ///< |q| 2^-E
  double scaled_norm = 0;           ///< |q'|
};

}  // namespace hullscope::proximity::detail
