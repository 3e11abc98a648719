#include <algorithm>
#include <cmath>
#include <hullscope/hull/detail/search.hpp>
#include <limits>
#include <numeric>

namespace hullscope::hull::detail {
namespace {

using proof::Proof;
using proof::Verdict;

/// A rigorous upper bound of |y - sum(w x) / sum(w)| in the data's units; error below 1e-14 of the largest |x - y|.
double distance_to(const PreparedPoints& points, const std::vector<std::int64_t>& rows,
                   const std::vector<double>& weights, const double* y) {
  const std::int64_t d = points.dimension();
  std::vector<double> row(static_cast<std::size_t>(d)), sum(row.size(), 0), size(row.size(), 0);
  double total = 0;
  for (std::size_t j = 0; j < rows.size(); ++j) {
    points.copy_row(rows[j], row.data());
    total += weights[j];
    for (std::size_t k = 0; k < row.size(); ++k) {
      const double term = weights[j] * ((row[k] - y[k]) * points.inverse_unit());
      sum[k] += term;
      size[k] += std::abs(term);
    }
  }
  double square = 0, error = 0;
  for (std::size_t k = 0; k < row.size(); ++k) square += sum[k] * sum[k], error += size[k] * size[k];
  const double terms = static_cast<double>(rows.size()) + 4;
  const double length =
      std::sqrt(square) * (1 + 0x1p-51 * static_cast<double>(d + 4)) + 0x1p-51 * terms * std::sqrt(error);
  return length / total * (1 + 0x1p-51 * terms) * points.unit();
}

/// One query's state between rounds.
class Search {
 public:
  Search(const PreparedPoints& points, const std::vector<float>& allowed, const RowFilter& rows, const double* y,
         const Goal& goal, Workspace& work)
      : points_(points), allowed_(allowed), rows_(rows), y_(y), goal_(goal), work_(work), d_(points.dimension()) {
    work_.chosen.resize(static_cast<std::size_t>(points.size()), 0);
    work_.column.resize(static_cast<std::size_t>(d_));
  }
  ~Search() {
    for (std::int64_t row : in_work_) work_.chosen[static_cast<std::size_t>(row)] = 0;
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  Candidate run(const std::vector<std::int64_t>& seeds, const std::function<bool()>& out_of_time);

 private:
  void start(const std::vector<std::int64_t>& seeds);
  void add(std::int64_t row);
  double load_column(std::int64_t row);
  bool price();
  void take_support();
  Candidate inside();

  const PreparedPoints& points_;
  const std::vector<float>& allowed_;
  const RowFilter& rows_;
  const double* y_;
  const Goal& goal_;
  Workspace& work_;
  std::int64_t d_;
  std::vector<std::int64_t> in_work_;
  Candidate best_;
};

// work_.column = (x_row - y) in units; returns its length.
double Search::load_column(std::int64_t row) {
  points_.copy_row(row, work_.column.data());
  double sum = 0;
  for (std::int64_t k = 0; k < d_; ++k) {
    double& v = work_.column[static_cast<std::size_t>(k)];
    v = (v - y_[k]) * points_.inverse_unit();
    sum += v * v;
  }
  return std::sqrt(sum);
}

void Search::add(std::int64_t row) {
  if (work_.chosen[static_cast<std::size_t>(row)] != 0) return;
  work_.chosen[static_cast<std::size_t>(row)] = 1;
  in_work_.push_back(row);
  load_column(row);
  work_.set.add(work_.column.data(), row);
}

// The nearest points: a deep query is inside the hull of about 4 (d + 1) of them (Wendel, 1962, gives the odds).
void Search::start(const std::vector<std::int64_t>& seeds) {
  const std::size_t count = static_cast<std::size_t>(std::clamp<std::int64_t>(4 * (d_ + 1), 16, 128));
  points_.nearest(y_, allowed_, rows_.left_out, work_.pass);
  ++best_.statistics.passes;
  const std::vector<ScoredRow> near = smallest(work_.pass, count, -std::numeric_limits<float>::infinity());
  work_.set.reset(d_, std::clamp(load_column(near.front().row), 0.02, 1e100));
  for (std::int64_t row : seeds) add(row);
  for (const ScoredRow& s : near) add(s.row);
}

void Search::take_support() {
  best_.proof.support = work_.set.active_rows();
  best_.proof.weight = work_.set.active_weights();
}

Candidate Search::inside() {
  work_.set.refine();
  take_support();
  best_.proof.verdict = Verdict::inside;
  best_.proof.distance_lower = best_.proof.distance_upper = 0;
  best_.proof.direction.clear();
  return best_;
}

// Scores all points along the working set's direction, raises the proved lower bound, and adds the most violated
// points. False if there is nothing to add.
bool Search::price() {
  const std::vector<double>& r = work_.set.direction();
  points_.price(y_, r.data(), allowed_, rows_.left_out, work_.pass);
  ++best_.statistics.passes;
  const std::size_t count = static_cast<std::size_t>(std::clamp<std::int64_t>(2 * (d_ + 1), 8, 96));
  const double width = 2.01 * work_.pass.noise;  // rows whose float32 score may be the smallest
  std::vector<ScoredRow> low = smallest(work_.pass, count, static_cast<float>(work_.pass.min + width));
  double least = std::numeric_limits<double>::infinity();
  std::vector<std::pair<double, std::int64_t>> exact;
  exact.reserve(low.size());
  for (const ScoredRow& s : low) {
    double error = 0;
    const double value = points_.separation(s.row, y_, r.data(), error);
    least = std::min(least, value - error);
    exact.emplace_back(value * points_.inverse_unit(), s.row);
  }
  // |r| is 1 up to rounding; no row outside `low` can be lower than the lowest in it.
  least *= 1 - 0x1p-50 * static_cast<double>(d_ + 4);
  if (least > best_.proof.distance_lower) {
    best_.proof.distance_lower = least;
    best_.proof.direction = r;
  }
  std::sort(exact.begin(), exact.end());
  const double level = work_.set.active_level();
  const std::size_t before = in_work_.size();
  for (const auto& [value, row] : exact) {
    if (in_work_.size() - before == count) break;
    if (value < level * (1 - 1e-10)) add(row);
  }
  return in_work_.size() > before;
}

Candidate Search::run(const std::vector<std::int64_t>& seeds, const std::function<bool()>& out_of_time) {
  start(seeds);
  constexpr int kRounds = 300;  // some twenty are needed; more means that rounding rules
  double level = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    work_.set.minimise();
    if (work_.set.inside()) return inside();
    // Added columns must bring the hull nearer; where they do not, rounding rules.
    if (!(work_.set.active_level() < level)) break;
    level = work_.set.active_level();
    const bool more = price();
    if (best_.proof.distance_lower > 0) {
      take_support();
      best_.proof.distance_upper = distance_to(points_, best_.proof.support, best_.proof.weight, y_);
      if (goal_.settled(best_.proof.distance_lower, best_.proof.distance_upper)) {
        best_.proof.verdict = Verdict::outside;
        return best_;
      }
    }
    if (!more || out_of_time()) break;
  }
  take_support();
  return best_;
}

}  // namespace

Candidate search(const PreparedPoints& points, const std::vector<float>& allowed, const RowFilter& rows,
                 const double* y, const Goal& goal, const std::vector<std::int64_t>& seeds,
                 const std::function<bool()>& out_of_time, Workspace& work) {
  return Search(points, allowed, rows, y, goal, work).run(seeds, out_of_time);
}

}  // namespace hullscope::hull::detail
