// The TAO engine: one query as a bound-constrained least-squares problem, the cone form
//
//   min over l >= 0 of  f(l) = 1/2 |A^T l - b|^2,   row i of A = [(x_i - y) / unit, s]  (N x (d + 1)),   b = [0; s],
//
// with gradient A (A^T l - b) and Hessian A A^T: two passes over the points each. PETSc sees vectors and shell matrices
// only; the points stay where they are, in their own type. Everything that touches PETSc is in this file.
#include <petsctao.h>

#include <algorithm>
#include <cmath>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/tao.hpp>
#include <memory>
#include <mutex>
#include <numeric>

namespace hullscope::hull::detail {
namespace {

constexpr PetscInt kIterations = 300;  // built-in types may need thousands; column generation ends what they began
constexpr PetscInt kLinearIterations = 200;
constexpr PetscReal kTolerance = 1e-7;          // of the gradient; the rest is column generation's and the proof's
constexpr PetscReal kInteriorTolerance = 1e-4;  // bqpip's linear systems are solved iteratively and get harder

void check(PetscErrorCode code, const char* call) {
  if (code == 0) return;
  const char* text = nullptr;
  PetscErrorMessage(code, &text, nullptr);
  throw InternalError(std::string("PETSc's ") + call + " failed: " + (text != nullptr ? text : "unknown error") + ".");
}
#define HULLSCOPE_PETSC(call, ...) check(call(__VA_ARGS__), #call)

// PETSc once per process: every rank for itself, without our command line and without signal handlers. It is never
// finalised: its end would have to come before MPI's, which is not ours to time.
void initialise() {
  static std::once_flag once;
  std::call_once(once, [] {
    PetscBool done = PETSC_FALSE;
    HULLSCOPE_PETSC(PetscInitialized, &done);
    if (done == PETSC_TRUE) return;
    int mpi = 0;
    MPI_Initialized(&mpi);
    if (mpi != 0) PETSC_COMM_WORLD = MPI_COMM_SELF;
    HULLSCOPE_PETSC(PetscOptionsSetValue, nullptr, "-no_signal_handler", "true");
    HULLSCOPE_PETSC(PetscOptionsSetValue, nullptr, "-skip_petscrc", "true");
    HULLSCOPE_PETSC(PetscInitializeNoArguments);
    HULLSCOPE_PETSC(PetscOptionsSetValue, nullptr, "-tao_subset_type", "matrixfree");  // submatrices of shells
    HULLSCOPE_PETSC(PetscPushErrorHandler, PetscReturnErrorHandler, nullptr);
  });
}

/// Frees a PETSc object at the end of its scope.
template <class T, PetscErrorCode (*Destroy)(T*)>
struct Handle {
  T value = nullptr;
  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { Destroy(&value); }
};

/// The matrix A and the right side of one query.
struct Cone {
  const PreparedPoints& points;
  const double* y;
  std::vector<std::int64_t> members;  // the rows that take part: one variable each
  double lift;
  const std::function<bool()>& out_of_time;
  std::vector<double> row, sum, residual;
  std::vector<double> shift = {};  // what bqpip adds to the Hessian's diagonal; empty: nothing

  std::size_t width() const { return static_cast<std::size_t>(points.dimension()); }

  // sum = A^T l; rows of weight 0 are not read
  void transposed_product(const double* l) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (l[i] == 0) continue;
      points.copy_row(members[i], row.data());
      const double weight = l[i] * points.inverse_unit();
      for (std::size_t k = 0; k < width(); ++k) sum[k] += weight * (row[k] - y[k]);
      sum.back() += l[i] * lift;
    }
  }
  // out = A v
  void product(const std::vector<double>& v, double* out) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      points.copy_row(members[i], row.data());
      double value = 0;
      for (std::size_t k = 0; k < width(); ++k) value += (row[k] - y[k]) * v[k];
      out[i] = value * points.inverse_unit() + lift * v.back();
    }
  }
  // |x - y|^2 of variable i, in units^2
  double square(std::size_t i) {
    points.copy_row(members[i], row.data());
    double result = 0;
    for (std::size_t k = 0; k < width(); ++k) {
      const double v = (row[k] - y[k]) * points.inverse_unit();
      result += v * v;
    }
    return result;
  }
  double diagonal(std::size_t i) { return square(i) + lift * lift; }  // of the Hessian
  std::size_t nearest() {                                             // the variable where the minimisation starts
    std::size_t best = 0;
    double least = square(0);
    for (std::size_t i = 1; i < members.size(); ++i)
      if (const double s = square(i); s < least) best = i, least = s;
    return best;
  }
};

PetscErrorCode objective_and_gradient(Tao, Vec l, PetscReal* value, Vec gradient, void* context) {
  Cone& cone = *static_cast<Cone*>(context);
  const PetscScalar* x = nullptr;
  PetscScalar* g = nullptr;
  PetscFunctionBeginUser;
  PetscCall(VecGetArrayRead(l, &x));
  cone.transposed_product(x);
  PetscCall(VecRestoreArrayRead(l, &x));
  cone.residual = cone.sum;
  cone.residual.back() -= cone.lift;
  *value = 0.5 * std::inner_product(cone.residual.begin(), cone.residual.end(), cone.residual.begin(), 0.0);
  PetscCall(VecGetArrayWrite(gradient, &g));
  cone.product(cone.residual, g);
  PetscCall(VecRestoreArrayWrite(gradient, &g));
  PetscFunctionReturn(0);
}

PetscErrorCode hessian_product(Mat hessian, Vec in, Vec out) {
  void* context = nullptr;
  const PetscScalar* x = nullptr;
  PetscScalar* y = nullptr;
  PetscFunctionBeginUser;
  PetscCall(MatShellGetContext(hessian, &context));
  Cone& cone = *static_cast<Cone*>(context);
  PetscCall(VecGetArrayRead(in, &x));
  cone.transposed_product(x);
  PetscCall(VecRestoreArrayRead(in, &x));
  PetscCall(VecGetArrayWrite(out, &y));
  cone.product(cone.sum, y);
  if (!cone.shift.empty()) {
    PetscCall(VecGetArrayRead(in, &x));
    for (std::size_t i = 0; i < cone.shift.size(); ++i) y[i] += cone.shift[i] * x[i];
    PetscCall(VecRestoreArrayRead(in, &x));
  }
  PetscCall(VecRestoreArrayWrite(out, &y));
  PetscFunctionReturn(0);
}

PetscErrorCode hessian_diagonal(Mat hessian, Vec out) {
  void* context = nullptr;
  PetscScalar* y = nullptr;
  PetscFunctionBeginUser;
  PetscCall(MatShellGetContext(hessian, &context));
  Cone& cone = *static_cast<Cone*>(context);
  PetscCall(VecGetArrayWrite(out, &y));
  for (std::size_t i = 0; i < cone.members.size(); ++i)
    y[i] = cone.diagonal(i) + (cone.shift.empty() ? 0 : cone.shift[i]);
  PetscCall(VecRestoreArrayWrite(out, &y));
  PetscFunctionReturn(0);
}

// bqpip adds to the diagonal before each linear solve and puts the old one back afterwards.
PetscErrorCode set_hessian_diagonal(Mat hessian, Vec given, InsertMode mode) {
  void* context = nullptr;
  const PetscScalar* x = nullptr;
  PetscFunctionBeginUser;
  PetscCall(MatShellGetContext(hessian, &context));
  Cone& cone = *static_cast<Cone*>(context);
  cone.shift.resize(cone.members.size(), 0);
  PetscCall(VecGetArrayRead(given, &x));
  for (std::size_t i = 0; i < cone.shift.size(); ++i)
    cone.shift[i] = mode == ADD_VALUES ? cone.shift[i] + x[i] : x[i] - cone.diagonal(i);
  PetscCall(VecRestoreArrayRead(given, &x));
  PetscFunctionReturn(0);
}

PetscErrorCode constant_hessian(Tao, Vec, Mat, Mat, void*) {
  return 0;
}

PetscErrorCode converged(Tao tao, void* context) {
  PetscFunctionBeginUser;
  PetscCall(TaoDefaultConvergenceTest(tao, nullptr));
  if (static_cast<Cone*>(context)->out_of_time()) PetscCall(TaoSetConvergedReason(tao, TAO_CONVERGED_USER));
  PetscFunctionReturn(0);
}

std::string reason_name(TaoConvergedReason reason) {
  const std::string name = TaoConvergedReasons[reason];
  return name.rfind("TAO_", 0) == 0 ? name.substr(4) : name;
}

}  // namespace

std::vector<std::string> tao_types() {
  return {TAOBLMVM,  TAOBNCG,   TAOBNLS,   TAOBNTR,  TAOBNTL, TAOBQNLS,
          TAOBQNKLS, TAOBQNKTR, TAOBQNKTL, TAOBQPIP, TAOGPCG, TAOTRON};
}

TaoOutcome tao_solve(const PreparedPoints& points, const RowFilter& rows, const double* y, const std::string& type,
                     const std::function<bool()>& out_of_time) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  initialise();
  const std::int64_t n = points.size(), width = points.dimension() + 1;
  if (n > PETSC_MAX_INT)
    throw UsageError("tao:" + type + " takes at most " + std::to_string(PETSC_MAX_INT) +
                     " points (PETSc's integers), " + "found " + std::to_string(n) +
                     "; use the solver \"reference\" or a 64-bit PETSc.");
  Cone cone{points,
            y,
            {},
            1,
            out_of_time,
            std::vector<double>(static_cast<std::size_t>(width - 1)),
            std::vector<double>(static_cast<std::size_t>(width)),
            {}};
  for (std::int64_t i = 0; i < n; ++i)
    if (rows.allows(i)) cone.members.push_back(i);
  const PetscInt size = static_cast<PetscInt>(cone.members.size());
  Handle<Vec, VecDestroy> solution, lower, upper;
  Handle<Mat, MatDestroy> hessian;
  Handle<Tao, TaoDestroy> tao;
  HULLSCOPE_PETSC(VecCreateSeq, PETSC_COMM_SELF, size, &solution.value);
  HULLSCOPE_PETSC(VecDuplicate, solution.value, &lower.value);
  HULLSCOPE_PETSC(VecDuplicate, solution.value, &upper.value);
  // The minimiser's weights sum to at most 1; bqpip takes an infinite bound at its word and needs a finite one.
  HULLSCOPE_PETSC(VecSet, upper.value, 2);
  HULLSCOPE_PETSC(VecSetValue, solution.value, static_cast<PetscInt>(cone.nearest()), 1, INSERT_VALUES);
  HULLSCOPE_PETSC(VecAssemblyBegin, solution.value);
  HULLSCOPE_PETSC(VecAssemblyEnd, solution.value);
  HULLSCOPE_PETSC(MatCreateShell, PETSC_COMM_SELF, size, size, size, size, &cone, &hessian.value);
  HULLSCOPE_PETSC(MatShellSetOperation, hessian.value, MATOP_MULT, reinterpret_cast<void (*)()>(hessian_product));
  HULLSCOPE_PETSC(MatShellSetOperation, hessian.value, MATOP_MULT_TRANSPOSE,
                  reinterpret_cast<void (*)()>(hessian_product));
  HULLSCOPE_PETSC(MatShellSetOperation, hessian.value, MATOP_GET_DIAGONAL,
                  reinterpret_cast<void (*)()>(hessian_diagonal));
  if (type == TAOBQPIP) {  // PETSc's own shift of a shell matrix cannot be taken back
    HULLSCOPE_PETSC(MatShellSetManageScalingShifts, hessian.value);
    HULLSCOPE_PETSC(MatShellSetOperation, hessian.value, MATOP_DIAGONAL_SET,
                    reinterpret_cast<void (*)()>(set_hessian_diagonal));
  }
  HULLSCOPE_PETSC(MatSetOption, hessian.value, MAT_SYMMETRIC, PETSC_TRUE);
  HULLSCOPE_PETSC(TaoCreate, PETSC_COMM_SELF, &tao.value);
  HULLSCOPE_PETSC(TaoSetType, tao.value, type.c_str());
  HULLSCOPE_PETSC(TaoSetSolution, tao.value, solution.value);
  HULLSCOPE_PETSC(TaoSetVariableBounds, tao.value, lower.value, upper.value);
  HULLSCOPE_PETSC(TaoSetObjectiveAndGradient, tao.value, nullptr, objective_and_gradient, &cone);
  HULLSCOPE_PETSC(TaoSetHessian, tao.value, hessian.value, hessian.value, constant_hessian, nullptr);
  const PetscReal tolerance = type == TAOBQPIP ? kInteriorTolerance : kTolerance;
  HULLSCOPE_PETSC(TaoSetTolerances, tao.value, tolerance, tolerance, 0);
  HULLSCOPE_PETSC(TaoSetMaximumIterations, tao.value, kIterations);
  HULLSCOPE_PETSC(TaoSetConvergenceTest, tao.value, converged, &cone);
  HULLSCOPE_PETSC(TaoSetFromOptions, tao.value);
  KSP linear = nullptr;
  HULLSCOPE_PETSC(TaoGetKSP, tao.value, &linear);
  if (linear != nullptr) {  // a shell matrix has no entries to precondition with but its diagonal, whose size changes
    PC preconditioner = nullptr;  // by orders of magnitude in an interior-point method
    HULLSCOPE_PETSC(KSPGetPC, linear, &preconditioner);
    HULLSCOPE_PETSC(PCSetType, preconditioner, type == TAOBQPIP ? PCJACOBI : PCNONE);
    HULLSCOPE_PETSC(KSPSetTolerances, linear, PETSC_DEFAULT, PETSC_DEFAULT, PETSC_DEFAULT, kLinearIterations);
  }
  HULLSCOPE_PETSC(TaoSolve, tao.value);
  TaoConvergedReason reason = TAO_CONTINUE_ITERATING;
  HULLSCOPE_PETSC(TaoGetConvergedReason, tao.value, &reason);

  TaoOutcome outcome;
  outcome.reason = reason_name(reason);
  const PetscScalar* weight = nullptr;
  HULLSCOPE_PETSC(VecGetArrayRead, solution.value, &weight);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < cone.members.size(); ++i)
    if (weight[i] > 0) order.push_back(i);
  const std::size_t kept = std::min(order.size(), static_cast<std::size_t>(4 * width));
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
      [&](std::size_t a, std::size_t b) { return weight[a] > weight[b] || (weight[a] == weight[b] && a < b); });
  for (std::size_t i = 0; i < kept; ++i) outcome.support.push_back(cone.members[order[i]]);
  HULLSCOPE_PETSC(VecRestoreArrayRead, solution.value, &weight);
  return outcome;
}

}  // namespace hullscope::hull::detail
