#include <mpi.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <string>

#include <hullscope/base/error.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/detail/console.hpp>

namespace hullscope::parallel {

namespace {

bool started_by_a_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"})
    if (std::getenv(name)) return true;
  return false;
}

/// Settings of Open MPI that the user has not made.
void prepare_environment() {
  if (!started_by_a_launcher()) {
    // A process without mpirun then starts no daemon of its own.
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    // Such processes would share one folder for their sessions: the first to end removes it under one that begins.
    setenv("OMPI_MCA_orte_create_session_dirs", "false", 0);
  }
  // A rank that waits lets others have its core: with threads, other jobs or as many ranks as cores this is worth more
  // than the microsecond that it costs.
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
  // Containers often forbid to read another process's memory, and Open MPI 4 then fails loudly; ask on ourselves.
  char from = 1, to = 0;
  const iovec local{&to, 1}, remote{&from, 1};
  if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0 && errno == EPERM)
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
}

/// srun without PMI support starts N programs that each think they are alone.
void refuse_ranks_that_do_not_see_each_other(int size) {
  const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  if (size == 1 && tasks && std::atoi(tasks) > 1 && !std::getenv("OMPI_COMM_WORLD_SIZE"))
    throw EnvironmentError(std::string("Slurm started ") + tasks +
                           " tasks, but MPI sees each as a rank alone: start them by srun --mpi=pmix (srun --mpi=list "
                           "names what this cluster has) or by mpirun");
}

}  // namespace

Session::Session(int& argc, char**& argv) {
  prepare_environment();
  int provided = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS)
    throw EnvironmentError("MPI could not start");
  const Comm world = Comm::world();
  detail::set_world_rank(world.rank());
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  // On one node no second thread calls MPI.
  if (provided < MPI_THREAD_MULTIPLE && world.any(world.node().size() < world.size()))
    throw EnvironmentError(
        "this MPI library gives no MPI_THREAD_MULTIPLE, which runs on several nodes need: build it "
        "with threads, or run on one node");
  refuse_ranks_that_do_not_see_each_other(world.size());
}

Session::~Session() {
  if (std::uncaught_exceptions() > 0) MPI_Abort(MPI_COMM_WORLD, kExitFailed);
  MPI_Finalize();
}

}  // namespace hullscope::parallel
