// MPI calls whose error code is looked at. Private to this room.
#pragma once
#include <mpi.h>

#include <hullscope/parallel/comm.hpp>

namespace hullscope::parallel::detail {

/// Throws EnvironmentError with MPI's own words if `code` is an error.
void check(int code, const char* call);

inline MPI_Comm handle(const Comm& comm) {
  return *static_cast<MPI_Comm*>(comm.native());
}

/// Between MPI_Init and MPI_Finalize?
bool mpi_alive();

}  // namespace hullscope::parallel::detail
