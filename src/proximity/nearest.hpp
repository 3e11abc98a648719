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

  /// queries: M x d; labels: M true classes (used by kEuclideanTrueClass only, else may be empty).
  /// One answer a measure, in the order of `measures`; one pass of products serves all. 2 M N d flop.
  /// Throws DataError on NaN or infinity, UsageError where d differs.
  std::vector<Neighbours> find(MatrixView<float> queries, std::span<const std::int64_t> labels,
                               std::span<const Measure> measures, int threads = 1) const;

  /// Euclidean distance of the points in `rows` to their nearest other point (a duplicate counts: 0; +inf if N = 1).
  std::vector<double> leave_one_out(std::span<const std::int64_t> rows, int threads = 1) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hullscope::proximity
