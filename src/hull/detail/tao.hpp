// TAO as the solver of one query; PETSc itself appears in tao.cpp only, and tao_none.cpp stands in where it is lacking.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include <hullscope/hull/detail/prepared_points.hpp>

namespace hullscope::hull::detail {

/// The bound-constrained types of this build's PETSc; empty without PETSc.
std::vector<std::string> tao_types();

struct TaoOutcome {
  std::vector<std::int64_t> support;  ///< rows with the largest weights, at most 4 (d + 1)
  std::string reason;                 ///< TaoConvergedReason by name, e.g. "CONVERGED_GATOL"
};

/// Minimises |A^T l - b|^2 over l >= 0 with the given type, A the lifted rows (N x (d + 1)) applied from the points
/// without a copy. One Tao, PETSC_COMM_SELF. Calls from several threads run one after another (PETSc is not
/// thread-safe). The environment's PETSC_OPTIONS are read (-tao_monitor, options of a type); our command line and
/// .petscrc are not. The type's word is stored, never believed: column generation goes on from its support, and the
/// verdict is proved like any other. Throws InternalError on a PETSc error, UsageError on more rows than PetscInt
/// holds.
TaoOutcome tao_solve(const PreparedPoints& points, const RowFilter& rows, const double* y, const std::string& type,
                     const std::function<bool()>& out_of_time);

}  // namespace hullscope::hull::detail
