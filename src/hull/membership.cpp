#include <hullscope/hull/membership.hpp>

#include <algorithm>
#include <chrono>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/hull/detail/arrays.hpp>
#include <hullscope/hull/detail/local_pricing.hpp>
#include <hullscope/hull/detail/one_blas_thread.hpp>
#include <hullscope/hull/detail/plain_pricing.hpp>
#include <hullscope/hull/detail/prepared_points.hpp>
#include <hullscope/hull/detail/rank.hpp>
#include <hullscope/hull/detail/request.hpp>
#include <hullscope/hull/detail/settle.hpp>
#include <hullscope/hull/detail/solver.hpp>
#include <hullscope/hull/detail/spread.hpp>
#include <hullscope/hull/detail/tao.hpp>
#include <hullscope/proof/checker.hpp>
#include <mutex>
#include <optional>

namespace hullscope::hull {

/// The prepared points, how they are priced, the options, the solver and the clock.
struct Membership::State {
  State(PointsView view, MembershipOptions given, std::unique_ptr<detail::Arrays> arrays)
      : options(std::move(given)),
        points(view),
        pricing(make_pricing(std::move(arrays))),
        start(std::chrono::steady_clock::now()),
        goal{options.projection, options.eps * points.scale()},
        solver(make_solver()) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::unique_ptr<detail::Pricing> make_pricing(std::unique_ptr<detail::Arrays> arrays) const {
    if (options.solver == "batched")
      return std::make_unique<detail::LocalPricing>(points.points(), points.frame(), options.projection,
                                                    std::move(arrays));
    return std::make_unique<detail::PlainPricing>(points);
  }
  std::unique_ptr<detail::Solver> make_solver() const {
    const detail::SolverContext context{*pricing, goal, [this] { return out_of_time(); }, [this] { beat(); }};
    if (options.solver.starts_with("tao:")) return detail::make_tao_solver(context, points, options.solver.substr(4));
    if (options.solver == "reference") return detail::make_reference_solver(context, points);
    return detail::make_facet_solver(context, points.points(), detail::make_batched_solver(context));
  }

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
  std::vector<std::string> judge(const detail::QueryBlock& block, std::span<const proof::Proof> proofs,
                                 std::int64_t first) const {
    const MembershipRequest& request = block.request;
    std::vector<std::string> refusals;
    for (proof::CheckResult& result :
         checker().check(request.queries, {proofs.begin(), proofs.end()}, first, request.mask, request.leave_out))
      refusals.push_back(std::move(result.reason));
    return refusals;
  }

  MembershipOptions options;
  detail::PreparedPoints points;
  std::unique_ptr<detail::Pricing> pricing;
  mutable std::once_flag checker_made;
  mutable std::optional<proof::Checker> kept_checker;
  std::chrono::steady_clock::time_point start;
  detail::Goal goal;
  std::unique_ptr<detail::Solver> solver;
};

namespace {

void require_nonempty(const PointsView& points) {
  if (rows(points) < 1 || cols(points) < 1)
    throw UsageError("The hull of no points was asked for: found an array of " + std::to_string(rows(points)) + " x " +
                     std::to_string(cols(points)) + ", expected at least one point of at least one coordinate.");
}

}  // namespace

Membership::Membership(PointsView points, MembershipOptions options)
    : Membership(points, std::move(options), std::make_unique<detail::OwnArrays>()) {}

Membership::Membership(PointsView points, MembershipOptions options, std::unique_ptr<detail::Arrays> arrays) {
  require_solver(options.solver);
  require_nonempty(points);
  const detail::OneBlasThread one;
  state_ = std::make_unique<State>(points, std::move(options), std::move(arrays));
}

Membership::~Membership() = default;
Membership::Membership(Membership&&) noexcept = default;

MembershipAnswer Membership::find(const MembershipRequest& request) const {
  const detail::OneBlasThread one;
  if (spread_) return spread_->find(request);
  const State& state = *state_;
  detail::validate(state.points.size(), state.points.dimension(), request);
  if (request.queries.rows() == 0) return {};
  const detail::QueryBlock block{request};
  const detail::Court court{*state.pricing, state.goal, [&] { return state.out_of_time(); }, [&] { state.beat(); },
                            [&](const auto&... claim) { return state.judge(claim...); }};
  return detail::settle(court, block, state.solver->find(block));
}

double Membership::scale() const {
  if (spread_) return spread_->scale();
  return state_->points.scale();
}

std::int64_t Membership::numerical_rank() const {
  const detail::OneBlasThread one;
  if (spread_) return spread_->numerical_rank();
  return detail::numerical_rank(state_->points.points(), state_->points.unit(), 0x1p-20);
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
