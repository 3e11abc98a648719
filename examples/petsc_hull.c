/* A PETSc program that asks how far a query lies from the convex hull of points that are spread over its ranks.

     mpirun -n 3 petsc_hull -points 100000 -dimension 8 -query 1.5 -tao_type hullscope -tao_monitor

   Points: Gaussian, the same on any number of ranks; the query is (q, q, ..., q). Each rank makes only its own rows.
   Try -tao_type blmvm, bqnktr, tron ..., -tao_converged_reason, -tao_view, -tao_gatol 1e-10. */
#include <hullscope/hull/tao_type.hpp>
#include <math.h>
#include <stdint.h>

static const char help[] = "Distance of a query to the convex hull of points spread over ranks.\n";

/* SplitMix64 of the number's place: any rank can make any number. */
static double uniform(uint64_t place)
{
  uint64_t z = (place + 1) * 0x9e3779b97f4a7c15ULL;
  z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z          = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static float gaussian(uint64_t place)
{
  return (float)(sqrt(-2 * log(uniform(2 * place))) * cos(2 * M_PI * uniform(2 * place + 1)));
}

int main(int argc, char **argv)
{
  PetscInt           n = 10000, d = 8, local, first, iterations, tile = 1024;
  PetscMPIInt        rank, size;
  PetscReal          q = 1.5, distance, separation, *y, *nearest;
  float             *rows;
  Mat                points;
  Tao                tao;
  TaoConvergedReason reason;

  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(&argc, &argv, NULL, help));
  PetscCall(PetscOptionsGetInt(NULL, NULL, "-points", &n, NULL));
  PetscCall(PetscOptionsGetInt(NULL, NULL, "-dimension", &d, NULL));
  PetscCall(PetscOptionsGetReal(NULL, NULL, "-query", &q, NULL));
  PetscCallMPI(MPI_Comm_rank(PETSC_COMM_WORLD, &rank));
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));

  /* Blocks of whole tiles of 1024 rows: the result is then the same to the bit on any number of ranks. */
  local = ((n + tile - 1) / tile + size - 1) / size * tile;
  first = PetscMin(local * rank, n);
  local = PetscMin(local, n - first);
  PetscCall(PetscMalloc3(local * d, &rows, d, &y, d, &nearest));
  for (PetscInt i = 0; i < local * d; ++i) rows[i] = gaussian((uint64_t)first * (uint64_t)d + (uint64_t)i);
  for (PetscInt k = 0; k < d; ++k) y[k] = q;

  PetscCall(HullscopeTaoRegister());
  PetscCall(HullscopeMatCreatePoints(PETSC_COMM_WORLD, local, d, PETSC_FLOAT, rows, &points));
  PetscCall(TaoCreate(PETSC_COMM_WORLD, &tao));
  PetscCall(HullscopeTaoSetQuery(tao, points, y, 1.0));
  PetscCall(TaoSetType(tao, TAOHULLSCOPE));
  PetscCall(TaoSetFromOptions(tao));
  PetscCall(HullscopeTaoPrepare(tao));
  PetscCall(TaoSolve(tao));

  PetscCall(TaoGetConvergedReason(tao, &reason));
  PetscCall(TaoGetIterationNumber(tao, &iterations));
  PetscCall(HullscopeTaoGetNearest(tao, nearest, &distance, &separation));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "distance %.17g separation %.17g iterations %" PetscInt_FMT " %s\n",
                        distance, separation, iterations, TaoConvergedReasons[reason]));

  PetscCall(TaoDestroy(&tao));
  PetscCall(MatDestroy(&points));
  PetscCall(PetscFree3(rows, y, nearest));
  PetscCall(PetscFinalize());
  return 0;
}
