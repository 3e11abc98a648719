#include <petsc/private/taoimpl.h>

#include <algorithm>
#include <cmath>
#include <hullscope/hull/detail/petsc_attach.hpp>
#include <hullscope/hull/detail/tao_problem.hpp>
#include <limits>
#include <numeric>

namespace hullscope::hull::detail {
namespace {

constexpr const char* kName = "hullscope_problem";
constexpr PetscInt kLinearIterations = 200;

PetscErrorCode objective_and_gradient(Tao tao, Vec l, PetscReal* value, Vec gradient, void* context) {
  TaoProblem& problem = *static_cast<TaoProblem*>(context);
  const PetscScalar* x = nullptr;
  PetscScalar* g = nullptr;
  PetscFunctionBegin;
  PetscCall(VecGetArrayRead(l, &x));
  PetscCall(guarded(PetscObjectComm(reinterpret_cast<PetscObject>(tao)), [&] {
    problem.cone.transposed_product(x, problem.sum);
    return 0;
  }));
  PetscCall(VecRestoreArrayRead(l, &x));
  problem.residual = problem.sum;
  problem.residual.back() -= problem.cone.lift();
  *value = 0.5 * std::inner_product(problem.residual.begin(), problem.residual.end(), problem.residual.begin(), 0.0);
  PetscCall(VecGetArrayWrite(gradient, &g));
  problem.cone.product(problem.residual, g);
  problem.lowest = std::numeric_limits<double>::infinity();
  for (std::int64_t j = 0; j < problem.cone.variables(); ++j) problem.lowest = std::min(problem.lowest, g[j]);
  PetscCall(VecRestoreArrayWrite(gradient, &g));
  ++problem.passes;
  PetscFunctionReturn(0);
}

PetscErrorCode problem_of(Mat hessian, TaoProblem** problem) {
  PetscFunctionBegin;
  PetscCall(MatShellGetContext(hessian, problem));
  PetscFunctionReturn(0);
}

PetscErrorCode hessian_product(Mat hessian, Vec in, Vec out) {
  TaoProblem* problem = nullptr;
  const PetscScalar* x = nullptr;
  PetscScalar* y = nullptr;
  PetscFunctionBegin;
  PetscCall(problem_of(hessian, &problem));
  std::vector<double> sum;
  PetscCall(VecGetArrayRead(in, &x));
  PetscCall(guarded(PetscObjectComm(reinterpret_cast<PetscObject>(hessian)), [&] {
    problem->cone.transposed_product(x, sum);
    return 0;
  }));
  PetscCall(VecGetArrayWrite(out, &y));
  problem->cone.product(sum, y);
  for (std::size_t i = 0; i < problem->shift.size(); ++i) y[i] += problem->shift[i] * x[i];
  PetscCall(VecRestoreArrayWrite(out, &y));
  PetscCall(VecRestoreArrayRead(in, &x));
  PetscFunctionReturn(0);
}

PetscErrorCode hessian_diagonal(Mat hessian, Vec out) {
  TaoProblem* problem = nullptr;
  PetscScalar* y = nullptr;
  PetscFunctionBegin;
  PetscCall(problem_of(hessian, &problem));
  PetscCall(VecGetArrayWrite(out, &y));
  for (std::int64_t j = 0; j < problem->cone.variables(); ++j)
    y[j] = problem->cone.diagonal(j) + (problem->shift.empty() ? 0 : problem->shift[static_cast<std::size_t>(j)]);
  PetscCall(VecRestoreArrayWrite(out, &y));
  PetscFunctionReturn(0);
}

PetscErrorCode set_hessian_diagonal(Mat hessian, Vec given, InsertMode mode) {
  TaoProblem* problem = nullptr;
  const PetscScalar* x = nullptr;
  PetscFunctionBegin;
  PetscCall(problem_of(hessian, &problem));
  std::vector<double>& shift = problem->shift;
  shift.resize(static_cast<std::size_t>(problem->cone.variables()), 0);
  PetscCall(VecGetArrayRead(given, &x));
  for (std::size_t j = 0; j < shift.size(); ++j)
    shift[j] = mode == ADD_VALUES ? shift[j] + x[j] : x[j] - problem->cone.diagonal(static_cast<std::int64_t>(j));
  PetscCall(VecRestoreArrayRead(given, &x));
  PetscFunctionReturn(0);
}

PetscErrorCode constant_hessian(Tao, Vec, Mat, Mat, void*) {
  return 0;
}

PetscErrorCode set_vectors(Tao tao, MPI_Comm comm, const Cone& cone) {
  Vec solution = nullptr, lower = nullptr, upper = nullptr;
  PetscScalar* x = nullptr;
  PetscFunctionBegin;
  PetscCall(VecCreateMPI(comm, static_cast<PetscInt>(cone.variables()), PETSC_DETERMINE, &solution));
  PetscCall(VecDuplicate(solution, &lower));
  PetscCall(VecDuplicate(solution, &upper));
  PetscCall(VecSet(solution, 0));
  PetscCall(VecSet(lower, 0));
  // The minimiser's weights sum to at most 1; bqpip takes an infinite bound at its word and needs a finite one.
  PetscCall(VecSet(upper, 2));
  PetscCall(VecGetArray(solution, &x));
  if (const std::int64_t j = cone.variable_of(cone.nearest().front().row); j >= 0) x[j] = 1;
  PetscCall(VecRestoreArray(solution, &x));
  PetscCall(TaoSetSolution(tao, solution));
  PetscCall(TaoSetVariableBounds(tao, lower, upper));
  PetscCall(VecDestroy(&solution));
  PetscCall(VecDestroy(&lower));
  PetscCall(VecDestroy(&upper));
  PetscFunctionReturn(0);
}

PetscErrorCode set_hessian(Tao tao, MPI_Comm comm, TaoProblem* problem) {
  Mat hessian = nullptr;
  const PetscInt size = static_cast<PetscInt>(problem->cone.variables());
  PetscFunctionBegin;
  PetscCall(MatCreateShell(comm, size, size, PETSC_DETERMINE, PETSC_DETERMINE, problem, &hessian));
  PetscCall(MatShellSetOperation(hessian, MATOP_MULT, reinterpret_cast<void (*)()>(hessian_product)));
  PetscCall(MatShellSetOperation(hessian, MATOP_MULT_TRANSPOSE, reinterpret_cast<void (*)()>(hessian_product)));
  PetscCall(MatShellSetOperation(hessian, MATOP_GET_DIAGONAL, reinterpret_cast<void (*)()>(hessian_diagonal)));
  PetscCall(MatSetOption(hessian, MAT_SYMMETRIC, PETSC_TRUE));
  PetscCall(TaoSetHessian(tao, hessian, hessian, constant_hessian, nullptr));
  PetscCall(MatDestroy(&hessian));
  PetscFunctionReturn(0);
}

}  // namespace

double TaoProblem::separation() const {
  const double square = std::inner_product(residual.begin(), residual.end() - 1, residual.begin(), 0.0);
  const double least = cone.smallest(lowest - cone.lift() * residual.back());
  return square > 0 ? least / std::sqrt(square) : 0;
}

PetscErrorCode tao_set_problem(Tao tao, MPI_Comm comm, std::unique_ptr<TaoProblem> problem) {
  PetscFunctionBegin;
  PetscCall(set_vectors(tao, comm, problem->cone));
  PetscCall(TaoSetObjectiveAndGradient(tao, nullptr, objective_and_gradient, problem.get()));
  PetscCall(set_hessian(tao, comm, problem.get()));
  // The old problem, if there is one, is freed only now that nothing of the Tao points to it.
  PetscCall(attach(reinterpret_cast<PetscObject>(tao), kName, std::move(problem)));
  PetscFunctionReturn(0);
}

PetscErrorCode tao_get_problem(Tao tao, TaoProblem** problem) {
  PetscFunctionBegin;
  PetscCall(attached(reinterpret_cast<PetscObject>(tao), kName, problem));
  PetscFunctionReturn(0);
}

PetscErrorCode tao_prepare(Tao tao) {
  KSP linear = nullptr;
  PC preconditioner = nullptr;
  PetscBool interior = PETSC_FALSE;
  PetscFunctionBegin;
  tao->subset_type = TAO_SUBSET_MATRIXFREE;  // a shell has no submatrices
  PetscCall(TaoGetKSP(tao, &linear));
  if (linear == nullptr) PetscFunctionReturn(0);
  PetscCall(PetscObjectTypeCompare(reinterpret_cast<PetscObject>(tao), TAOBQPIP, &interior));
  if (interior == PETSC_TRUE) {
    // It adds to the diagonal before each linear solve and puts the old one back afterwards; PETSc's own shift of a
    // shell matrix cannot be taken back.
    PetscCall(MatShellSetManageScalingShifts(tao->hessian));
    PetscCall(
        MatShellSetOperation(tao->hessian, MATOP_DIAGONAL_SET, reinterpret_cast<void (*)()>(set_hessian_diagonal)));
  }
  // A shell has no entries to precondition with but its diagonal, whose size changes by orders of magnitude in an
  // interior-point method.
  PetscCall(KSPGetPC(linear, &preconditioner));
  PetscCall(PCSetType(preconditioner, interior == PETSC_TRUE ? PCJACOBI : PCNONE));
  PetscCall(KSPSetTolerances(linear, PETSC_DEFAULT, PETSC_DEFAULT, PETSC_DEFAULT, kLinearIterations));
  PetscFunctionReturn(0);
}

}  // namespace hullscope::hull::detail
