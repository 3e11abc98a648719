// Sums in one fixed order of float64 operations: the same bits on every machine, rank count and thread count. What is
// stored is computed here; BLAS only says where to look.
#pragma once
#include <cstdint>

namespace hullscope::linalg {

/// sum_k (a_k - b_k)^2 in eight partial sums (k mod 8), added as ((0+4)+(2+6))+((1+5)+(3+7)). Neither overflows nor
/// underflows for float32 input.
double squared_distance(const float* a, const float* b, std::int64_t n);

/// sum_k a_k^2 in the same order.
double squared_norm(const float* a, std::int64_t n);

/// sum_k (a_k / a_norm - b_k / b_norm)^2 in the same order: twice the cosine distance, free of the cancellation of
/// 1 - cos for near directions. Norms > 0.
double squared_distance_of_directions(const float* a, double a_norm, const float* b, double b_norm, std::int64_t n);

/// Largest |a_k|; 0 for n = 0; NaN or infinity if there is one.
float largest_magnitude(const float* a, std::int64_t n);

}  // namespace hullscope::linalg
