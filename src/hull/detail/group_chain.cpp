#include <mpi.h>

#include <cmath>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/group_chain.hpp>

namespace hullscope::hull::detail {

GroupChain::GroupChain(parallel::Comm group, std::int64_t own, std::int64_t total)
    : group_(std::move(group)), total_(total) {
  std::int64_t sum = 0;
  const std::vector<std::int64_t> counts = group_.all_gather(own);
  for (std::size_t r = 0; r < counts.size(); ++r) {
    if (static_cast<int>(r) == group_.rank()) first_ = sum;
    sum += counts[r];
  }
  if (sum != total_) throw InternalError("the ranks of a group do not hold the rows of a point set between them");
}

// MPI's maximum of a NaN is not defined.
double GroupChain::largest(double value) const {
  return group_.any(std::isnan(value)) ? NAN : group_.max(value);
}

void GroupChain::in_turn(std::span<double> numbers, const std::function<void()>& add) const {
  const MPI_Comm comm = *static_cast<MPI_Comm*>(group_.native());
  const int rank = group_.rank(), size = static_cast<int>(numbers.size()), last = group_.size() - 1;
  constexpr int kTag = 1701;
  int code = MPI_SUCCESS;
  if (rank > 0) code = MPI_Recv(numbers.data(), size, MPI_DOUBLE, rank - 1, kTag, comm, MPI_STATUS_IGNORE);
  if (code == MPI_SUCCESS) add();
  if (code == MPI_SUCCESS && rank < last) code = MPI_Send(numbers.data(), size, MPI_DOUBLE, rank + 1, kTag, comm);
  if (code == MPI_SUCCESS) code = MPI_Bcast(numbers.data(), size, MPI_DOUBLE, last, comm);
  if (code != MPI_SUCCESS) throw EnvironmentError("MPI failed between the ranks that share a point set; run it again.");
}

}  // namespace hullscope::hull::detail
