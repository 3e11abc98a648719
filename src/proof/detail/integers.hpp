// Owners of FLINT's integers and integer matrices, and doubles as integers times powers of two.
#pragma once
#include <flint/flint.h>
#include <flint/fmpz.h>
#include <flint/fmpz_mat.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

namespace hullscope::proof::detail {

/// FLINT keeps spare memory for each thread; it is given back when this thread ends. To be called before FLINT is used.
inline void clean_up_with_thread() {
  struct Cleaner {
    ~Cleaner() { flint_cleanup(); }
  };
  thread_local const Cleaner cleaner;
  static_cast<void>(cleaner);
}

/// An integer of any size.
class Integer {
 public:
  Integer() { fmpz_init(value_); }
  ~Integer() { fmpz_clear(value_); }
  Integer(const Integer& other) { fmpz_init_set(value_, other.value_); }
  Integer(Integer&& other) noexcept {
    fmpz_init(value_);
    fmpz_swap(value_, other.value_);
  }
  Integer& operator=(Integer other) noexcept {
    fmpz_swap(value_, other.value_);
    return *this;
  }
  operator fmpz*() { return value_; }
  operator const fmpz*() const { return value_; }

 private:
  fmpz_t value_;
};

/// A matrix of integers.
class IntegerMatrix {
 public:
  IntegerMatrix(slong rows, slong cols) { fmpz_mat_init(value_, rows, cols); }
  ~IntegerMatrix() { fmpz_mat_clear(value_); }
  IntegerMatrix(const IntegerMatrix&) = delete;
  IntegerMatrix& operator=(const IntegerMatrix&) = delete;
  fmpz* at(slong i, slong j) const { return fmpz_mat_entry(value_, i, j); }
  slong rows() const { return fmpz_mat_nrows(value_); }
  slong cols() const { return fmpz_mat_ncols(value_); }
  operator fmpz_mat_struct*() { return value_; }
  operator const fmpz_mat_struct*() const { return value_; }

 private:
  fmpz_mat_t value_;
};

/// mantissa * 2^exponent, mantissa odd or zero.
struct Dyadic {
  std::int64_t mantissa = 0;
  int exponent = 0;
};

inline Dyadic dyadic(double x) {
  if (x == 0) return {};
  int e = 0;
  auto m = static_cast<std::int64_t>(std::ldexp(std::frexp(x, &e), 53));
  const int zeros = std::countr_zero(static_cast<std::uint64_t>(m));
  return {m / (std::int64_t{1} << zeros), e - 53 + zeros};
}

/// out = x * 2^-exponent, which must be an integer: x = 0 or its own exponent is not smaller.
inline void set_scaled(fmpz* out, double x, int exponent) {
  const Dyadic value = dyadic(x);
  fmpz_set_si(out, value.mantissa);
  if (value.mantissa != 0) fmpz_mul_2exp(out, out, static_cast<ulong>(value.exponent - exponent));
}

}  // namespace hullscope::proof::detail
