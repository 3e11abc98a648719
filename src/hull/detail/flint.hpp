// RAII over the FLINT types that exact_search needs.
#pragma once
#include <flint/flint.h>
#include <flint/fmpq.h>
#include <flint/fmpq_mat.h>
#include <flint/fmpz.h>
#include <flint/fmpz_mat.h>

#include <cstdint>
#include <string>

namespace hullscope::hull::detail {

/// FLINT keeps spare memory for each thread; it is given back when this thread ends. To be called before FLINT is used.
inline void clean_up_with_thread() {
  struct Cleaner {
    ~Cleaner() { flint_cleanup(); }
  };
  thread_local const Cleaner cleaner;
  static_cast<void>(cleaner);
}

class Integer {
 public:
  Integer() { fmpz_init(value_); }
  ~Integer() { fmpz_clear(value_); }
  Integer(const Integer& other) { fmpz_init_set(value_, other.value_); }
  Integer(Integer&& other) noexcept {
    fmpz_init(value_);
    fmpz_swap(value_, other.value_);
  }
  Integer& operator=(const Integer& other) {
    fmpz_set(value_, other.value_);
    return *this;
  }
  Integer& operator=(Integer&& other) noexcept {
    fmpz_swap(value_, other.value_);
    return *this;
  }
  fmpz* get() { return value_; }
  const fmpz* get() const { return value_; }
  std::string decimal() const {
    char* text = fmpz_get_str(nullptr, 10, value_);
    std::string result = text;
    flint_free(text);
    return result;
  }

 private:
  fmpz_t value_;
};

class Rational {
 public:
  Rational() { fmpq_init(value_); }
  ~Rational() { fmpq_clear(value_); }
  Rational(const Rational& other) {
    fmpq_init(value_);
    fmpq_set(value_, other.value_);
  }
  Rational& operator=(const Rational& other) {
    fmpq_set(value_, other.value_);
    return *this;
  }
  fmpq* get() { return value_; }
  const fmpq* get() const { return value_; }

 private:
  fmpq_t value_;
};

class IntegerMatrix {
 public:
  IntegerMatrix(std::size_t rows, std::size_t cols) {
    fmpz_mat_init(value_, static_cast<slong>(rows), static_cast<slong>(cols));
  }
  ~IntegerMatrix() { fmpz_mat_clear(value_); }
  IntegerMatrix(const IntegerMatrix&) = delete;
  IntegerMatrix& operator=(const IntegerMatrix&) = delete;
  fmpz* at(std::size_t i, std::size_t j) {
    return fmpz_mat_entry(value_, static_cast<slong>(i), static_cast<slong>(j));
  }
  const fmpz* at(std::size_t i, std::size_t j) const {
    return fmpz_mat_entry(value_, static_cast<slong>(i), static_cast<slong>(j));
  }
  fmpz_mat_struct* get() { return value_; }
  const fmpz_mat_struct* get() const { return value_; }

 private:
  fmpz_mat_t value_;
};

}  // namespace hullscope::hull::detail
