#include <hullscope/parallel/detail/mpi.hpp>
#include <hullscope/parallel/detail/node_cells.hpp>

namespace hullscope::parallel::detail {

NodeCells::NodeCells(const Comm& node, int count) : node_(node), count_(count) {
  const MPI_Aint bytes = node.root() ? static_cast<MPI_Aint>(sizeof(std::int64_t)) * count : 0;
  void* base = nullptr;
  check(MPI_Win_allocate_shared(bytes, sizeof(std::int64_t), MPI_INFO_NULL, handle(node), &base, &window_),
        "MPI_Win_allocate_shared");
  MPI_Aint size = 0;
  int unit = 0;
  check(MPI_Win_shared_query(window_, 0, &size, &unit, &base), "MPI_Win_shared_query");
  cells_ = static_cast<std::int64_t*>(base);
  if (node.root())
    for (int i = 0; i < count; ++i) (*this)[i].store(0);
  node.barrier();
}

NodeCells::~NodeCells() {
  if (!unwinding_.now() && mpi_alive()) MPI_Win_free(&window_);
}

}  // namespace hullscope::parallel::detail
