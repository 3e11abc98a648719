#include <algorithm>
#include <cmath>
#include <hullscope/hull/detail/active_set.hpp>
#include <hullscope/hull/detail/pricing_search.hpp>
#include <hullscope/proof/enclosure.hpp>
#include <limits>
#include <numeric>
#include <unordered_set>

namespace hullscope::hull::detail {
namespace {

using proof::Verdict;

class PricingSearch {
 public:
  PricingSearch(const Pricing& pricing, const PricingQuery& query, const Goal& goal)
      : pricing_(pricing), query_(query), goal_(goal), d_(pricing.dimension()) {}
  Candidate run(std::vector<std::int64_t> seeds, const std::function<bool()>& out_of_time);

 private:
  void start(std::vector<std::int64_t> seeds);
  void add(const std::vector<std::int64_t>& rows);
  bool price();
  void take_support();

  const Pricing& pricing_;
  const PricingQuery& query_;
  const Goal& goal_;
  std::int64_t d_;
  ActiveSet set_;
  std::unordered_set<std::int64_t> working_;
  Candidate best_;
};

void PricingSearch::start(std::vector<std::int64_t> seeds) {
  if (seeds.empty()) {
    seeds = nearest_rows(pricing_, query_, 1);
    ++best_.statistics.passes;
  }
  const Matrix<double> x = rows_of(pricing_, seeds);
  double nearest = std::numeric_limits<double>::infinity();
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    double square = 0;
    for (Eigen::Index k = 0; k < d_; ++k) square += std::pow((x(i, k) - query_.y[k]) / pricing_.unit(), 2);
    nearest = std::min(nearest, std::sqrt(square));
  }
  set_.reset(d_, std::clamp(nearest, 0.02, 1e100));
  add(seeds);
}

void PricingSearch::add(const std::vector<std::int64_t>& rows) {
  Matrix<double> p = rows_of(pricing_, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!working_.insert(rows[i]).second) continue;
    double* column = p.row(static_cast<Eigen::Index>(i)).data();
    for (std::int64_t k = 0; k < d_; ++k) column[k] = (column[k] - query_.y[k]) / pricing_.unit();
    set_.add(column, rows[i]);
  }
}

void PricingSearch::take_support() {
  best_.proof.support = set_.active_rows();
  best_.proof.weight = set_.active_weights();
}

// Prices all points along the working set's direction, raises the proved lower bound, and adds the most violated
// points. False if there is nothing to add.
bool PricingSearch::price() {
  Ask ask;
  ask.y = query_.y, ask.left_out = query_.left_out;
  ask.direction = set_.direction().data();
  ask.cut = set_.active_level() * pricing_.unit() * (1 - 1e-10);
  ask.wanted = static_cast<std::int32_t>(std::clamp<std::int64_t>(2 * (d_ + 1), 8, 96));
  const Priced priced = pricing_.price({&ask, 1}, query_.mask).front();
  ++best_.statistics.passes;
  // |direction| is 1 up to rounding.
  const double least = priced.lower * (1 - 0x1p-50 * static_cast<double>(d_ + 4));
  if (least > best_.proof.distance_lower) {
    best_.proof.distance_lower = least;
    best_.proof.direction = set_.direction();
  }
  std::vector<std::int64_t> entering;
  for (const PricedRow& row : priced.lowest)
    if (working_.count(row.row) == 0) entering.push_back(row.row);
  add(entering);
  return !entering.empty();
}

Candidate PricingSearch::run(std::vector<std::int64_t> seeds, const std::function<bool()>& out_of_time) {
  start(std::move(seeds));
  constexpr int kRounds = 300;  // some twenty are needed; more means that rounding rules
  double level = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    set_.minimise();
    if (set_.inside()) {
      set_.refine();
      take_support();
      best_.proof.verdict = Verdict::inside;
      best_.proof.distance_lower = best_.proof.distance_upper = 0;
      best_.proof.direction.clear();
      return best_;
    }
    // Added columns must bring the hull nearer; where they do not, rounding rules.
    if (!(set_.active_level() < level)) break;
    level = set_.active_level();
    const bool more = price();
    if (best_.proof.distance_lower > 0) {
      take_support();
      best_.proof.distance_upper = distance_to(pricing_, best_.proof.support, best_.proof.weight, query_.y);
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

std::vector<std::int64_t> nearest_rows(const Pricing& pricing, const PricingQuery& query, std::int64_t wanted) {
  Ask ask;
  ask.y = query.y, ask.left_out = query.left_out, ask.wanted = static_cast<std::int32_t>(wanted);
  return pricing.nearest({&ask, 1}, query.mask).front();
}

Matrix<double> rows_of(const Pricing& pricing, const std::vector<std::int64_t>& rows) {
  Matrix<double> x(static_cast<Eigen::Index>(rows.size()), pricing.dimension());
  if (!rows.empty()) pricing.rows(rows, x.data());
  return x;
}

double distance_to(const Pricing& pricing, const std::vector<std::int64_t>& rows, const std::vector<double>& weights,
                   const double* y) {
  const Matrix<double> x = rows_of(pricing, rows);
  std::vector<std::int64_t> every(rows.size());
  std::iota(every.begin(), every.end(), std::int64_t{0});
  return proof::hull_point_distance(view(x), every, weights, {y, static_cast<std::size_t>(pricing.dimension())}).upper;
}

Candidate pricing_search(const Pricing& pricing, const PricingQuery& query, const Goal& goal,
                         const std::vector<std::int64_t>& seeds, const std::function<bool()>& out_of_time) {
  return PricingSearch(pricing, query, goal).run(seeds, out_of_time);
}

}  // namespace hullscope::hull::detail
