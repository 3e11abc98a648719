// Nearest training points, exact: float32 products over all pairs choose candidates by a proved bound, float64 sums in
// a fixed order decide between them. The answer is the argmin of that float64 formula over all points, with ties to
// the smaller id, whatever the machine, the BLAS, the number of threads or the other queries of the call.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/proximity/measure.hpp>

namespace hullscope::proximity {

/// Of M queries: distance to the nearest point, and that point's id (+inf and -1 where there is no point).
struct Neighbours {
  std::vector<double> distance;
  std::vector<std::int64_t> nearest;
};

/// Classes of M queries; either may be empty where no measure needs it.
struct QueryClasses {
  std::span<const std::int64_t> truth, predicted;
};

/// Order of rows in which a search takes its points: by class, and by id in a class. Returns row numbers.
std::vector<std::int64_t> order_by_class(std::span<const std::int64_t> ids, std::span<const std::int64_t> labels);

/// Number of rows that are zero: their cosine distance is 1 by definition.
std::int64_t count_zero_rows(MatrixView<float> points);

/// A training set prepared once and asked many times. Keeps a view of the points (they must outlive it) and about 40
/// bytes a point. Members may be called from several threads at once. Not collective.
class NearestSearch {
 public:
  /// points: N x d; ids and labels: N, rows in the order of order_by_class. N may be 0.
  /// Throws DataError on NaN or infinity, InternalError on sizes or an order that do not fit.
  NearestSearch(MatrixView<float> points, std::span<const std::int64_t> ids, std::span<const std::int64_t> labels);
  ~NearestSearch();
  NearestSearch(NearestSearch&&) noexcept;

  /// queries: M x d. One answer a measure, in the order of `measures`; one pass of products serves all. 2 M N d flop.
  /// Throws DataError on NaN or infinity, UsageError where d differs.
  std::vector<Neighbours> find(MatrixView<float> queries, const QueryClasses& classes,
                               std::span<const Measure> measures, int threads = 1) const;

  /// Distance |y/|y| - x/|x|| of each query to its k-th nearest point on the unit sphere (Sun, Ming, Zhu & Li 2022);
  /// sqrt(2) to or from a zero vector; +inf if there are fewer than k points. k >= 1. 2 M N d flop. Throws as find().
  std::vector<double> kth_direction(MatrixView<float> queries, std::int64_t k, int threads = 1) const;

  /// m x k: Euclidean distances of the points in `rows` to their k nearest other points, ascending (a duplicate counts:
  /// 0; +inf where there are too few points). k >= 1.
  Matrix<double> leave_one_out(std::span<const std::int64_t> rows, std::int64_t k, int threads = 1) const;

 private:
  void require_dimension(MatrixView<float> queries) const;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hullscope::proximity
