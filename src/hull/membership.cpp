#include <hullscope/hull/membership.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/hull/detail/exact_search.hpp>
#include <hullscope/hull/detail/prepared_points.hpp>
#include <hullscope/hull/detail/rank.hpp>
#include <hullscope/hull/detail/request.hpp>
#include <hullscope/hull/detail/search.hpp>
#include <hullscope/hull/detail/solver.hpp>
#include <hullscope/hull/detail/spread.hpp>
#include <hullscope/hull/detail/tao.hpp>
#include <hullscope/proof/checker.hpp>
#include <mutex>
#include <numeric>
#include <optional>

namespace hullscope::hull {

using detail::Candidate;
using detail::Goal;
using detail::QueryBlock;
using detail::RowFilter;
using detail::Solver;
using proof::Proof;
using proof::Verdict;

namespace detail {
std::unique_ptr<Solver> make_solver(const SolverContext& context) {
  if (context.solver.rfind("tao:", 0) == 0) return make_tao_solver(context);
  if (context.solver == "reference") return make_reference_solver(context);
  return make_facet_solver(context, make_batched_solver(context));
}

/// What a Membership keeps: the prepared points, its options, its solver and its clock.
struct Engine {
  Engine(PointsView view, MembershipOptions given)
      : options(std::move(given)),
        points(view),
        start(std::chrono::steady_clock::now()),
        goal{options.projection, options.eps * points.scale()},
        solver(make_solver({points, options.solver, goal, [this] { return out_of_time(); }, [this] { beat(); }})) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  bool out_of_time() const {
    return options.limit_seconds > 0 &&
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > options.limit_seconds;
  }
  void beat() const {
    if (options.heartbeat) options.heartbeat();
  }

  /// Made when first needed: it reads all points, and a batch of outside verdicts needs none.
  const proof::Checker& checker() const {
    std::call_once(checker_made, [this] { kept_checker.emplace(points.points()); });
    return *kept_checker;
  }

  MembershipOptions options;
  PreparedPoints points;
  mutable std::once_flag checker_made;
  mutable std::optional<proof::Checker> kept_checker;
  std::chrono::steady_clock::time_point start;
  Goal goal;
  std::unique_ptr<Solver> solver;
};
}  // namespace detail

struct Membership::State {
  State(PointsView points, MembershipOptions options) : engine(points, std::move(options)) {}
  detail::Engine engine;
};

namespace {

void require_nonempty(const PointsView& points) {
  if (rows(points) < 1 || cols(points) < 1)
    throw UsageError("The hull of no points was asked for: found an array of " + std::to_string(rows(points)) + " x " +
                     std::to_string(cols(points)) + ", expected at least one point of at least one coordinate.");
}

/// All queries of one request: found by the solver, judged, and decided exactly where that is needed.
class Finder {
 public:
  Finder(const detail::Engine& engine, const MembershipRequest& request)
      : engine_(engine), request_(request), block_{request} {}
  MembershipAnswer run();

 private:
  std::vector<std::int64_t> doubtful(std::vector<Candidate>& found);
  void decide_exactly(std::int64_t q);
  void leave_undecided(std::int64_t q);
  void settle_at_distance_zero(std::int64_t q);

  const detail::Engine& engine_;
  const MembershipRequest& request_;
  QueryBlock block_;
  MembershipAnswer answer_;
};

/// Takes the candidate's support as the start of the exact search, whose answer must pass the checker.
void Finder::decide_exactly(std::int64_t q) {
  Proof& proof = answer_.proofs[static_cast<std::size_t>(q)];
  QueryStatistics& statistics = answer_.statistics[static_cast<std::size_t>(q)];
  detail::ExactRequest exact;
  exact.rows = block_.filter(q);
  exact.y = block_.query(q);
  exact.start = proof.support;
  exact.start_weight = proof.weight;
  exact.settled = [this](double lower, double upper) { return engine_.goal.settled(lower, upper); };
  exact.out_of_time = [this] {
    engine_.beat();
    return engine_.out_of_time();
  };
  std::string reason;
  for (const bool allow_double : {true, false}) {
    exact.allow_double_direction = allow_double;
    const Proof found = detail::exact_search(engine_.points, exact, statistics.exact_steps);
    if (found.verdict == Verdict::undecided) return leave_undecided(q);
    const proof::CheckResult result =
        engine_.checker().check(request_.queries, {found}, q, request_.mask, request_.leave_out).front();
    if (result.proved) {
      proof = found;
      return;
    }
    reason = result.reason;
    if (found.direction.empty()) break;
    exact.start = found.support;
    exact.start_weight = found.weight;
  }
  throw InternalError("the exact answer to query " + std::to_string(q) + " was refused by the checker: " + reason);
}

/// Out of time: what is proved stays. A direction that separates makes the query an outside one even so, its distance
/// less sharply bounded than asked for.
void Finder::leave_undecided(std::int64_t q) {
  Proof& proof = answer_.proofs[static_cast<std::size_t>(q)];
  if (proof.distance_lower > 0 && !proof.direction.empty()) {
    proof.verdict = Verdict::outside;
    if (engine_.checker().check(request_.queries, {proof}, q, request_.mask, request_.leave_out).front().proved) return;
  }
  std::int64_t row = 0;
  while (!block_.filter(q).allows(row)) ++row;
  if (proof.support.empty()) {
    proof.support = {row};
    proof.weight = {1};
  }
  proof.verdict = Verdict::undecided;
  proof.distance_lower = 0;
  proof.direction.clear();
  proof.exact_direction.clear();
  proof.distance_upper = detail::distance_to(engine_.points, proof.support, proof.weight, block_.query(q));
  if (proof.distance_upper == 0) settle_at_distance_zero(q);
}

/// The query is the hull point found, so it is inside. Where the rows are dependent, and so prove nothing, another row
/// bounds its distance; or all rows are the query.
void Finder::settle_at_distance_zero(std::int64_t q) {
  Proof& proof = answer_.proofs[static_cast<std::size_t>(q)];
  proof.verdict = Verdict::inside;
  if (engine_.checker().check(request_.queries, {proof}, q, request_.mask, request_.leave_out).front().proved) return;
  proof.weight = {1};
  for (std::int64_t row = 0; row < engine_.points.size(); ++row) {
    if (!block_.filter(q).allows(row)) continue;
    proof.support = {row};
    proof.distance_upper = detail::distance_to(engine_.points, proof.support, proof.weight, block_.query(q));
    if (proof.distance_upper == 0) continue;
    proof.verdict = Verdict::undecided;
    return;
  }
}

/// Moves the candidates into the answer; the queries whose candidate is no proof. What the solver has not proved by
/// itself is judged here, run by run.
std::vector<std::int64_t> Finder::doubtful(std::vector<Candidate>& found) {
  std::vector<std::int64_t> queries;
  for (Candidate& candidate : found) {
    detail::sort_support(candidate.proof);
    answer_.proofs.push_back(std::move(candidate.proof));
    answer_.statistics.push_back(std::move(candidate.statistics));
  }
  for (std::size_t first = 0, last = 0; first < found.size(); first = last) {
    for (last = first + 1; last < found.size() && found[last].proved == found[first].proved;) ++last;
    if (found[first].proved) continue;
    const auto begin = answer_.proofs.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<Proof> run(begin, begin + static_cast<std::ptrdiff_t>(last - first));
    const std::vector<proof::CheckResult> results = engine_.checker().check(
        request_.queries, run, static_cast<std::int64_t>(first), request_.mask, request_.leave_out);
    for (std::size_t i = 0; i < run.size(); ++i)
      if (run[i].verdict == Verdict::undecided || !results[i].proved)
        queries.push_back(static_cast<std::int64_t>(first + i));
  }
  return queries;
}

MembershipAnswer Finder::run() {
  std::vector<Candidate> found = engine_.solver->find(block_);
  for (const std::int64_t q : doubtful(found))
    if (engine_.out_of_time())
      leave_undecided(q);
    else
      decide_exactly(q);
  return std::move(answer_);
}

}  // namespace

Membership::Membership(PointsView points, MembershipOptions options) {
  require_solver(options.solver);
  require_nonempty(points);
  state_ = std::make_unique<State>(points, std::move(options));
}

Membership::~Membership() = default;
Membership::Membership(Membership&&) noexcept = default;

MembershipAnswer Membership::find(const MembershipRequest& request) const {
  if (spread_) return spread_->find(request);
  detail::validate(state_->engine.points.size(), state_->engine.points.dimension(), request);
  if (request.queries.rows() == 0) return {};
  return Finder(state_->engine, request).run();
}

double Membership::scale() const {
  if (spread_) return spread_->scale();
  return state_->engine.points.scale();
}

std::int64_t Membership::numerical_rank() const {
  if (spread_) return spread_->numerical_rank();
  return detail::numerical_rank(state_->engine.points.points(), state_->engine.points.unit(), 0x1p-20);
}

Membership::Membership(std::unique_ptr<detail::Spread> spread) : spread_(std::move(spread)) {}

void Membership::finish() const {
  if (spread_) spread_->finish();
}

bool Membership::together() const {
  return spread_ && spread_->together();
}

std::vector<std::string> solver_names() {
  std::vector<std::string> names = {"batched", "reference"};
  for (const std::string& type : detail::tao_types()) names.push_back("tao:" + type);
  return names;
}

void require_solver(const std::string& solver) {
  const std::vector<std::string> names = solver_names();
  if (std::find(names.begin(), names.end(), solver) != names.end()) return;
  const bool lacking = solver.rfind("tao:", 0) == 0 && names.size() == 2;
  throw UsageError("Unknown solver \"" + solver + "\"; expected one of " + join(names) +
                   (lacking ? " (this build has no PETSc, so no tao:TYPE)"
                            : "; did you mean \"" + nearest_name(solver, names) + "\"?") +
                   (lacking ? "." : ""));
}

}  // namespace hullscope::hull
