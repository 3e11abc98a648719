// What everything that reads one point set agrees on: a centre, a unit of length, and directions by falling variance.
// Any frame gives the same verdicts; a good one lets bounds rule most points out.
#pragma once
#include <cstdint>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/detail/row_chain.hpp>

namespace hullscope::hull::detail {

/// Points are read in tiles of so many rows, counted from row 0: sums over tiles, tile after tile, have the same bits
/// wherever the tiles lie.
inline constexpr std::int64_t kTileRows = 1024;

struct Frame {
  std::vector<double> centre;  ///< about the mean
  double scale = 0;            ///< mean |x - centre|, in the data's units
  double unit = 1;             ///< a power of two near the scale: lengths in units neither overflow nor underflow
  double radius = 0;           ///< max |x - centre| in units, rounded up
  double raw_radius = 0;       ///< max |x| in units, rounded up
  std::vector<double> norm;    ///< |x - centre| in units, rounded up: one for each row of this block
};

/// Two passes over the points. Throws DataError on NaN or infinity. N >= 1 over all blocks of the chain, which begin at
/// whole tiles, and d >= 1: every rank then has the numbers of one process that holds all rows. Collective if the chain
/// is.
Frame make_frame(const PointsView& points, const RowChain& chain = {});

/// `width` orthonormal rows (width x d), about the principal directions of a fixed sample of the points, most variance
/// first; |Q Q^T - 1| <= 2^-40 elementwise. width <= d. Exact for d <= 256, by subspace iteration above (Halko,
/// Martinsson, Tropp, "Finding structure with randomness", SIAM Review 2011, algorithm 4.4). Collective if the chain
/// is; the same on every rank.
Matrix<double> principal_directions(const PointsView& points, const Frame& frame, std::int64_t width,
                                    const RowChain& chain = {});

/// At most `most` rows of all blocks, evenly taken, as centred_rows gives them. Collective if the chain is; the same on
/// every rank.
Matrix<double> sample_rows(const PointsView& points, const Frame& frame, std::int64_t most, const RowChain& chain = {});

/// (row - centre) / unit for rows [first, last), row-major, last - first <= kTileRows: one rounding an entry.
void centred_rows(const PointsView& points, const Frame& frame, std::int64_t first, std::int64_t last, double* out);

}  // namespace hullscope::hull::detail
