// The BLAS calls of hullscope, without a BLAS header.
#pragma once
#include <cstdint>

namespace hullscope::linalg {

/// C = A B^T. A: m x k, B: n x k, C: m x n, all row-major, leading dimensions lda, ldb >= max(1, k), ldc >= n.
/// One BLAS thread a call; may be called from several threads at once. Not collective.
void multiply_transposed(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda,
                         const float* b, std::int64_t ldb, float* c, std::int64_t ldc);
void multiply_transposed(std::int64_t m, std::int64_t n, std::int64_t k, const double* a, std::int64_t lda,
                         const double* b, std::int64_t ldb, double* c, std::int64_t ldc);

}  // namespace hullscope::linalg
