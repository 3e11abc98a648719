#include <hullscope/proximity/nearest.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <queue>
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
  std::int64_t label = -1, predicted = -1;
  std::int64_t excluded = -1;  // row of the points that does not count
};

// One query against the points by one formula: scores from products, their error, and the value that decides.
struct Formula {
  bool cosine;
  const PreparedPoints* points;
  const float* query;
  PreparedQuery prepared;

  linalg::RowScores scores(const float* products, std::int64_t first) const {
    return {products, points->bias.data() + first,
            (cosine ? points->cosine_scale : points->euclidean_scale).data() + first,
            cosine ? 0.0f : static_cast<float>(prepared.t), cosine ? 1.0f : static_cast<float>(prepared.w)};
  }
  double error(std::int64_t first) const {
    return cosine ? prepared.cosine_error()
                  : prepared.euclidean_error(points->tile_norm[static_cast<std::size_t>(first / kPointTile)]);
  }
  // The fixed float64 formula. Ties are ties of what is stored, so the root is taken before they are decided.
  double evaluate(std::int64_t i) const {
    const std::int64_t d = points->dimension;
    const float* point = points->points.data() + i * d;
    if (!cosine) return std::sqrt(linalg::squared_distance(query, point, d));
    const double norm = points->norm[static_cast<std::size_t>(i)];
    if (norm == 0 || prepared.size.norm == 0) return 1;
    return linalg::squared_distance_of_directions(query, prepared.size.norm, point, norm, d) / 2;
  }
};

float above(double threshold) {
  return std::nextafter(static_cast<float>(threshold), std::numeric_limits<float>::infinity());
}

// The search of one measure for one query: least upper bound so far, undecided candidates, best decided one.
class Search {
 public:
  Search(const Formula& formula, std::span<const std::int64_t> ids, const std::array<Range, 2>& rows)
      : formula_(formula), ids_(ids), rows_(rows) {}

  /// products: of this query with the tile of points that starts at row `first`; scans its rows [begin, end).
  void scan(const float* products, std::int64_t first, std::int64_t begin, std::int64_t end) {
    for (const Range& rows : rows_)
      scan_range(products, first, std::max(begin, rows.first), std::min(end, rows.second));
  }

  /// {distance, id}, after all scans.
  std::pair<double, std::int64_t> answer() {
    decide();
    if (best_id_ < 0) return {kInfinity, -1};
    return {best_, best_id_};
  }

 private:
  void scan_range(const float* products, std::int64_t first, std::int64_t from, std::int64_t to) {
    if (from >= to) return;
    const linalg::RowScores row = formula_.scores(products, first);
    const double error = formula_.error(first);
    const double smallest = linalg::smallest_score(row, from - first, to - first);
    upper_ = std::min(upper_, smallest + error);
    if (smallest - error > upper_) return;
    linalg::select_scores(row, from - first, to - first, above(upper_ + error), error, first, pending_);
    if (pending_.size() > kMostPending) decide();
  }

  void decide() {
    for (const linalg::Candidate& candidate : pending_) {
      if (candidate.lower > upper_) continue;
      const double value = formula_.evaluate(candidate.row);
      const std::int64_t id = ids_[static_cast<std::size_t>(candidate.row)];
      if (value < best_ || (value == best_ && (best_id_ < 0 || id < best_id_))) best_ = value, best_id_ = id;
    }
    pending_.clear();
  }

  Formula formula_;
  std::span<const std::int64_t> ids_;
  std::array<Range, 2> rows_;
  double upper_ = kInfinity, best_ = kInfinity;
  std::int64_t best_id_ = -1;
  std::vector<linalg::Candidate> pending_;
};

// The k smallest distances of one query. A point whose score is above the k-th smallest upper bound seen so far is not
// among them; what is left is evaluated at the end.
class KSearch {
 public:
  KSearch(const Formula& formula, std::int64_t k) : formula_(formula), k_(static_cast<std::size_t>(k)) {}

  void scan(const float* products, std::int64_t first, std::int64_t begin, std::int64_t end) {
    if (begin >= end) return;
    const linalg::RowScores row = formula_.scores(products, first);
    const double error = formula_.error(first);
    if (linalg::smallest_score(row, begin - first, end - first) - error > upper()) return;
    const std::size_t before = pending_.size();
    linalg::select_scores(row, begin - first, end - first, above(upper() + error), error, first, pending_);
    for (std::size_t i = before; i < pending_.size(); ++i) {
      uppers_.push(pending_[i].lower + 2 * error);
      if (uppers_.size() > k_) uppers_.pop();
    }
    if (pending_.size() > 2 * kept_ + kMostPending) prune();
  }

  /// Ascending; +inf where there are fewer than k points.
  std::vector<double> answer() {
    prune();
    std::vector<double> values;
    for (const linalg::Candidate& candidate : pending_) values.push_back(formula_.evaluate(candidate.row));
    std::sort(values.begin(), values.end());
    values.resize(k_, kInfinity);
    return values;
  }

 private:
  double upper() const { return uppers_.size() < k_ ? kInfinity : uppers_.top(); }
  void prune() {
    std::erase_if(pending_, [&](const linalg::Candidate& c) { return c.lower > upper(); });
    kept_ = pending_.size();
  }

  Formula formula_;
  std::size_t k_, kept_ = 0;
  std::priority_queue<double> uppers_;  // the k smallest, the largest on top
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

  Range rows_of(std::int64_t label) const {
    const auto found = classes.find(label);
    return found == classes.end() ? Range{0, 0} : found->second;
  }

  std::array<Range, 2> rows_for(Measure measure, const Query& query) const {
    const Range predicted = rows_of(query.predicted);
    switch (measure) {
      case Measure::kEuclideanTrueClass:
        return {rows_of(query.label), Range{0, 0}};
      case Measure::kEuclideanPredictedClass:
        return {predicted, Range{0, 0}};
      case Measure::kEuclideanOtherClass:
        return {Range{0, predicted.first}, Range{predicted.second, points.count}};
      case Measure::kEuclidean:
      case Measure::kCosine:
        break;
    }
    return {Range{0, points.count}, Range{0, 0}};
  }

  PreparedQuery prepare(const Query& query, std::int64_t number, float* out) const {
    const detail::RowSize size = detail::measure_row(query.row, points.dimension, "queries", number);
    detail::scale_row(query.row, points.dimension, size.exponent, out);
    return {points, size};
  }

  // Searches of up to kQueryTile queries, all measures.
  void search(std::span<const Query> queries, std::span<const Measure> measures, std::int64_t first_number,
              const std::function<void(std::size_t query, std::size_t measure, double, std::int64_t)>& store) const {
    linalg::TileProduct<float> product(points.dimension);
    std::vector<std::vector<Search>> searches(queries.size());
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const auto at = static_cast<std::int64_t>(q);
      const PreparedQuery prepared = prepare(queries[q], first_number + at, product.query(at));
      for (const Measure measure : measures) {
        auto rows = rows_for(measure, queries[q]);
        const bool cosine = measure == Measure::kCosine;
        if (cosine && prepared.size.norm == 0) rows = {};  // all distances are 1
        searches[q].emplace_back(Formula{cosine, &points, queries[q].row, prepared}, ids, rows);
      }
    }
    scan_points(queries, searches, product);
    for (std::size_t q = 0; q < queries.size(); ++q)
      for (std::size_t m = 0; m < measures.size(); ++m) {
        auto [distance, id] = searches[q][m].answer();
        if (measures[m] == Measure::kCosine && id < 0 && points.count > 0) distance = 1, id = smallest_id;
        store(q, m, distance, id);
      }
  }

  // The k nearest of up to kQueryTile queries. out: a row of k values a query.
  void search_k(std::span<const Query> queries, std::int64_t k, bool cosine, std::int64_t first_number,
                double* out) const {
    linalg::TileProduct<float> product(points.dimension);
    std::vector<std::vector<KSearch>> searches(queries.size());
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const auto at = static_cast<std::int64_t>(q);
      const PreparedQuery prepared = prepare(queries[q], first_number + at, product.query(at));
      searches[q].emplace_back(Formula{cosine, &points, queries[q].row, prepared}, k);
    }
    scan_points(queries, searches, product);
    for (auto& of_query : searches) {
      const auto values = of_query[0].answer();
      out = std::copy(values.begin(), values.end(), out);
    }
  }

  // All points, tile by tile. An excluded row splits a range in two, so that it never enters a minimum.
  template <class S>
  void scan_points(std::span<const Query> queries, std::vector<std::vector<S>>& searches,
                   linalg::TileProduct<float>& product) const {
    for (std::int64_t first = 0; first < points.count; first += kPointTile) {
      const std::int64_t last = std::min(points.count, first + kPointTile);
      points.fill_tile(first / kPointTile, product);
      product.multiply();
      for (std::size_t q = 0; q < queries.size(); ++q) {
        const float* products = product.product(static_cast<std::int64_t>(q));
        const std::int64_t excluded = queries[q].excluded;
        for (S& search : searches[q]) {
          if (excluded < first || excluded >= last) {
            search.scan(products, first, first, last);
          } else {
            search.scan(products, first, first, excluded);
            search.scan(products, first, excluded + 1, last);
          }
        }
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

static bool needs(std::span<const Measure> measures, std::initializer_list<Measure> of) {
  return std::find_first_of(measures.begin(), measures.end(), of.begin(), of.end()) != measures.end();
}

void NearestSearch::require_dimension(MatrixView<float> queries) const {
  if (queries.cols() != state_->points.dimension)
    throw UsageError(fmt::format("the queries have {} coordinates and the training points {}; give both the same",
                                 queries.cols(), state_->points.dimension));
}

std::vector<Neighbours> NearestSearch::find(MatrixView<float> queries, const QueryClasses& classes,
                                            std::span<const Measure> measures, int threads) const {
  const std::int64_t m = queries.rows(), d = state_->points.dimension;
  require_dimension(queries);
  const bool truth = needs(measures, {Measure::kEuclideanTrueClass});
  const bool predicted = needs(measures, {Measure::kEuclideanPredictedClass, Measure::kEuclideanOtherClass});
  for (const auto& [needed, labels] : {std::pair{truth, classes.truth}, std::pair{predicted, classes.predicted}})
    if (needed && static_cast<std::int64_t>(labels.size()) != m)
      throw InternalError(fmt::format("{} queries with {} labels", m, labels.size()));
  const auto size = static_cast<std::size_t>(m);
  std::vector<Neighbours> answers(measures.size(),
                                  {std::vector<double>(size, kInfinity), std::vector<std::int64_t>(size, -1)});
  for_blocks((m + kQueryTile - 1) / kQueryTile, threads, [&](std::int64_t block) {
    const std::int64_t first = block * kQueryTile, last = std::min(m, first + kQueryTile);
    std::vector<Query> some;
    for (std::int64_t q = first; q < last; ++q) {
      const auto at = static_cast<std::size_t>(q);
      some.push_back(
          {queries.data() + q * d, truth ? classes.truth[at] : -1, predicted ? classes.predicted[at] : -1, -1});
    }
    state_->search(some, measures, first, [&](std::size_t q, std::size_t k, double distance, std::int64_t id) {
      answers[k].distance[static_cast<std::size_t>(first) + q] = distance;
      answers[k].nearest[static_cast<std::size_t>(first) + q] = id;
    });
  });
  return answers;
}

std::vector<double> NearestSearch::kth_direction(MatrixView<float> queries, std::int64_t k, int threads) const {
  require_dimension(queries);
  if (k < 1) throw InternalError(fmt::format("the {}-th neighbour was asked for", k));
  const std::int64_t m = queries.rows(), d = state_->points.dimension;
  std::vector<double> answers(static_cast<std::size_t>(m), kInfinity);
  for_blocks((m + kQueryTile - 1) / kQueryTile, threads, [&](std::int64_t block) {
    const std::int64_t first = block * kQueryTile, last = std::min(m, first + kQueryTile);
    std::vector<Query> some;
    for (std::int64_t q = first; q < last; ++q) some.push_back({queries.data() + q * d, -1, -1, -1});
    std::vector<double> values(some.size() * static_cast<std::size_t>(k));
    state_->search_k(some, k, true, first, values.data());
    for (std::size_t q = 0; q < some.size(); ++q)  // |a/|a| - b/|b||^2 = 2 (1 - cos)
      answers[static_cast<std::size_t>(first) + q] = std::sqrt(2 * values[(q + 1) * static_cast<std::size_t>(k) - 1]);
  });
  return answers;
}

Matrix<double> NearestSearch::leave_one_out(std::span<const std::int64_t> rows, std::int64_t k, int threads) const {
  if (k < 1) throw InternalError(fmt::format("{} neighbours were asked for", k));
  const auto m = static_cast<std::int64_t>(rows.size());
  Matrix<double> answers(m, k);
  for_blocks((m + kQueryTile - 1) / kQueryTile, threads, [&](std::int64_t block) {
    const std::int64_t first = block * kQueryTile, last = std::min(m, first + kQueryTile);
    std::vector<Query> some;
    for (std::int64_t q = first; q < last; ++q) {
      const std::int64_t row = rows[static_cast<std::size_t>(q)];
      some.push_back({state_->points.points.data() + row * state_->points.dimension, -1, -1, row});
    }
    state_->search_k(some, k, false, first, answers.data() + first * k);
  });
  return answers;
}

}  // namespace hullscope::proximity
