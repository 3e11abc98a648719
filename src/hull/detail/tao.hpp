// TAO as the solver of one query; tao_none.cpp stands in where PETSc is lacking.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::hull::detail {

/// This build's types for hull problems: "hullscope", our own (tao_type.hpp), and the bound-constrained ones of PETSc;
/// empty without PETSc.
std::vector<std::string> tao_types();

struct TaoRequest {
  const parallel::Comm* group = nullptr;  ///< the ranks that hold the points together; none: this one alone
  PointsView rows;                        ///< this rank's rows, n x d, n may be 0
  std::int64_t first = 0;                 ///< global number of its first row; a multiple of 1024
  std::int64_t total = 0;                 ///< rows of all ranks
  std::vector<std::int64_t> members;      ///< this rank's rows that take part (local numbers, ascending)
  const double* y = nullptr;              ///< the query, d numbers, the same on every rank
  double unit = 1;                        ///< a power of two of the size of the data
  /// Leave as soon as a hyperplane keeps every point further than this from y; infinity: find the nearest point.
  double enough = 0;
  std::function<bool()> out_of_time;  ///< asked once an iteration; what the group's first rank says holds
};

struct TaoOutcome {
  std::vector<std::int64_t> support;  ///< global rows with the largest weights, at most 4 (d + 1)
  std::string reason;                 ///< TaoConvergedReason by name, e.g. "CONVERGED_GATOL"
  std::int32_t passes = 0;            ///< gradients: looks at every point
};

/// Minimises |A^T l - b|^2 over l >= 0 with the given type (cone.hpp), one Tao over the group. Collective over the
/// group. Calls from several threads run one after another (PETSc is not thread-safe). The environment's PETSC_OPTIONS
/// are read (-tao_monitor, options of a type); our command line and .petscrc are not. The type's word is stored, never
/// believed: column generation goes on from its support, and the verdict is proved like any other. The outcome is the
/// same on every rank of the group. Throws InternalError on a PETSc error, UsageError on more rows than PetscInt holds.
TaoOutcome tao_solve(const TaoRequest& request, const std::string& type);

}  // namespace hullscope::hull::detail
