// Evaluation in fixed blocks: a row's result depends on its own block only, not on ranks or threads.
#pragma once
#include <cstdint>
#include <functional>
#include <utility>

#include <hullscope/base/matrix.hpp>
#include <hullscope/networks/model.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::networks {

/// Rows of a block. Block b holds rows [512 b, 512 b + 512); the last one is filled up with zero rows, so that every
/// product of an evaluation has the same shape (the bits of a BLAS product depend on it).
inline constexpr std::int64_t kBlockRows = 512;

inline std::int64_t block_count(std::int64_t rows) {
  return (rows + kBlockRows - 1) / kBlockRows;
}

/// The blocks [first, last) of this rank: contiguous, shared out as evenly as whole blocks allow.
std::pair<std::int64_t, std::int64_t> blocks_of_rank(const parallel::Comm& comm, std::int64_t rows);

/// Calls work(block) for each block in [first, last), on `threads` threads that take the next one when they are free.
/// An exception of a thread is thrown again here, after all have ended.
void for_each_block(std::int64_t first, std::int64_t last, std::int64_t threads,
                    const std::function<void(std::int64_t block)>& work);

/// The largest entry's index, the smaller one of equals; one a row.
std::vector<std::int64_t> largest_entries(const Matrix<float>& rows);

}  // namespace hullscope::networks
