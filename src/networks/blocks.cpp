#include <hullscope/networks/blocks.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include <hullscope/networks/compute.hpp>

namespace hullscope::networks {

std::pair<std::int64_t, std::int64_t> blocks_of_rank(const parallel::Comm& comm, std::int64_t rows) {
  const auto blocks = block_count(rows);
  return {blocks * comm.rank() / comm.size(), blocks * (comm.rank() + 1) / comm.size()};
}

void for_each_block(std::int64_t first, std::int64_t last, std::int64_t threads,
                    const std::function<void(std::int64_t block)>& work) {
  std::atomic<std::int64_t> next = first;
  std::exception_ptr error;
  std::mutex mutex;
  const auto run = [&] {
    try {
      compute_deterministically();
      for (auto block = next++; block < last; block = next++) work(block);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
      next = last;
    }
  };
  std::vector<std::jthread> others;
  for (std::int64_t t = 1; t < std::min(threads, last - first); ++t) others.emplace_back(run);
  run();
  others.clear();  // joins
  if (error) std::rethrow_exception(error);
}

std::vector<std::int64_t> largest_entries(const Matrix<float>& rows) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(rows.rows()));
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    Eigen::Index best = 0;
    for (Eigen::Index j = 1; j < rows.cols(); ++j)
      if (rows(i, j) > rows(i, best)) best = j;
    result[static_cast<std::size_t>(i)] = best;
  }
  return result;
}

}  // namespace hullscope::networks
