// Many queries at once: Wolfe's min-norm point with column generation for each, pricing for all of them together.
//
// For a query y with working set S (rows p_j = x_j - y), one round is
//
//   1. l = argmin |sum_S l_j p_j| over the simplex,   z = P l,   u = z / |z|,   upper = |z|     (active_set, gram_set)
//   2. lower = min_i <x_i - y, u>, and the rows lowest along u                                  (pricing.hpp)
//      over the cells around y while any of their rows are low enough to enter, else over all rows   (cells.hpp)
//   3. outside: lower > 0 over all rows proves it (projection: upper - lower <= 1e-6 upper); else the lowest join S.
//
// z = 0 means inside, by a support that the checker proves. Source: Wolfe, "Finding the nearest point in a polytope",
// Math. Programming 11 (1976) 128-149; the bound of step 2 is the Frank-Wolfe gap. What floating point cannot settle
// is left to pricing_search.hpp (orthogonal factors, one query), and then to exact arithmetic.
//
// Each query's rounds depend on the query alone, since pricing's answers do: its company, and so the number of ranks
// and threads, only change when a product is computed, never what comes of it.
#include <algorithm>
#include <hullscope/hull/detail/lane.hpp>
#include <hullscope/hull/detail/pricing_search.hpp>
#include <hullscope/hull/detail/solver.hpp>
#include <memory>

namespace hullscope::hull::detail {
namespace {

constexpr std::size_t kLanes = 192;           ///< queries at once
constexpr std::int64_t kStarts = 192;         ///< queries whose near rows are found at once
constexpr std::size_t kLaneBytes = 54 << 20;  ///< of all working sets together

std::size_t lanes_for(std::int64_t d, bool gram) {
  const std::size_t columns = 64 + static_cast<std::size_t>(d) / 16;  // of a working set; it may grow beyond that
  const std::size_t bytes = columns * static_cast<std::size_t>(d) * (gram ? 8 : 32) + 2 * columns * columns * 8;
  return std::clamp<std::size_t>(kLaneBytes / bytes, 16, kLanes);
}

class BatchedSolver final : public Solver {
 public:
  explicit BatchedSolver(const SolverContext& context)
      : context_(context),
        pricing_(context.pricing),
        effort_(Effort::many(pricing_.dimension())),
        lanes_(lanes_for(pricing_.dimension(), effort_.gram)) {}

  std::vector<Candidate> find(const QueryBlock& block) const override;

 private:
  struct Batch;
  void begin(Batch& batch) const;
  void find_starts(Batch& batch) const;
  void finish(Batch& batch, Lane& lane) const;
  void fetch(const std::vector<std::vector<std::int64_t>>& rows) const;

  SolverContext context_;
  const Pricing& pricing_;
  Effort effort_;
  std::size_t lanes_;
};

/// Where a query begins.
struct Start {
  CellSet around;
  std::vector<std::int64_t> rows;  ///< near ones
};

struct BatchedSolver::Batch {
  const QueryBlock& block;
  Mask mask;
  std::vector<Candidate> found;
  std::vector<std::unique_ptr<Lane>> busy, idle;
  std::int64_t next = 0;
  std::vector<Start> start = {};  // of the queries next ..., the last one's first
};

// Near rows of the next queries, many at once: one way through the points serves all. Around a row that is left out
// there may be no other.
void BatchedSolver::find_starts(Batch& batch) const {
  std::vector<Ask> asks;
  const std::int64_t last = std::min(batch.next + kStarts, batch.block.size());
  for (std::int64_t q = last; q-- > batch.next;) {
    Ask& ask = asks.emplace_back();
    ask.y = batch.block.query(q), ask.left_out = batch.block.left_out(q), ask.wanted = effort_.start;
    if (batch.mask.empty()) ask.cells = pricing_.neighbourhood(ask.y);
  }
  std::vector<std::vector<std::int64_t>> near = pricing_.nearest(asks, batch.mask);
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if (near[i].empty()) {
      asks[i].cells = kAllCells;
      near[i] = std::move(pricing_.nearest({&asks[i], 1}, batch.mask).front());
    }
    batch.start.push_back({asks[i].cells, std::move(near[i])});
  }
}

// Fills the idle lanes with queries and their start.
void BatchedSolver::begin(Batch& batch) const {
  std::vector<Lane*> fresh;
  std::vector<std::vector<std::int64_t>> near;
  while (batch.next < batch.block.size() && batch.busy.size() < lanes_) {
    if (batch.idle.empty()) batch.idle.push_back(std::make_unique<Lane>(pricing_, effort_, context_.goal));
    batch.busy.push_back(std::move(batch.idle.back()));
    batch.idle.pop_back();
    Lane& lane = *batch.busy.back();
    if (batch.start.empty()) find_starts(batch);
    lane.begin(batch.next, batch.block.query(batch.next), batch.block.left_out(batch.next), batch.start.back().around);
    fresh.push_back(&lane);
    near.push_back(std::move(batch.start.back().rows));
    batch.start.pop_back();
    ++batch.next;
  }
  if (fresh.empty()) return;
  fetch(near);
  for (std::size_t i = 0; i < fresh.size(); ++i) fresh[i]->add(near[i]);
}

void BatchedSolver::fetch(const std::vector<std::vector<std::int64_t>>& rows) const {
  std::vector<std::int64_t> all;
  for (const std::vector<std::int64_t>& some : rows) all.insert(all.end(), some.begin(), some.end());
  pricing_.fetch(all);
}

void BatchedSolver::finish(Batch& batch, Lane& lane) const {
  const bool stuck = lane.stuck();
  const std::vector<std::int64_t> active = stuck ? lane.active_rows() : std::vector<std::int64_t>();
  Candidate candidate = lane.take();
  if (stuck && !context_.out_of_time()) {
    const PricingQuery query{batch.block.query(lane.number()), batch.mask, batch.block.left_out(lane.number())};
    const QueryStatistics before = candidate.statistics;
    candidate = pricing_search(pricing_, query, context_.goal, active, context_.out_of_time);
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
    std::vector<std::vector<std::int64_t>> entering;
    for (std::size_t i = 0; i < batch.busy.size(); ++i) {
      done.push_back(batch.busy[i]->judge(priced[i]));
      if (done.back() == 0) entering.push_back(batch.busy[i]->entering());
    }
    fetch(entering);
    for (std::size_t i = 0; i < batch.busy.size(); ++i)
      if (done[i] == 0) batch.busy[i]->add(batch.busy[i]->entering());
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
