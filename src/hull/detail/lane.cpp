#include <hullscope/hull/detail/lane.hpp>

#include <algorithm>
#include <cmath>
#include <hullscope/hull/detail/pricing_search.hpp>

namespace hullscope::hull::detail {

using proof::Verdict;

namespace {
constexpr std::int64_t kGramDimensions = 48;  ///< from here on a Gram matrix is cheaper than orthogonal factors
}

Effort Effort::many(std::int64_t d) {
  const bool gram = d >= kGramDimensions;
  Effort effort;
  effort.gram = gram;
  // Few: a pass over the points costs less than what a large working set does (measured: docs/results/hull.md).
  effort.start = static_cast<std::int32_t>(std::clamp<std::int64_t>(2 * (d + 1), 8, 24));
  effort.more = static_cast<std::int32_t>(std::clamp<std::int64_t>(d, 8, 16));
  effort.kept = 32;
  effort.depth = gram ? 64 : 8;
  effort.gap = 2.5e-7;
  effort.rounds = 100;  // some ten are needed
  return effort;
}

Effort Effort::thorough(std::int64_t d) {
  Effort effort;
  effort.gram = false;
  effort.start = 1;
  effort.more = static_cast<std::int32_t>(std::clamp<std::int64_t>(2 * (d + 1), 8, 96));
  effort.kept = 0;
  effort.depth = 1;
  effort.gap = 1e-10;
  effort.rounds = 300;  // some twenty are needed
  return effort;
}

void Lane::begin(std::int64_t q, const double* y, std::int64_t left_out, CellSet around) {
  q_ = q, y_ = y, left_out_ = left_out, around_ = around;
  everywhere_ = around_ == kAllCells;
  round_ = 0;
  before_ = std::numeric_limits<double>::infinity();
  stuck_ = false;
  working_.clear();
  best_ = {};
}

void Lane::add(const std::vector<std::int64_t>& rows) {
  row_.resize(d_);
  double* const p = row_.data();
  const double to_units = 1 / pricing_.unit();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    pricing_.rows({&rows[i], 1}, p);
    double square = 0;
    for (std::size_t k = 0; k < d_; ++k) {
      p[k] = (p[k] - y_[k]) * to_units;
      square += p[k] * p[k];
    }
    if (working_.empty()) {
      const double lift = std::clamp(std::sqrt(square), 0.02, 1e100);
      effort_.gram ? gram_.reset(pricing_.dimension(), lift) : set_.reset(pricing_.dimension(), lift);
    }
    const auto at = std::lower_bound(working_.begin(), working_.end(), rows[i]);
    if (at != working_.end() && *at == rows[i]) continue;
    working_.insert(at, rows[i]);
    effort_.gram ? gram_.add(p, rows[i]) : set_.add(p, rows[i]);
  }
}

void Lane::take_support() {
  best_.proof.support = active_rows();
  best_.proof.weight = effort_.gram ? gram_.active_weights() : set_.active_weights();
}

void Lane::bound_above() {
  take_support();
  best_.proof.distance_upper = distance_to(pricing_, best_.proof.support, best_.proof.weight, y_);
}

bool Lane::minimise() {
  if (everywhere_ && around_ != kAllCells) return false;  // nothing was added
  if (effort_.gram) {
    gram_.minimise();
    stuck_ = gram_.weak();
  } else {
    set_.minimise();
    if (set_.inside()) {
      set_.refine();
      take_support();
      best_.proof.verdict = Verdict::inside;
      best_.proof.distance_lower = best_.proof.distance_upper = 0;
      best_.proof.direction.clear();
      return true;
    }
  }
  // Added columns must bring the hull nearer; where they do not, rounding rules.
  stuck_ = stuck_ || !(level() < before_) || ++round_ > effort_.rounds;
  before_ = level();
  return stuck_;
}

// What is below the cut joins the working set. A cut well below the level rules more rows out, and proves as much as a
// membership needs; a projection needs all of the level but half of its tolerance.
Ask Lane::ask() const {
  Ask ask;
  ask.y = y_, ask.left_out = left_out_, ask.wanted = effort_.more;
  ask.direction = direction().data();
  ask.cells = everywhere_ ? kAllCells : around_;
  const double reached = level() * pricing_.unit();
  if (goal_.projection || effort_.depth == 1)
    ask.cut = reached * (1 - effort_.gap);
  else
    ask.cut = reached > goal_.eps ? goal_.eps + (reached - goal_.eps) / effort_.depth : reached / effort_.depth;
  return ask;
}

bool Lane::judge(const Priced& priced) {
  best_.statistics.products += priced.products;
  const bool everywhere = everywhere_;
  if (everywhere && separated(priced)) return true;
  entering_.clear();
  for (const PricedRow& row : priced.lowest)
    if (!std::binary_search(working_.begin(), working_.end(), row.row)) entering_.push_back(row.row);
  everywhere_ = around_ == kAllCells || (!everywhere && entering_.empty());
  stuck_ = everywhere && entering_.empty();
  if (effort_.gram && !entering_.empty()) {
    gram_.forget(effort_.kept);
    working_ = gram_.working_rows();
    std::sort(working_.begin(), working_.end());
  }
  return stuck_;
}

// Of a direction that was priced over all rows: does it prove that the query is outside, and as much as is wanted?
bool Lane::separated(const Priced& priced) {
  ++best_.statistics.passes;
  // |direction| is 1 up to rounding.
  const double least = priced.lower * (1 - 0x1p-50 * static_cast<double>(d_ + 4));
  if (least > best_.proof.distance_lower) {
    best_.proof.distance_lower = least;
    best_.proof.direction = direction();
  }
  if (!(best_.proof.distance_lower > 0)) return false;
  bound_above();
  if (!goal_.settled(best_.proof.distance_lower, best_.proof.distance_upper)) return false;
  best_.proof.verdict = Verdict::outside;
  return best_.proved = true;
}

Candidate Lane::take_stopped() {
  if (best_.proof.verdict == Verdict::undecided) best_.proof.distance_lower > 0 ? bound_above() : take_support();
  return take();
}

}  // namespace hullscope::hull::detail
