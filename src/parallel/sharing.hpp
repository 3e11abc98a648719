// Work of unequal cost, shared between ranks: each takes the next index when it is free.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include <hullscope/parallel/comm.hpp>

namespace hullscope::parallel {

/// A counter that all ranks draw from. The constructor and destructor are collective; next() is not, may be called by
/// any thread, and never waits for another rank's computation: on one node it is an atomic in shared memory, on several
/// a thread of rank 0 answers (within about a millisecond, so hand out work of 0.1 s or more).
class WorkCounter {
 public:
  explicit WorkCounter(const Comm& comm);
  ~WorkCounter();
  WorkCounter(const WorkCounter&) = delete;
  std::int64_t next();  ///< 0, 1, 2, ... each to exactly one caller in the group

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Block b of n items in blocks of `size`: [first, last).
inline std::pair<std::int64_t, std::int64_t> block(std::int64_t b, std::int64_t n, std::int64_t size) {
  const std::int64_t first = b * size, last = first + size < n ? first + size : n;
  return {first, last};
}

/// An array of which each node holds one copy, however many ranks it has: a mapped file without a name in
/// /dev/shm, or, where that is too small (64 MB in many containers), on disk with a warning that says how to mend it.
/// The destructor is not collective.
class SharedBytes {
 public:
  /// Collective. `fill` runs on one rank of each node only and writes all bytes (zeros before); it may use MPI only
  /// among those ranks. An exception of `fill` is thrown on that rank. Throws EnvironmentError on every rank of the
  /// node if it has no room. HULLSCOPE_SHARED_FOLDER names the only folder to try.
  SharedBytes(const Comm& comm, std::size_t size, const std::function<void(std::span<std::byte>)>& fill);
  /// Collective. Zeros, which the ranks of a node write together through writable(): who reads what another has written
  /// sees to a barrier in between. Throws as above.
  SharedBytes(const Comm& comm, std::size_t size);
  ~SharedBytes();
  SharedBytes(SharedBytes&&) noexcept;
  std::span<const std::byte> bytes() const;
  /// Of an array made without `fill`.
  std::span<std::byte> writable();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hullscope::parallel
