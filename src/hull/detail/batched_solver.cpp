// Many queries at once: Wolfe's min-norm point with column generation for each, pricing for all of them together.
//
// For a query y with working set S (rows p_j = x_j - y), one round is
//
//   1. l = argmin |sum_S l_j p_j| over the simplex,   z = P l,   u = z / |z|,   upper = |z|     (active_set, gram_set)
//   2. lower = min_i <x_i - y, u>, and the rows lowest along u                                  (pricing.hpp)
//   3. outside: lower > 0 proves it (projection: upper - lower <= 1e-6 upper); else the lowest rows join S.
//
// z = 0 means inside, by a support that the checker proves. Source: Wolfe, "Finding the nearest point in a polytope",
// Math. Programming 11 (1976) 128-149; the bound of step 2 is the Frank-Wolfe gap. What floating point cannot settle
// is left to pricing_search.hpp (orthogonal factors, one query), and then to exact arithmetic.
//
// Each query's rounds depend on the query alone, since pricing's answers do: its company, and so the number of ranks
// and threads, only change when a product is computed, never what comes of it.
#include <algorithm>
#include <cmath>
#include <hullscope/hull/detail/active_set.hpp>
#include <hullscope/hull/detail/gram_set.hpp>
#include <hullscope/hull/detail/local_pricing.hpp>
#include <hullscope/hull/detail/pricing_search.hpp>
#include <hullscope/hull/detail/solver.hpp>
#include <limits>

namespace hullscope::hull::detail {
namespace {

using proof::Verdict;

constexpr std::int64_t kGramDimensions = 48;  ///< from here on a Gram matrix is cheaper than orthogonal factors
constexpr std::size_t kLanes = 192;           ///< queries at once
constexpr std::size_t kLaneBytes = 64 << 20;  ///< of all working sets together
constexpr int kRounds = 100;                  ///< some ten are needed; more means that rounding rules

/// How many rows a round adds, and how many a query starts from.
struct Sizes {
  explicit Sizes(std::int64_t d) : gram(d >= kGramDimensions) {
    start = static_cast<std::int32_t>(gram ? 48 : std::clamp<std::int64_t>(4 * (d + 1), 16, 128));
    more = static_cast<std::int32_t>(gram ? 32 : std::clamp<std::int64_t>(2 * (d + 1), 8, 64));
    kept = 96;
    depth = gram ? 64 : 8;
    const std::size_t columns = 96;  // of a working set; it may grow beyond that
    const std::size_t bytes = columns * static_cast<std::size_t>(d) * (gram ? 8 : 32) + 2 * columns * columns * 8;
    lanes = std::clamp<std::size_t>(kLaneBytes / bytes, 16, kLanes);
  }
  bool gram;
  std::int32_t start, more;
  std::size_t kept, lanes;
  double depth;  ///< of a membership's cut below the level: see Lane::ask
};

/// One query on its way.
class Lane {
 public:
  Lane(const Pricing& pricing, const Sizes& sizes, const Goal& goal)
      : pricing_(pricing), sizes_(sizes), goal_(goal), d_(static_cast<std::size_t>(pricing.dimension())) {}

  void begin(std::int64_t q, const double* y, std::int64_t left_out);
  std::int64_t number() const { return q_; }
  Ask near() const;
  /// Adds rows by their coordinates; those of the start come first.
  void add(const std::vector<std::int64_t>& rows);
  /// Step 1. True if the query has come to its end, or floating point to its own.
  bool minimise();
  Ask ask() const;
  /// Step 3. True if the query has come to its end; else take entering().
  bool judge(const Priced& priced);
  const std::vector<std::int64_t>& entering() const { return entering_; }
  Candidate take() { return std::move(best_); }
  /// The weights could not be found to the precision that the goal needs.
  bool stuck() const { return stuck_; }
  std::vector<std::int64_t> active_rows() const { return sizes_.gram ? gram_.active_rows() : set_.active_rows(); }

 private:
  const std::vector<double>& direction() const { return sizes_.gram ? gram_.direction() : set_.direction(); }
  double level() const { return sizes_.gram ? gram_.active_level() : set_.active_level(); }
  void take_support();

  const Pricing& pricing_;
  const Sizes& sizes_;
  const Goal& goal_;
  std::size_t d_;
  std::int64_t q_ = -1, left_out_ = -1;
  const double* y_ = nullptr;
  int round_ = 0;
  double before_ = 0;
  bool stuck_ = false;
  ActiveSet set_;
  GramSet gram_;
  std::vector<std::int64_t> working_, entering_;  // working_ ascending
  std::vector<double> rows_;
  Candidate best_;
};

void Lane::begin(std::int64_t q, const double* y, std::int64_t left_out) {
  q_ = q, y_ = y, left_out_ = left_out;
  round_ = 0;
  before_ = std::numeric_limits<double>::infinity();
  stuck_ = false;
  working_.clear();
  best_ = {};
}

Ask Lane::near() const {
  Ask ask;
  ask.y = y_, ask.left_out = left_out_, ask.wanted = sizes_.start;
  return ask;
}

void Lane::add(const std::vector<std::int64_t>& rows) {
  rows_.resize(rows.size() * d_);
  pricing_.rows(rows, rows_.data());
  const double to_units = 1 / pricing_.unit();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double* p = rows_.data() + i * d_;
    double square = 0;
    for (std::size_t k = 0; k < d_; ++k) {
      p[k] = (p[k] - y_[k]) * to_units;
      square += p[k] * p[k];
    }
    if (working_.empty()) {
      const double lift = std::clamp(std::sqrt(square), 0.02, 1e100);
      sizes_.gram ? gram_.reset(pricing_.dimension(), lift) : set_.reset(pricing_.dimension(), lift);
    }
    const auto at = std::lower_bound(working_.begin(), working_.end(), rows[i]);
    if (at != working_.end() && *at == rows[i]) continue;
    working_.insert(at, rows[i]);
    sizes_.gram ? gram_.add(p, rows[i]) : set_.add(p, rows[i]);
  }
}

void Lane::take_support() {
  best_.proof.support = active_rows();
  best_.proof.weight = sizes_.gram ? gram_.active_weights() : set_.active_weights();
}

bool Lane::minimise() {
  if (sizes_.gram) {
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
  stuck_ = stuck_ || !(level() < before_) || ++round_ > kRounds;
  before_ = level();
  return stuck_;
}

// What is below the cut joins the working set. A cut well below the level rules more rows out, and proves as much as a
// membership needs; a projection needs all of the level but half of its tolerance.
Ask Lane::ask() const {
  Ask ask;
  ask.y = y_, ask.left_out = left_out_, ask.wanted = sizes_.more;
  ask.direction = direction().data();
  const double reached = level() * pricing_.unit();
  if (goal_.projection)
    ask.cut = reached * (1 - 2.5e-7);
  else
    ask.cut = reached > goal_.eps ? goal_.eps + (reached - goal_.eps) / sizes_.depth : reached / sizes_.depth;
  return ask;
}

bool Lane::judge(const Priced& priced) {
  ++best_.statistics.passes;
  best_.statistics.products += priced.products;
  // |direction| is 1 up to rounding.
  const double least = priced.lower * (1 - 0x1p-50 * static_cast<double>(d_ + 4));
  if (least > best_.proof.distance_lower) {
    best_.proof.distance_lower = least;
    best_.proof.direction = direction();
  }
  if (best_.proof.distance_lower > 0) {
    take_support();
    best_.proof.distance_upper = distance_to(pricing_, best_.proof.support, best_.proof.weight, y_);
    if (goal_.settled(best_.proof.distance_lower, best_.proof.distance_upper)) {
      best_.proof.verdict = Verdict::outside;
      best_.proved = true;
      return true;
    }
  }
  entering_.clear();
  for (const PricedRow& row : priced.lowest)
    if (!std::binary_search(working_.begin(), working_.end(), row.row)) entering_.push_back(row.row);
  stuck_ = entering_.empty();
  if (stuck_) return true;
  if (sizes_.gram) {
    gram_.forget(sizes_.kept);
    working_ = gram_.working_rows();
    std::sort(working_.begin(), working_.end());
  }
  return false;
}

// --- The batch ----------------------------------------------------------------------------------------------------

class BatchedSolver final : public Solver {
 public:
  explicit BatchedSolver(const SolverContext& context)
      : context_(context), pricing_(context.points.points(), context.points.frame()), sizes_(pricing_.dimension()) {}

  std::vector<Candidate> find(const QueryBlock& block) const override;

 private:
  struct Batch;
  void begin(Batch& batch) const;
  void finish(Batch& batch, Lane& lane) const;

  SolverContext context_;
  LocalPricing pricing_;
  Sizes sizes_;
};

struct BatchedSolver::Batch {
  const QueryBlock& block;
  Mask mask;
  std::vector<Candidate> found;
  std::vector<std::unique_ptr<Lane>> busy, idle;
  std::int64_t next = 0;
};

// Fills the idle lanes with queries and their start.
void BatchedSolver::begin(Batch& batch) const {
  std::vector<Lane*> fresh;
  std::vector<Ask> asks;
  while (batch.next < batch.block.size() && batch.busy.size() < sizes_.lanes) {
    if (batch.idle.empty()) batch.idle.push_back(std::make_unique<Lane>(pricing_, sizes_, context_.goal));
    batch.busy.push_back(std::move(batch.idle.back()));
    batch.idle.pop_back();
    Lane& lane = *batch.busy.back();
    lane.begin(batch.next, batch.block.query(batch.next), batch.block.left_out(batch.next));
    fresh.push_back(&lane);
    asks.push_back(lane.near());
    ++batch.next;
  }
  if (fresh.empty()) return;
  const std::vector<std::vector<std::int64_t>> near = pricing_.nearest(asks, batch.mask);
  for (std::size_t i = 0; i < fresh.size(); ++i) fresh[i]->add(near[i]);
}

void BatchedSolver::finish(Batch& batch, Lane& lane) const {
  const bool stuck = lane.stuck();
  const std::vector<std::int64_t> active = stuck ? lane.active_rows() : std::vector<std::int64_t>();
  Candidate candidate = lane.take();
  if (stuck && !context_.out_of_time()) {
    const PricingQuery query{batch.block.query(lane.number()), batch.mask, batch.block.left_out(lane.number())};
    const QueryStatistics before = candidate.statistics;
    candidate = pricing_search(pricing_, query, context_.goal, active, context_.out_of_time);
    candidate.proved = candidate.proof.verdict == Verdict::outside;
    candidate.statistics.passes += before.passes;
    candidate.statistics.products += before.products;
  }
  batch.found[static_cast<std::size_t>(lane.number())] = std::move(candidate);
  context_.beat();
}

std::vector<Candidate> BatchedSolver::find(const QueryBlock& block) const {
  Batch batch{block,
              block.mask() == nullptr ? Mask() : Mask(block.request.mask),
              std::vector<Candidate>(static_cast<std::size_t>(block.size())),
              {},
              {},
              0};
  const auto retire = [&](const std::vector<std::uint8_t>& done) {
    for (std::size_t i = batch.busy.size(); i-- > 0;)
      if (done[i] != 0) {
        finish(batch, *batch.busy[i]);
        batch.idle.push_back(std::move(batch.busy[i]));
        batch.busy.erase(batch.busy.begin() + static_cast<std::ptrdiff_t>(i));
      }
  };
  while (!context_.out_of_time()) {
    begin(batch);
    if (batch.busy.empty()) return std::move(batch.found);
    std::vector<std::uint8_t> done;
    for (const auto& lane : batch.busy) done.push_back(lane->minimise());
    retire(done);
    std::vector<Ask> asks;
    for (const auto& lane : batch.busy) asks.push_back(lane->ask());
    const std::vector<Priced> priced = pricing_.price(asks, batch.mask);
    done.clear();
    for (std::size_t i = 0; i < batch.busy.size(); ++i) {
      done.push_back(batch.busy[i]->judge(priced[i]));
      if (done.back() == 0) batch.busy[i]->add(batch.busy[i]->entering());
    }
    retire(done);
  }
  for (const auto& lane : batch.busy) batch.found[static_cast<std::size_t>(lane->number())] = lane->take();
  return std::move(batch.found);
}

}  // namespace

std::unique_ptr<Solver> make_batched_solver(const SolverContext& context) {
  return std::make_unique<BatchedSolver>(context);
}

}  // namespace hullscope::hull::detail
