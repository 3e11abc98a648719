#include <hullscope/proximity/nearest.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>
#include <tuple>
#include <utility>

#include <hullscope/base/error.hpp>
#include <hullscope/linalg/fixed_order.hpp>
#include <hullscope/linalg/scan.hpp>
#include <hullscope/proximity/detail/prepared_points.hpp>

namespace hullscope::proximity {
namespace {

using detail::PreparedPoints;
using detail::PreparedQuery;
using linalg::kPointTile;
using linalg::kQueryTile;
using Range = std::pair<std::int64_t, std::int64_t>;  // rows [first, last)

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Candidates kept before they are decided; bounds the memory where very many points tie.
constexpr std::size_t kMostPending = 256;

struct Query {
  const float* row;
  std::int64_t label = -1;
  std::int64_t excluded = -1;  // row of the points that does not count
};

// The search of one measure for one query: least upper bound so far, undecided candidates, best decided one.
class Search {
 public:
  Search(Measure measure, const PreparedPoints& points, std::span<const std::int64_t> ids, const float* query,
         const PreparedQuery& prepared, Range rows)
      : measure_(measure), points_(&points), ids_(ids), query_(query), prepared_(prepared), rows_(rows) {}

  /// products: of this query with the tile of points that starts at row `first`; scans its rows [begin, end).
  void scan(const float* products, std::int64_t first, std::int64_t begin, std::int64_t end) {
    const std::int64_t from = std::max(begin, rows_.first), to = std::min(end, rows_.second);
    if (from >= to) return;
    const bool cosine = measure_ == Measure::kCosine;
    const linalg::RowScores row{products, points_->bias.data() + first,
                                (cosine ? points_->cosine_scale : points_->euclidean_scale).data() + first,
                                cosine ? 0.0f : static_cast<float>(prepared_.t),
                                cosine ? 1.0f : static_cast<float>(prepared_.w)};
    const double error =
        cosine ? prepared_.cosine_error()
               : prepared_.euclidean_error(points_->tile_norm[static_cast<std::size_t>(first / kPointTile)]);
    const double smallest = linalg::smallest_score(row, from - first, to - first);
    upper_ = std::min(upper_, smallest + error);
    if (smallest - error > upper_) return;
    const float threshold = std::nextafter(static_cast<float>(upper_ + error), std::numeric_limits<float>::infinity());
    linalg::select_scores(row, from - first, to - first, threshold, error, first, pending_);
    if (pending_.size() > kMostPending) decide();
  }

  /// {distance, id}, after all scans.
  std::pair<double, std::int64_t> answer() {
    decide();
    if (best_id_ < 0) return {kInfinity, -1};
    return {best_, best_id_};
  }

 private:
  // The fixed float64 formula. Ties are ties of what is stored, so the root is taken before they are decided.
  double evaluate(std::int64_t i) const {
    const std::int64_t d = points_->dimension;
    const float* point = points_->points.data() + i * d;
    if (measure_ != Measure::kCosine) return std::sqrt(linalg::squared_distance(query_, point, d));
    const double norm = points_->norm[static_cast<std::size_t>(i)];
    if (norm == 0 || prepared_.size.norm == 0) return 1;
    return linalg::squared_distance_of_directions(query_, prepared_.size.norm, point, norm, d) / 2;
  }

  void decide() {
    for (const linalg::Candidate& candidate : pending_) {
      if (candidate.lower > upper_) continue;
      const double value = evaluate(candidate.row);
      const std::int64_t id = ids_[static_cast<std::size_t>(candidate.row)];
      if (value < best_ || (value == best_ && (best_id_ < 0 || id < best_id_))) best_ = value, best_id_ = id;
    }
    pending_.clear();
  }

  Measure measure_;
  const PreparedPoints* points_;
  std::span<const std::int64_t> ids_;
  const float* query_;
  PreparedQuery prepared_;
  Range rows_;
  double upper_ = kInfinity, best_ = kInfinity;
  std::int64_t best_id_ = -1;
  std::vector<linalg::Candidate> pending_;
};

// body(block) for all blocks, over threads; the first exception is thrown again here.
void for_blocks(std::int64_t blocks, int threads, const std::function<void(std::int64_t)>& body) {
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    try {
      for (std::int64_t b = next++; b < blocks; b = next++) body(b);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = blocks;
    }
  };
  std::vector<std::thread> helpers;
  for (std::int64_t i = 1; i < std::min<std::int64_t>(threads, blocks); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

struct NearestSearch::State {
  State(MatrixView<float> all, std::span<const std::int64_t> all_ids)
      : points(all), ids(all_ids.begin(), all_ids.end()) {}
  PreparedPoints points;
  std::vector<std::int64_t> ids;
  std::map<std::int64_t, Range> classes;
  std::int64_t smallest_id = -1;

  Range rows_for(Measure measure, std::int64_t label) const {
    if (measure != Measure::kEuclideanTrueClass) return {0, points.count};
    const auto found = classes.find(label);
    return found == classes.end() ? Range{0, 0} : found->second;
  }

  // Searches of up to kQueryTile queries, all measures. An excluded row splits a range in two, so that it never
  // enters a minimum.
  void search(std::span<const Query> queries, std::span<const Measure> measures, std::int64_t first_number,
              const std::function<void(std::size_t query, std::size_t measure, double, std::int64_t)>& store) const {
    linalg::TileProduct<float> product(points.dimension);
    std::vector<std::vector<Search>> searches(queries.size());
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const detail::RowSize size =
          detail::measure_row(queries[q].row, points.dimension, "queries", first_number + static_cast<std::int64_t>(q));
      const PreparedQuery prepared(points, size);
      detail::scale_row(queries[q].row, points.dimension, size.exponent, product.query(static_cast<std::int64_t>(q)));
      for (const Measure measure : measures) {
        Range rows = rows_for(measure, queries[q].label);
        if (measure == Measure::kCosine && size.norm == 0) rows = {0, 0};  // all distances are 1
        searches[q].emplace_back(measure, points, ids, queries[q].row, prepared, rows);
      }
    }
    for (std::int64_t first = 0; first < points.count; first += kPointTile) {
      const std::int64_t last = std::min(points.count, first + kPointTile);
      points.fill_tile(first / kPointTile, product);
      product.multiply();
      for (std::size_t q = 0; q < queries.size(); ++q)
        scan_tile(searches[q], product.product(static_cast<std::int64_t>(q)), first, last, queries[q].excluded);
    }
    for (std::size_t q = 0; q < queries.size(); ++q)
      for (std::size_t m = 0; m < measures.size(); ++m) {
        auto [distance, id] = searches[q][m].answer();
        if (measures[m] == Measure::kCosine && id < 0 && points.count > 0) distance = 1, id = smallest_id;
        store(q, m, distance, id);
      }
  }

  static void scan_tile(std::vector<Search>& searches, const float* products, std::int64_t first, std::int64_t last,
                        std::int64_t excluded) {
    for (Search& search : searches) {
      if (excluded < first || excluded >= last) {
        search.scan(products, first, first, last);
      } else {
        search.scan(products, first, first, excluded);
        search.scan(products, first, excluded + 1, last);
      }
    }
  }
};

std::vector<std::int64_t> order_by_class(std::span<const std::int64_t> ids, std::span<const std::int64_t> labels) {
  std::vector<std::int64_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](std::int64_t row) {
    const auto i = static_cast<std::size_t>(row);
    return std::make_tuple(labels[i], ids[i], row);
  };
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return key(a) < key(b); });
  return order;
}

std::int64_t count_zero_rows(MatrixView<float> points) {
  std::int64_t count = 0;
  for (Eigen::Index i = 0; i < points.rows(); ++i) count += (points.row(i).array() == 0.0f).all();
  return count;
}

NearestSearch::NearestSearch(MatrixView<float> points, std::span<const std::int64_t> ids,
                             std::span<const std::int64_t> labels) {
  const auto n = static_cast<std::size_t>(points.rows());
  if (ids.size() != n || labels.size() != n)
    throw InternalError(fmt::format("{} points with {} ids and {} labels", n, ids.size(), labels.size()));
  state_ = std::make_unique<State>(points, ids);
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0 && labels[i] < labels[i - 1])
      throw InternalError("training points are not in the order of their classes");
    const auto row = static_cast<std::int64_t>(i);
    state_->classes.try_emplace(labels[i], row, row).first->second.second = row + 1;
    if (i == 0 || ids[i] < state_->smallest_id) state_->smallest_id = ids[i];
  }
}

NearestSearch::~NearestSearch() = default;
NearestSearch::NearestSearch(NearestSearch&&) noexcept = default;

std::vector<Neighbours> NearestSearch::find(MatrixView<float> queries, std::span<const std::int64_t> labels,
                                            std::span<const Measure> measures, int threads) const {
  const std::int64_t m = queries.rows(), d = state_->points.dimension;
  const bool by_class = std::find(measures.begin(), measures.end(), Measure::kEuclideanTrueClass) != measures.end();
  if (queries.cols() != d)
    throw UsageError(fmt::format("the queries have {} coordinates and the training points {}; give both the same",
                                 queries.cols(), d));
  if (by_class && static_cast<std::int64_t>(labels.size()) != m)
    throw InternalError(fmt::format("{} queries with {} labels", m, labels.size()));
  const auto size = static_cast<std::size_t>(m);
  std::vector<Neighbours> answers(measures.size(),
                                  {std::vector<double>(size, kInfinity), std::vector<std::int64_t>(size, -1)});
  for_blocks((m + kQueryTile - 1) / kQueryTile, threads, [&](std::int64_t block) {
    const std::int64_t first = block * kQueryTile, last = std::min(m, first + kQueryTile);
    std::vector<Query> some;
    for (std::int64_t q = first; q < last; ++q)
      some.push_back({queries.data() + q * d, by_class ? labels[static_cast<std::size_t>(q)] : -1, -1});
    state_->search(some, measures, first, [&](std::size_t q, std::size_t k, double distance, std::int64_t id) {
      answers[k].distance[static_cast<std::size_t>(first) + q] = distance;
      answers[k].nearest[static_cast<std::size_t>(first) + q] = id;
    });
  });
  return answers;
}

std::vector<double> NearestSearch::leave_one_out(std::span<const std::int64_t> rows, int threads) const {
  const auto m = static_cast<std::int64_t>(rows.size());
  const Measure measure[] = {Measure::kEuclidean};
  std::vector<double> answers(rows.size());
  for_blocks((m + kQueryTile - 1) / kQueryTile, threads, [&](std::int64_t block) {
    const std::int64_t first = block * kQueryTile, last = std::min(m, first + kQueryTile);
    std::vector<Query> some;
    for (std::int64_t q = first; q < last; ++q) {
      const std::int64_t row = rows[static_cast<std::size_t>(q)];
      some.push_back({state_->points.points.data() + row * state_->points.dimension, -1, row});
    }
    state_->search(some, measure, first, [&](std::size_t q, std::size_t, double distance, std::int64_t) {
      answers[static_cast<std::size_t>(first) + q] = distance;
    });
  });
  return answers;
}

}  // namespace hullscope::proximity
