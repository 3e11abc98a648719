// Sums of doubles that have the same bits on every instruction set: eight partial sums, by position modulo 8, added in
// one order; no fused multiply-add. The loops in which the small solves and exact values of rows spend their time.
#pragma once
#include <cstdint>

namespace hullscope::hull::detail {

struct EightSums {
  /// h = Q^T v; k columns of n doubles, n a multiple of 8.
  void (*transposed_product)(const double* q, std::int64_t n, std::int64_t k, const double* v, double* h);
  /// v -= Q h, the same Q.
  void (*subtract_product)(const double* q, std::int64_t n, std::int64_t k, const double* h, double* v);
  /// score = W^T u over `count` blocks of eight columns, m rows.
  void (*block_scores)(const double* blocks, std::int64_t count, std::int64_t m, const double* u, double* score);
  /// The largest of  sum_k factor[k] column_k + constant  over `rows` rows (a multiple of 8), 2 d flop a row. constant
  /// may be null; score, if given, takes each row's value.
  double (*largest_combination)(const double* columns, std::int64_t rows, std::int64_t d, const double* factor,
                                const double* constant, double* score);
  double (*dot)(const double* a, const double* b, std::int64_t n);
  /// y += f x
  void (*add_multiple)(double* y, double f, const double* x, std::int64_t n);

  struct Value {
    double sum, size;  ///< of the terms, and of their absolute values
  };
  /// sum (x_k - y_k) u_k
  Value (*difference_product_f32)(const float* x, const double* y, const double* u, std::int64_t n);
  Value (*difference_product_f64)(const double* x, const double* y, const double* u, std::int64_t n);
  /// sum ((x_k - y_k) factor)^2
  double (*squared_distance_f32)(const float* x, const double* y, double factor, std::int64_t n);
  double (*squared_distance_f64)(const double* x, const double* y, double factor, std::int64_t n);
};

/// For this machine.
const EightSums& eight_sums();

}  // namespace hullscope::hull::detail
