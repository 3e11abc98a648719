// RAII over MPI communicators, with the few operations that the stages need. No mpi.h in public headers.
//
// A rule for every class with a collective destructor (here and in other rooms): while an exception unwinds the stack
// the other ranks may be anywhere, so the destructor then skips its collective part (see detail/unwinding.hpp). Only so
// does the error reach run_program(), which ends all ranks with it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hullscope::parallel {

/// A communicator. Copies share it. Every member but rank(), size() and native() is collective over it.
class Comm {
 public:
  static Comm world();  ///< needs a Session
  static Comm self();
  int rank() const;
  int size() const;
  bool root() const { return rank() == 0; }
  void barrier() const;
  double sum(double value) const;
  std::int64_t sum(std::int64_t value) const;
  double max(double value) const;
  std::int64_t max(std::int64_t value) const;
  bool any(bool value) const;
  void sum_in_place(std::span<float> values) const;
  void sum_in_place(std::span<double> values) const;
  std::string broadcast(const std::string& text, int root = 0) const;
  void broadcast_bytes(void* data, std::size_t size, int root = 0) const;
  std::vector<std::string> gather(const std::string& text) const;  ///< on every rank, by rank
  std::vector<std::int64_t> all_gather(std::int64_t value) const;
  Comm split(int colour, int key) const;  ///< colour >= 0; ranks of a colour, ordered by key, then by rank
  /// The ranks of this communicator that share this node's memory. HULLSCOPE_NODE_RANKS=K (for tests) makes K
  /// neighbouring ranks a node.
  Comm node() const;
  /// The MPI_Comm, as the address of one (for PETSc and HDF5 behind the scenes: *static_cast<MPI_Comm*>(native())).
  void* native() const;

 private:
  struct State;
  explicit Comm(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// MPI_Init_thread ... MPI_Finalize. One per process, first in main. Works without mpirun as one rank. Throws
/// EnvironmentError if MPI cannot start. Other libraries may use MPI while it lives (PETSc and HDF5 see it
/// initialised).
class Session {
 public:
  Session(int& argc, char**& argv);
  ~Session();
  Session(const Session&) = delete;
};

/// The whole life of a stage program: Session, signals, watchdog; runs body(world, arguments after the program's name).
/// An exception on any rank is written as one sentence, "hullscope: <what>", on standard error (once, also if every
/// rank throws), and all ranks end with its exit code within seconds: 2 UsageError and DataError, 75 Interrupted, 1 all
/// others. mpirun returns that code; with --quiet it adds no words of its own. Without an exception the exit code is
/// the largest that any rank's body returned.
int run_program(int argc, char** argv,
                const std::function<int(const Comm& world, std::vector<std::string> arguments)>& body);

}  // namespace hullscope::parallel
