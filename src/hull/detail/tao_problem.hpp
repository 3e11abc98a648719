// A Cone as the problem of a Tao: vectors, callbacks and shell matrices. Needs PETSc.
#pragma once
#include <petsctao.h>

#include <exception>
#include <memory>

#include <hullscope/hull/detail/cone.hpp>

namespace hullscope::hull::detail {

struct TaoProblem {
  explicit TaoProblem(Cone given) : cone(std::move(given)) {}
  Cone cone;
  std::vector<double> shift;          ///< what bqpip adds to the Hessian's diagonal; empty: nothing
  std::vector<double> sum, residual;  ///< A^T l, and A^T l - b, of the last gradient
  double lowest = 0;                  ///< the smallest entry of this rank's part of it
  std::int64_t passes = 0;            ///< gradients so far
  /// min over all points of <p_i, u> with u the last residual's direction, in the cone's units; 0 without a direction.
  /// Positive: u separates. Collective.
  double separation() const;
};

/// Hands `problem` over to the Tao, which frees it in the end: solution (the nearest point), bounds 0 and 2, objective
/// and gradient, Hessian. Collective.
PetscErrorCode tao_set_problem(Tao tao, MPI_Comm comm, std::unique_ptr<TaoProblem> problem);

/// The Tao's problem, or nullptr if it has none of ours.
PetscErrorCode tao_get_problem(Tao tao, TaoProblem** problem);

/// What the Tao's type needs to work with a shell as Hessian; after TaoSetType or TaoSetFromOptions.
PetscErrorCode tao_prepare(Tao tao);

/// Runs code that throws where PETSc wants a code.
template <class Body>
PetscErrorCode guarded(MPI_Comm comm, Body body) {
  PetscFunctionBegin;
  try {
    PetscErrorCode code = body();
    PetscFunctionReturn(code);
  } catch (const std::exception& error) {
    SETERRQ(comm, PETSC_ERR_LIB, "%s", error.what());
  }
}

}  // namespace hullscope::hull::detail
