// tao:TYPE, one query: a Tao over the ranks that hold the points.
#include <petsctao.h>

#include <algorithm>
#include <cmath>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/tao.hpp>
#include <hullscope/hull/detail/tao_problem.hpp>
#include <hullscope/hull/tao_type.hpp>
#include <memory>
#include <mutex>

namespace hullscope::hull::detail {
namespace {

constexpr PetscInt kIterations = 300;   // built-in types may need thousands; column generation ends what they began
constexpr PetscReal kTolerance = 1e-7;  // of the gradient; the rest is column generation's and the proof's
constexpr PetscReal kInteriorTolerance = 1e-4;  // bqpip's linear systems are solved iteratively and get harder
constexpr PetscReal kOwnTolerance = 1e-12;

void check(PetscErrorCode code, const char* call) {
  if (code == 0) return;
  const char* text = nullptr;
  char* specific = nullptr;
  PetscErrorMessage(code, &text, &specific);
  const std::string more = specific != nullptr && *specific != 0 ? std::string(" (") + specific + ")" : "";
  throw InternalError(std::string("PETSc's ") + call + " failed: " + (text != nullptr ? text : "unknown error") + more +
                      ".");
}
#define HULLSCOPE_PETSC(call, ...) check(call(__VA_ARGS__), #call)

// PETSc once per process, without our command line and without signal handlers. PETSC_COMM_WORLD is this rank alone:
// ranks start it when their group needs it, and our objects name their communicator. It is never finalised: its end
// would have to come before MPI's, which is not ours to time.
void initialise() {
  static std::once_flag once;
  std::call_once(once, [] {
    PetscBool done = PETSC_FALSE;
    HULLSCOPE_PETSC(PetscInitialized, &done);
    if (done == PETSC_FALSE) {
      int mpi = 0;
      MPI_Initialized(&mpi);
      if (mpi != 0) PETSC_COMM_WORLD = MPI_COMM_SELF;
      HULLSCOPE_PETSC(PetscOptionsSetValue, nullptr, "-no_signal_handler", "true");
      HULLSCOPE_PETSC(PetscOptionsSetValue, nullptr, "-skip_petscrc", "true");
      HULLSCOPE_PETSC(PetscInitializeNoArguments);
      HULLSCOPE_PETSC(PetscPushErrorHandler, PetscReturnErrorHandler, nullptr);
    }
    HULLSCOPE_PETSC(HullscopeTaoRegister);
  });
}

/// What the convergence test asks beside TAO's own.
struct Test {
  const TaoRequest& request;
  TaoProblem* problem;
};

PetscErrorCode converged(Tao tao, void* context) {
  Test& test = *static_cast<Test*>(context);
  PetscFunctionBegin;
  PetscCall(TaoDefaultConvergenceTest(tao, nullptr));
  PetscCall(guarded(PetscObjectComm(reinterpret_cast<PetscObject>(tao)), [&]() -> PetscErrorCode {
    const Cone& cone = test.problem->cone;
    bool leave = std::isfinite(test.request.enough) &&
                 test.problem->separation() * cone.unit() * (1 - 1e-6) > test.request.enough;
    leave = cone.agreed(leave || test.request.out_of_time());
    return leave ? TaoSetConvergedReason(tao, TAO_CONVERGED_USER) : 0;
  }));
  PetscFunctionReturn(0);
}

std::string reason_name(TaoConvergedReason reason) {
  const std::string name = TaoConvergedReasons[reason];
  return name.rfind("TAO_", 0) == 0 ? name.substr(4) : name;
}

struct TaoHandle {
  Tao value = nullptr;
  TaoHandle() = default;
  TaoHandle(const TaoHandle&) = delete;
  ~TaoHandle() { TaoDestroy(&value); }
};

void set_type(Tao tao, const std::string& type) {
  HULLSCOPE_PETSC(TaoSetType, tao, type.c_str());
  const PetscReal tolerance = type == TAOBQPIP ? kInteriorTolerance : type == TAOHULLSCOPE ? kOwnTolerance : kTolerance;
  HULLSCOPE_PETSC(TaoSetTolerances, tao, tolerance, tolerance, 0);
  HULLSCOPE_PETSC(TaoSetMaximumIterations, tao, kIterations);
  HULLSCOPE_PETSC(TaoSetFromOptions, tao);
  HULLSCOPE_PETSC(HullscopeTaoPrepare, tao);
}

/// The heaviest rows of all ranks, in order.
std::vector<std::int64_t> heaviest(Tao tao, const Cone& cone) {
  Vec solution = nullptr;
  const PetscScalar* weight = nullptr;
  HULLSCOPE_PETSC(TaoGetSolution, tao, &solution);
  HULLSCOPE_PETSC(VecGetArrayRead, solution, &weight);
  std::vector<RankedRow> mine;
  for (std::int64_t j = 0; j < cone.variables(); ++j)
    if (weight[j] > 0) mine.push_back({-weight[j], cone.row_of(j)});
  HULLSCOPE_PETSC(VecRestoreArrayRead, solution, &weight);
  std::vector<std::int64_t> rows;
  for (const RankedRow& r : cone.lowest(std::move(mine), static_cast<std::size_t>(4 * (cone.dimension() + 1))))
    rows.push_back(r.row);
  return rows;
}

}  // namespace

std::vector<std::string> tao_types() {
  return {TAOHULLSCOPE, TAOBLMVM,  TAOBNCG,   TAOBNLS,  TAOBNTR, TAOBNTL, TAOBQNLS,
          TAOBQNKLS,    TAOBQNKTR, TAOBQNKTL, TAOBQPIP, TAOGPCG, TAOTRON};
}

TaoOutcome tao_solve(const TaoRequest& request, const std::string& type) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  initialise();
  if (request.total > PETSC_MAX_INT)
    throw UsageError("tao:" + type + " takes at most " + std::to_string(PETSC_MAX_INT) +
                     " points (this PETSc's integers have " + std::to_string(8 * sizeof(PetscInt)) + " bits), found " +
                     std::to_string(request.total) +
                     "; use another solver, or build with a PETSc configured with --with-64-bit-indices.");
  const MPI_Comm comm = request.group != nullptr ? *static_cast<MPI_Comm*>(request.group->native()) : MPI_COMM_SELF;
  auto made =
      std::make_unique<TaoProblem>(Cone(comm, {request.rows, request.first}, request.members, request.y, request.unit));
  Test test{request, made.get()};
  TaoHandle tao;
  HULLSCOPE_PETSC(TaoCreate, comm, &tao.value);
  HULLSCOPE_PETSC(tao_set_problem, tao.value, comm, std::move(made));
  set_type(tao.value, type);
  HULLSCOPE_PETSC(TaoSetConvergenceTest, tao.value, converged, &test);
  HULLSCOPE_PETSC(TaoSolve, tao.value);
  TaoConvergedReason reason = TAO_CONTINUE_ITERATING;
  HULLSCOPE_PETSC(TaoGetConvergedReason, tao.value, &reason);
  TaoOutcome outcome;
  outcome.reason = reason_name(reason);
  outcome.passes = static_cast<std::int32_t>(test.problem->passes);
  outcome.support = heaviest(tao.value, test.problem->cone);
  return outcome;
}

}  // namespace hullscope::hull::detail
