// Memory that the ranks of a node share: a file without a name, mapped by each of them.
//
// Why not MPI_Win_allocate_shared: where /dev/shm has no room, Open MPI 4.1.4 reports it on one rank and leaves the
// others waiting for ever (seen in osc/sm), and where another program takes the room later, the first write ends the
// process (SIGBUS), because the window's file is sparse. A file whose blocks are allocated first fails on all ranks
// with a sentence, can lie anywhere, can be mapped read-only, and needs no collective destructor.
#pragma once
#include <cstddef>
#include <string>

#include <hullscope/parallel/comm.hpp>

namespace hullscope::parallel::detail {

enum class Sharing {
  kFirstRankWrites,  ///< the others' mapping is read-only
  kAllWrite          ///< by atomic operations, or each to its own part
};

class NodeMemory {
 public:
  NodeMemory() = default;
  /// Collective over `node`, the ranks of one node. `size` bytes, all zero. In /dev/shm if that has room, otherwise in
  /// TMPDIR, /tmp or /var/tmp, with a warning that says how to mend it; HULLSCOPE_SHARED_FOLDER names the only place.
  /// Throws EnvironmentError on every rank of the node where none has room.
  NodeMemory(const Comm& node, std::size_t size, Sharing sharing);
  ~NodeMemory();  // not collective
  NodeMemory(const NodeMemory&) = delete;
  NodeMemory& operator=(NodeMemory&& other) noexcept;
  std::byte* data() const { return data_; }
  void make_read_only() const;  ///< on this rank: a stray write is found at once

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hullscope::parallel::detail
