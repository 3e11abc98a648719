#include <hullscope/proof/exact.hpp>

#include <flint/nmod_mat.h>
#include <flint/ulong_extras.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include <hullscope/base/error.hpp>
#include <hullscope/proof/detail/gather.hpp>
#include <hullscope/proof/detail/integers.hpp>

namespace hullscope::proof {
namespace {

using detail::dyadic;
using detail::Integer;
using detail::IntegerMatrix;
using detail::set_scaled;

constexpr int kNoExponent = std::numeric_limits<int>::max();

/// The smallest exponent of the numbers as dyadics; kNoExponent if all are zero.
int least_exponent(std::span<const double> values, int start = kNoExponent) {
  for (const double x : values)
    if (x != 0) start = std::min(start, dyadic(x).exponent);
  return start;
}

/// num / den as f * 2^e with f rounded to nearest (53 bits), 0.5 <= |f| < 1 or f = 0. den != 0.
std::pair<double, long> nearest_ratio(const Integer& num, const Integer& den) {
  if (fmpz_is_zero(num)) return {0, 0};
  Integer n, d, q, r;
  fmpz_abs(n, num);
  fmpz_abs(d, den);
  // A quotient of 57 or 58 bits and a sticky bit below it: the conversion to double then rounds once, correctly.
  const long shift = 57 - (static_cast<long>(fmpz_bits(n)) - static_cast<long>(fmpz_bits(d)));
  if (shift > 0)
    fmpz_mul_2exp(n, n, static_cast<ulong>(shift));
  else
    fmpz_mul_2exp(d, d, static_cast<ulong>(-shift));
  fmpz_tdiv_qr(q, r, n, d);
  std::int64_t bits = fmpz_get_si(q);
  if (!fmpz_is_zero(r)) bits |= 1;
  const int sign = fmpz_sgn(num) * fmpz_sgn(den);
  int e = 0;
  const double f = std::frexp(static_cast<double>(bits), &e);
  return {sign * f, e - shift};
}

double nearest_double(const Integer& num, const Integer& den) {
  const auto [f, e] = nearest_ratio(num, den);
  return std::ldexp(f, static_cast<int>(std::clamp(e, -3000L, 3000L)));
}

/// Sign of a 2^ea - b 2^eb.
int compare(const Integer& a, long ea, const Integer& b, long eb) {
  Integer shifted;
  if (ea >= eb) {
    fmpz_mul_2exp(shifted, a, static_cast<ulong>(ea - eb));
    return fmpz_cmp(shifted, b);
  }
  fmpz_mul_2exp(shifted, b, static_cast<ulong>(eb - ea));
  return fmpz_cmp(a, shifted);
}

/// The equations  sum_{i>0} l_i (x_i - x_0) = y - x_0,  each scaled by a power of two to integers.
struct Equations {
  IntegerMatrix left, right;
  Equations(const Matrix<double>& rows, std::span<const double> y)
      : left(rows.cols(), rows.rows() - 1), right(rows.cols(), 1) {
    Integer origin;
    for (Eigen::Index j = 0; j < rows.cols(); ++j) {
      const Vector<double> column = rows.col(j);
      const double target = y[static_cast<std::size_t>(j)];
      const int e =
          least_exponent({&target, 1}, least_exponent({column.data(), static_cast<std::size_t>(column.size())}));
      set_scaled(origin, column(0), e);
      for (Eigen::Index i = 1; i < column.size(); ++i) {
        set_scaled(left.at(j, i - 1), column(i), e);
        fmpz_sub(left.at(j, i - 1), left.at(j, i - 1), origin);
      }
      set_scaled(right.at(j, 0), target, e);
      fmpz_sub(right.at(j, 0), right.at(j, 0), origin);
    }
  }
};

/// Rows and columns of a nonsingular square part that is as large as the rank modulo a prime. It is nonsingular over
/// the rationals too; the rank there may be larger.
struct Pivots {
  std::vector<slong> row, column;
};

Pivots pivots_modulo(const IntegerMatrix& a, mp_limb_t prime) {
  nmod_mat_t reduced;
  nmod_mat_init(reduced, a.rows(), a.cols(), prime);
  fmpz_mat_get_nmod_mat(reduced, a);
  std::vector<slong> order(static_cast<std::size_t>(a.rows()));
  std::iota(order.begin(), order.end(), 0);
  const slong rank = nmod_mat_lu(order.data(), reduced, 0);
  Pivots pivots;
  for (slong i = 0, j = 0; i < rank; ++i, ++j) {
    // The upper part is in echelon form. Below the diagonal of a skipped column stand entries of L, so only columns
    // from the last pivot on are looked at.
    while (nmod_mat_entry(reduced, i, j) == 0) ++j;
    pivots.row.push_back(order[static_cast<std::size_t>(i)]);
    pivots.column.push_back(j);
  }
  nmod_mat_clear(reduced);
  return pivots;
}

/// Solves the square, nonsingular part exactly: z (a column) and den with part * z = den * rhs.
void solve_part(IntegerMatrix& z, Integer& den, const Pivots& pivots, const IntegerMatrix& a, const IntegerMatrix& b,
                slong b_column) {
  const auto n = static_cast<slong>(pivots.row.size());
  IntegerMatrix part(n, n), rhs(n, 1);
  for (slong i = 0; i < n; ++i) {
    const slong row = pivots.row[static_cast<std::size_t>(i)];
    for (slong j = 0; j < n; ++j) fmpz_set(part.at(i, j), a.at(row, pivots.column[static_cast<std::size_t>(j)]));
    fmpz_set(rhs.at(i, 0), b.at(row, b_column));
  }
  constexpr slong kDixonFrom = 12;  // measured: below it fraction-free elimination is faster
  const int solved =
      n < kDixonFrom ? fmpz_mat_solve_fflu(z, den, part, rhs) : fmpz_mat_solve_dixon_den(z, den, part, rhs);
  if (solved == 0) throw InternalError("an exact system with a nonzero determinant was called singular");
}

/// Exactly: a(:, columns) * z == den * b(:, b_column), on all rows?
bool holds(const IntegerMatrix& a, const std::vector<slong>& columns, const IntegerMatrix& z, const Integer& den,
           const IntegerMatrix& b, slong b_column) {
  Integer left, right;
  for (slong i = 0; i < a.rows(); ++i) {
    fmpz_zero(left);
    for (std::size_t j = 0; j < columns.size(); ++j)
      fmpz_addmul(left, a.at(i, columns[j]), z.at(static_cast<slong>(j), 0));
    fmpz_mul(right, den, b.at(i, b_column));
    if (!fmpz_equal(left, right)) return false;
  }
  return true;
}

/// Independent equations of a matrix of full column rank, or nothing if its columns are dependent. Full rank modulo a
/// prime proves full rank; dependence is proved by one exact dependency of a further column on the pivot columns.
std::vector<slong> independent_rows(const IntegerMatrix& a) {
  if (a.cols() > a.rows()) return {};
  for (mp_limb_t prime = n_nextprime(mp_limb_t{1} << 62, 1);; prime = n_nextprime(prime, 1)) {
    Pivots pivots = pivots_modulo(a, prime);
    if (static_cast<slong>(pivots.row.size()) == a.cols()) return pivots.row;
    slong further = 0;
    while (further < static_cast<slong>(pivots.column.size()) &&
           pivots.column[static_cast<std::size_t>(further)] == further)
      ++further;
    IntegerMatrix z(static_cast<slong>(pivots.column.size()), 1);
    Integer den;
    fmpz_one(den);
    if (!pivots.row.empty()) solve_part(z, den, pivots, a, a, further);
    if (holds(a, pivots.column, z, den, a, further)) return {};
  }
}

Barycentric from_solution(const IntegerMatrix& z, const Integer& den) {
  Barycentric out;
  out.status = Solvability::unique;
  Integer first(den), value;
  for (slong i = 0; i < z.rows(); ++i) fmpz_sub(first, first, z.at(i, 0));
  for (slong i = -1; i < z.rows(); ++i) {
    fmpz_set(value, i < 0 ? static_cast<const fmpz*>(first) : z.at(i, 0));
    out.weight.push_back(nearest_double(value, den));
    out.sign.push_back(fmpz_sgn(value) * fmpz_sgn(den));
  }
  return out;
}

}  // namespace

Barycentric exact_barycentric(const PointsView& points, std::span<const std::int64_t> support,
                              std::span<const double> y) {
  detail::clean_up_with_thread();
  Barycentric out;
  if (support.empty()) return out;
  const Matrix<double> rows = detail::gather(points, support);
  const slong n = rows.rows() - 1;
  const Equations equations(rows, y);
  std::vector<slong> chosen, columns(static_cast<std::size_t>(n));
  std::iota(columns.begin(), columns.end(), 0);
  if (n > 0) {
    chosen = independent_rows(equations.left);
    if (chosen.empty()) {
      out.status = Solvability::dependent;
      return out;
    }
  }
  IntegerMatrix z(n, 1);
  Integer den;
  fmpz_one(den);
  if (n > 0) solve_part(z, den, {chosen, columns}, equations.left, equations.right, 0);
  // Also the equations that were solved are tried: the proof then rests on multiplication alone.
  if (!holds(equations.left, columns, z, den, equations.right, 0)) return out;
  return from_solution(z, den);
}

// ------------------------------------------------------------------------------------------------ directions

struct ExactDirection::State {
  std::vector<Integer> r;  ///< the direction is r * 2^exponent
  long exponent = 0;
  Integer norm2;  ///< sum of squares of r

  void finish() {
    for (const Integer& x : r) fmpz_addmul(norm2, x, x);
  }

  /// <x_row - y, r> = out * 2^(returned exponent)
  long dot(Integer& out, const PointsView& points, std::int64_t row, std::span<const double> y) const {
    fmpz_zero(out);
    const std::int64_t one[] = {row};
    const Matrix<double> x = detail::gather(points, one);
    if (static_cast<std::size_t>(x.cols()) != r.size() || y.size() != r.size())
      throw UsageError("a direction of " + std::to_string(r.size()) + " numbers was used on points of " +
                       std::to_string(x.cols()) + " coordinates; the numbers must agree");
    int e = least_exponent(y, least_exponent({x.data(), r.size()}));
    if (e == kNoExponent) e = 0;
    Integer a, b;
    for (std::size_t k = 0; k < r.size(); ++k) {
      set_scaled(a, x(0, static_cast<Eigen::Index>(k)), e);
      set_scaled(b, y[k], e);
      fmpz_sub(a, a, b);
      fmpz_addmul(out, a, r[k]);
    }
    return e + exponent;
  }

  /// dot > 0 and dot >= lower |r|, for the dot that is value * 2^e.
  bool at_least(const Integer& value, long e, double lower) const {
    if (fmpz_sgn(value) <= 0) return false;
    Integer left, right;
    fmpz_mul(left, value, value);
    const detail::Dyadic bound = dyadic(lower);
    fmpz_set_si(right, bound.mantissa);
    fmpz_mul(right, right, right);
    fmpz_mul(right, right, norm2);
    return compare(left, 2 * e, right, 2L * bound.exponent + 2 * exponent) >= 0;
  }
};

ExactDirection::ExactDirection(std::span<const double> r) : state_(std::make_unique<State>()) {
  detail::clean_up_with_thread();
  const int e = least_exponent(r);
  state_->exponent = e == kNoExponent ? 0 : e;
  state_->r.resize(r.size());
  for (std::size_t k = 0; k < r.size(); ++k) set_scaled(state_->r[k], r[k], e);
  state_->finish();
}

ExactDirection::ExactDirection(const std::vector<std::string>& integers) : state_(std::make_unique<State>()) {
  detail::clean_up_with_thread();
  state_->r.resize(integers.size());
  for (std::size_t k = 0; k < integers.size(); ++k) {
    const std::string& text = integers[k];
    const std::size_t sign = !text.empty() && text[0] == '-' ? 1 : 0;
    const bool digits = text.size() > sign && std::all_of(text.begin() + static_cast<std::ptrdiff_t>(sign), text.end(),
                                                          [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || fmpz_set_str(state_->r[k], text.c_str(), 10) != 0)
      throw UsageError("entry " + std::to_string(k) + " of an exact direction is '" + text.substr(0, 40) +
                       "'; an integer in decimal was expected");
  }
  state_->finish();
}

ExactDirection::~ExactDirection() = default;
ExactDirection::ExactDirection(ExactDirection&&) noexcept = default;
ExactDirection& ExactDirection::operator=(ExactDirection&&) noexcept = default;

std::size_t ExactDirection::size() const {
  return state_->r.size();
}
bool ExactDirection::zero() const {
  return fmpz_is_zero(state_->norm2);
}

std::vector<double> ExactDirection::unit() const {
  std::vector<double> out;
  Integer square;
  for (const Integer& x : state_->r) {
    fmpz_mul(square, x, x);
    auto [f, e] = nearest_ratio(square, state_->norm2);  // x^2 / |r|^2, whose root has no overflow on the way
    if (e % 2 != 0) {
      f *= 2;
      --e;
    }
    const double size = std::ldexp(std::sqrt(f), static_cast<int>(std::max(e / 2, -3000L)));
    out.push_back(fmpz_sgn(x) < 0 ? -size : size);
  }
  return out;
}

int ExactDirection::side(const PointsView& points, std::int64_t row, std::span<const double> y) const {
  Integer value;
  state_->dot(value, points, row, y);
  return fmpz_sgn(value);
}

bool ExactDirection::separates(const PointsView& points, std::int64_t row, std::span<const double> y,
                               double lower) const {
  Integer value;
  const long e = state_->dot(value, points, row, y);
  return state_->at_least(value, e, lower);
}

double ExactDirection::distance_lower(const PointsView& points, std::span<const std::int64_t> rows_wanted,
                                      std::span<const double> y) const {
  if (zero() || rows_wanted.empty()) return 0;
  Integer value, least;
  long least_e = 0;
  for (std::size_t i = 0; i < rows_wanted.size(); ++i) {
    const long e = state_->dot(value, points, rows_wanted[i], y);
    if (i > 0 && compare(value, e, least, least_e) >= 0) continue;
    fmpz_set(least, value);
    least_e = e;
  }
  if (fmpz_sgn(least) <= 0) return 0;
  // least / |r| = 2^(least_e - exponent) sqrt(least^2 / norm2), near enough to be stepped to the right double.
  Integer square;
  fmpz_mul(square, least, least);
  auto [f, fe] = nearest_ratio(square, state_->norm2);
  if (fe % 2 != 0) {
    f *= 2;
    --fe;
  }
  constexpr double largest = std::numeric_limits<double>::max(), infinity = std::numeric_limits<double>::infinity();
  const long e = std::clamp(fe / 2 + least_e - state_->exponent, -3000L, 3000L);
  double bound = std::min(std::ldexp(std::sqrt(f), static_cast<int>(e)), largest);
  while (bound > 0 && !state_->at_least(least, least_e, bound)) bound = std::nextafter(bound, 0.0);
  while (bound < largest && state_->at_least(least, least_e, std::nextafter(bound, infinity)))
    bound = std::nextafter(bound, infinity);
  return bound;
}

// ------------------------------------------------------------------------------------------------ distances

bool exact_distance_within(const PointsView& points, std::span<const std::int64_t> support,
                           std::span<const double> weight, std::span<const double> y, double upper) {
  detail::clean_up_with_thread();
  const Matrix<double> x = detail::gather(points, support);
  int e = least_exponent(y, least_exponent({x.data(), static_cast<std::size_t>(x.size())}));
  if (e == kNoExponent) e = 0;
  const int we = least_exponent(weight);
  std::vector<Integer> w(weight.size());
  Integer total, squares, sum, a, b;
  for (std::size_t i = 0; i < w.size(); ++i) {
    set_scaled(w[i], weight[i], we);
    fmpz_add(total, total, w[i]);
  }
  for (Eigen::Index k = 0; k < x.cols(); ++k) {
    fmpz_zero(sum);
    set_scaled(b, y[static_cast<std::size_t>(k)], e);
    for (std::size_t i = 0; i < w.size(); ++i) {
      set_scaled(a, x(static_cast<Eigen::Index>(i), k), e);
      fmpz_sub(a, a, b);
      fmpz_addmul(sum, a, w[i]);
    }
    fmpz_addmul(squares, sum, sum);
  }
  // sum of squares * 2^(2 e) <= (upper * total)^2; the weights' power of two stands on both sides.
  const detail::Dyadic bound = dyadic(upper);
  fmpz_set_si(a, bound.mantissa);
  fmpz_mul(a, a, total);
  fmpz_mul(a, a, a);
  return compare(squares, 2L * e, a, 2L * bound.exponent) <= 0;
}

}  // namespace hullscope::proof
