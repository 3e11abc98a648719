// Hull problems for PETSc programs: points spread over ranks as a Mat, one query as a Tao, and a TAO type of our own,
// "hullscope", that solves it in a handful of gradients where the built-in types need hundreds or thousands.
//
//   HullscopeTaoRegister();                                        // once, after PetscInitialize
//   HullscopeMatCreatePoints(comm, n, d, PETSC_FLOAT, rows, &X);   // each rank's own block of rows, no copy
//   TaoCreate(comm, &tao);
//   HullscopeTaoSetQuery(tao, X, y, 1.0);
//   TaoSetType(tao, TAOHULLSCOPE);                                 // or any bound-constrained type: blmvm, bqnktr, ...
//   TaoSetFromOptions(tao);                                        // -tao_type, -tao_monitor, -tao_gatol, ...
//   HullscopeTaoPrepare(tao);
//   TaoSolve(tao);
//   HullscopeTaoGetNearest(tao, p, &distance, &separation);
//
// The problem is min over l >= 0 of 1/2 |A^T l - b|^2, row i of A = [(x_i - y) / unit, s], b = [0; s]: a weight for
// every point, in a VECMPI that is spread as the points are. Its gradient is one look at every point, its Hessian A A^T
// a MATSHELL. The only public header of hullscope that needs PETSc's; for proved verdicts of many queries use
// hull/membership.hpp. examples/petsc_hull.c is a whole program.
#pragma once
#include <petsctao.h>

#define TAOHULLSCOPE "hullscope"

/// Makes -tao_type hullscope known. Once a process, after PetscInitialize. Not collective.
PETSC_EXTERN PetscErrorCode HullscopeTaoRegister(void);

/// N points of d coordinates as an N x d MATSHELL, N the sum of the ranks' `rows`: each rank gives its own block, row-
/// major, of `type` PETSC_FLOAT or PETSC_DOUBLE; a rank may have none. Nothing is copied, so `values` must outlive the
/// Mat. It knows MatGetRow, which is all that a query needs. (MPIDENSE splits rows too, but is double, a column after
/// another; and a d x N matrix, as row-major points look to PETSc, would have its coordinates split.) The type
/// "hullscope" gives the same result to the bit on any number of ranks where each block begins at a multiple of 1024
/// rows. Collective.
PETSC_EXTERN PetscErrorCode HullscopeMatCreatePoints(MPI_Comm comm, PetscInt rows, PetscInt d, PetscDataType type,
                                                     const void* values, Mat* points);

/// Makes `tao` the problem of the query y (d numbers, the same on every rank; they are copied): its solution vector,
/// started at the nearest point, bounds, objective, gradient and Hessian. points: of HullscopeMatCreatePoints, or any
/// Mat of N x d whose rows can be read by MatGetRow (they are then copied once, as double). scale > 0: a length of the
/// size of the data (a power of two adds no rounding). `tao` keeps a reference to the points. May be called again for
/// another query, also with another number of points. Collective.
PETSC_EXTERN PetscErrorCode HullscopeTaoSetQuery(Tao tao, Mat points, const PetscReal y[], PetscReal scale);

/// Adapts a built-in type to a Hessian that is a MATSHELL: no preconditioner but the diagonal, subsets without
/// matrices. After TaoSetType or TaoSetFromOptions, before TaoSolve; does nothing that the type "hullscope" needs.
/// Collective.
PETSC_EXTERN PetscErrorCode HullscopeTaoPrepare(Tao tao);

/// After TaoSolve, any of the outputs may be NULL: the hull point found, sum(l x) / sum(l) (d numbers), its distance to
/// y, which is an upper bound of the hull's, and `separation`: how far the hyperplane through y across the last
/// residual keeps clear of every point, a lower bound if it is positive (y is then outside). Up to rounding: neither is
/// a proof. In the units of the points; the same on every rank. Collective.
PETSC_EXTERN PetscErrorCode HullscopeTaoGetNearest(Tao tao, PetscReal nearest[], PetscReal* distance,
                                                   PetscReal* separation);
