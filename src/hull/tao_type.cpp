// The TAO type "hullscope": column generation on the points that matter.
//
// Each iteration has one gradient g = A (A^T l - b), which prices every point: a point whose g_i < 0 lies beyond the
// hyperplane that supports the working set at its nearest point, and lowers the distance if it may take weight. The
// most violated ones over all ranks join the working set, whose own problem, a few hundred columns of d + 1 numbers,
// every rank solves for itself with the active-set method of active_set.hpp; its solution is the next l. Converged when
// no g_i < 0 is left beside the active columns' g_i = 0, which are the optimality conditions of the whole problem.
//
// An iteration costs the gradient (cone.hpp) and, on each rank, about k (d + 1) (w + k) flop, k active of w working
// columns; messages: the ranks' lowest rows, and d numbers for each column that enters. Some 5 to 20 iterations.
#include <hullscope/hull/tao_type.hpp>

#include <petsc/private/taoimpl.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <hullscope/hull/detail/active_set.hpp>
#include <hullscope/hull/detail/points_mat.hpp>
#include <hullscope/hull/detail/tao_problem.hpp>

using namespace hullscope;
using namespace hullscope::hull;
using detail::Cone;
using detail::guarded;
using detail::RankedRow;
using detail::TaoProblem;

namespace {

constexpr PetscInt kMaximumIterations = 500;  // some 20 are needed; more means that rounding rules

struct Solver {
  PetscInt enter = PETSC_DECIDE;  ///< columns that may enter an iteration
  detail::ActiveSet set;
  std::vector<std::uint8_t> working;  ///< this rank's variables: in the working set?
};

Solver& solver_of(Tao tao) {
  return *static_cast<Solver*>(tao->data);
}

/// The rows, the same list on every rank, join the working set.
void add_columns(Solver& solver, const Cone& cone, const std::vector<std::int64_t>& rows) {
  const std::vector<double> columns = cone.columns(rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    solver.set.add(columns.data() + i * static_cast<std::size_t>(cone.dimension()), rows[i]);
    if (const std::int64_t j = cone.variable_of(rows[i]); j >= 0) solver.working[static_cast<std::size_t>(j)] = 1;
  }
}

/// The rows that the solution gives weight to, if they are few (a start of the user's), and the nearest ones.
void start(Solver& solver, const Cone& cone, const PetscScalar* weight) {
  solver.set.reset(cone.dimension(), cone.lift());
  solver.working.assign(static_cast<std::size_t>(cone.variables()), 0);
  std::vector<RankedRow> given;
  for (std::int64_t j = 0; j < cone.variables(); ++j)
    if (weight[j] > 0) given.push_back({-weight[j], cone.row_of(j)});
  std::vector<std::int64_t> rows;
  const std::size_t most = 4 * static_cast<std::size_t>(cone.dimension() + 1);
  for (const RankedRow& r : cone.lowest(std::move(given), most)) rows.push_back(r.row);
  for (const RankedRow& r : cone.nearest())
    if (std::find(rows.begin(), rows.end(), r.row) == rows.end()) rows.push_back(r.row);
  add_columns(solver, cone, rows);
}

/// Lets the most violated columns enter. False if there is none.
bool enter_columns(Solver& solver, const Cone& cone, const PetscScalar* gradient, double tolerance) {
  std::vector<RankedRow> violated;
  for (std::int64_t j = 0; j < cone.variables(); ++j)
    if (gradient[j] < -tolerance && solver.working[static_cast<std::size_t>(j)] == 0)
      violated.push_back({gradient[j], cone.row_of(j)});
  const std::int64_t usual = std::clamp<std::int64_t>(2 * (cone.dimension() + 1), 8, 96);
  const std::int64_t count = solver.enter > 0 ? solver.enter : usual;
  std::vector<std::int64_t> rows;
  for (const RankedRow& r : cone.lowest(std::move(violated), static_cast<std::size_t>(count))) rows.push_back(r.row);
  add_columns(solver, cone, rows);
  return !rows.empty();
}

/// The working set's minimiser as weights of this rank's variables.
void minimise(Solver& solver, const Cone& cone, PetscScalar* weight) {
  solver.set.minimise();
  std::fill(weight, weight + cone.variables(), 0.0);
  const std::vector<std::int64_t> rows = solver.set.active_rows();
  const std::vector<double> share = solver.set.active_weights();  // of the nearest point: they sum to 1
  // |t A w - b| is least at t = s^2 / (|P w|^2 + s^2), and |P w| is the level of the supporting hyperplane.
  const double s = cone.lift(), level = solver.set.inside() ? 0 : solver.set.active_level();
  const double t = 1 / (1 + (level / s) * (level / s));
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (const std::int64_t j = cone.variable_of(rows[i]); j >= 0) weight[j] = t * share[i];
}

/// The largest violation of the optimality conditions: |g_i| where l_i > 0, else -g_i where it is positive.
double violation(const Cone& cone, const PetscScalar* weight, const PetscScalar* gradient) {
  double most = 0;
  for (std::int64_t j = 0; j < cone.variables(); ++j)
    most = std::max(most, weight[j] > 0 ? std::abs(gradient[j]) : -gradient[j]);
  return cone.largest(most);
}

/// What rounding leaves of a gradient entry of a column of the working set.
double rounding(const Cone& cone, const std::vector<double>& residual) {
  const double length = std::sqrt(std::inner_product(residual.begin(), residual.end(), residual.begin(), 0.0));
  return 0x1p-50 * (cone.lift() + length) * cone.lift();
}

PetscErrorCode set_up(Tao tao) {
  PetscFunctionBegin;
  if (tao->gradient == nullptr) PetscCall(VecDuplicate(tao->solution, &tao->gradient));
  PetscFunctionReturn(0);
}

/// One step over the working set: false in `moved` if no column may enter.
PetscErrorCode step(Tao tao, TaoProblem& problem, bool* moved) {
  const PetscScalar* g = nullptr;
  PetscScalar* l = nullptr;
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(tao));
  PetscFunctionBegin;
  PetscCall(VecGetArrayRead(tao->gradient, &g));
  PetscCall(VecGetArray(tao->solution, &l));
  PetscCall(guarded(comm, [&] {
    Solver& solver = solver_of(tao);
    *moved = enter_columns(solver, problem.cone, g, rounding(problem.cone, problem.residual));
    if (*moved) minimise(solver, problem.cone, l);
    return 0;
  }));
  PetscCall(VecRestoreArray(tao->solution, &l));
  PetscCall(VecRestoreArrayRead(tao->gradient, &g));
  PetscFunctionReturn(0);
}

PetscErrorCode begin(Tao tao, TaoProblem& problem) {
  PetscScalar* l = nullptr;
  PetscFunctionBegin;
  PetscCall(VecGetArray(tao->solution, &l));
  PetscCall(guarded(PetscObjectComm(reinterpret_cast<PetscObject>(tao)), [&] {
    start(solver_of(tao), problem.cone, l);
    minimise(solver_of(tao), problem.cone, l);
    return 0;
  }));
  PetscCall(VecRestoreArray(tao->solution, &l));
  PetscFunctionReturn(0);
}

PetscErrorCode measure(Tao tao, TaoProblem& problem, PetscReal* value, PetscReal* residual) {
  const PetscScalar *l = nullptr, *g = nullptr;
  PetscFunctionBegin;
  PetscCall(TaoComputeObjectiveAndGradient(tao, tao->solution, value, tao->gradient));
  PetscCall(VecGetArrayRead(tao->solution, &l));
  PetscCall(VecGetArrayRead(tao->gradient, &g));
  PetscCall(guarded(PetscObjectComm(reinterpret_cast<PetscObject>(tao)), [&] {
    *residual = violation(problem.cone, l, g);
    return 0;
  }));
  PetscCall(VecRestoreArrayRead(tao->gradient, &g));
  PetscCall(VecRestoreArrayRead(tao->solution, &l));
  PetscFunctionReturn(0);
}

PetscErrorCode solve(Tao tao) {
  TaoProblem* problem = nullptr;
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(tao));
  PetscFunctionBegin;
  PetscCall(detail::tao_get_problem(tao, &problem));
  PetscCheck(problem != nullptr, comm, PETSC_ERR_ORDER,
             "The type %s solves hull problems only; call HullscopeTaoSetQuery before TaoSolve", TAOHULLSCOPE);
  tao->reason = TAO_CONTINUE_ITERATING;
  tao->niter = 0;
  PetscCall(begin(tao, *problem));
  PetscReal before = PETSC_INFINITY;
  while (true) {
    PetscReal value = 0, residual = 0;
    PetscCall(measure(tao, *problem, &value, &residual));
    PetscCall(TaoLogConvergenceHistory(tao, value, residual, 0, 0));
    PetscCall(TaoMonitor(tao, tao->niter, value, residual, 0, 1));
    PetscUseTypeMethod(tao, convergencetest, tao->cnvP);
    if (tao->reason != TAO_CONTINUE_ITERATING) break;
    PetscTryTypeMethod(tao, update, tao->niter, tao->user_update);
    bool moved = false;
    // Columns that enter must bring the hull nearer; where they do not, rounding rules.
    if (value < before) PetscCall(step(tao, *problem, &moved));
    if (!moved) {
      tao->reason = TAO_CONVERGED_STEPTOL;
      break;
    }
    before = value;
    ++tao->niter;
  }
  PetscFunctionReturn(0);
}

PetscErrorCode set_from_options(Tao tao, PetscOptionItems* PetscOptionsObject) {
  PetscFunctionBegin;
  PetscOptionsHeadBegin(PetscOptionsObject, "Wolfe's nearest point by column generation");
  PetscCall(PetscOptionsInt("-tao_hullscope_enter", "points that may enter an iteration (-1: by the dimension)", "",
                            solver_of(tao).enter, &solver_of(tao).enter, nullptr));
  PetscOptionsHeadEnd();
  PetscFunctionReturn(0);
}

PetscErrorCode view(Tao tao, PetscViewer viewer) {
  PetscBool ascii = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(PetscObjectTypeCompare(reinterpret_cast<PetscObject>(viewer), PETSCVIEWERASCII, &ascii));
  if (ascii == PETSC_TRUE)
    PetscCall(PetscViewerASCIIPrintf(viewer, "  working set: %zu points, %zu of them active\n",
                                     solver_of(tao).set.working_size(), solver_of(tao).set.active_size()));
  PetscFunctionReturn(0);
}

PetscErrorCode destroy(Tao tao) {
  delete static_cast<Solver*>(tao->data);
  tao->data = nullptr;
  return 0;
}

PetscErrorCode create(Tao tao) {
  PetscFunctionBegin;
  tao->ops->setup = set_up;
  tao->ops->solve = solve;
  tao->ops->view = view;
  tao->ops->setfromoptions = set_from_options;
  tao->ops->destroy = destroy;
  tao->data = new Solver;
  if (!tao->max_it_changed) tao->max_it = kMaximumIterations;
  PetscFunctionReturn(0);
}

}  // namespace

PetscErrorCode HullscopeTaoRegister(void) {
  PetscFunctionBegin;
  PetscCall(TaoRegister(TAOHULLSCOPE, create));
  PetscFunctionReturn(0);
}

PetscErrorCode HullscopeTaoSetQuery(Tao tao, Mat points, const PetscReal y[], PetscReal scale) {
  const detail::RowBlock* block = nullptr;
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(points));
  PetscInt n = 0;
  PetscFunctionBegin;
  PetscCheck(scale > 0 && std::isfinite(scale), comm, PETSC_ERR_ARG_OUTOFRANGE,
             "A scale of %g; expected a positive length of the size of the data", scale);
  PetscCall(MatGetSize(points, &n, nullptr));
  PetscCheck(n > 0, comm, PETSC_ERR_ARG_SIZ, "No points; a hull needs at least one");
  PetscCall(detail::points_rows(points, &block));
  std::unique_ptr<TaoProblem> problem;
  PetscCall(guarded(comm, [&] {
    std::vector<std::int64_t> members(static_cast<std::size_t>(rows(block->rows)));
    std::iota(members.begin(), members.end(), 0);
    problem = std::make_unique<TaoProblem>(Cone(comm, *block, std::move(members), y, scale));
    return 0;
  }));
  PetscCall(detail::tao_set_problem(tao, comm, std::move(problem)));
  PetscCall(PetscObjectCompose(reinterpret_cast<PetscObject>(tao), "hullscope_points",
                               reinterpret_cast<PetscObject>(points)));
  PetscFunctionReturn(0);
}

PetscErrorCode HullscopeTaoPrepare(Tao tao) {
  PetscFunctionBegin;
  PetscCall(detail::tao_prepare(tao));
  PetscFunctionReturn(0);
}

PetscErrorCode HullscopeTaoGetNearest(Tao tao, PetscReal nearest[], PetscReal* distance, PetscReal* separation) {
  TaoProblem* problem = nullptr;
  Vec gradient = nullptr;
  PetscReal value = 0;
  PetscFunctionBegin;
  PetscCall(detail::tao_get_problem(tao, &problem));
  PetscCheck(problem != nullptr, PetscObjectComm(reinterpret_cast<PetscObject>(tao)), PETSC_ERR_ORDER,
             "This Tao has no hull problem; call HullscopeTaoSetQuery first");
  PetscCall(VecDuplicate(tao->solution, &gradient));
  PetscCall(TaoComputeObjectiveAndGradient(tao, tao->solution, &value, gradient));
  PetscCall(VecDestroy(&gradient));
  PetscCall(guarded(PetscObjectComm(reinterpret_cast<PetscObject>(tao)), [&] {
    const Cone& cone = problem->cone;
    const double total = problem->sum.back() / cone.lift();
    double square = 0;
    for (std::size_t k = 0; k + 1 < problem->sum.size(); ++k) {
      const double p = problem->sum[k] / total;
      square += p * p;
      if (nearest != nullptr) nearest[k] = cone.query()[k] + p * cone.unit();
    }
    if (distance != nullptr) *distance = std::sqrt(square) * cone.unit();
    if (separation != nullptr) *separation = problem->separation() * cone.unit();
    return 0;
  }));
  PetscFunctionReturn(0);
}
