#include <algorithm>
#include <cmath>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/exact_search.hpp>
#include <hullscope/hull/detail/flint.hpp>
#include <limits>
#include <numeric>
#include <optional>

namespace hullscope::hull::detail {
namespace {

using proof::Proof;
using proof::Verdict;

/// value = mantissa * 2^exponent, mantissa odd or 0.
struct Dyadic {
  std::int64_t mantissa = 0;
  int exponent = std::numeric_limits<int>::max();
};

Dyadic dyadic(double value) {
  if (value == 0) return {};
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  const std::int64_t mantissa = static_cast<std::int64_t>(std::ldexp(fraction, 53));
  const int zeros = __builtin_ctzll(static_cast<unsigned long long>(mantissa));
  return {mantissa >> zeros, exponent - 53 + zeros};
}

/// Rows minus y as integers in units of 2^exponent.
struct IntegerRows {
  IntegerRows(const PreparedPoints& points, const double* y, const std::vector<std::int64_t>& rows);
  int exponent;
  IntegerMatrix value;  // rows.size() x d
};

IntegerRows::IntegerRows(const PreparedPoints& points, const double* y, const std::vector<std::int64_t>& rows)
    : exponent(std::numeric_limits<int>::max()), value(rows.size(), static_cast<std::size_t>(points.dimension())) {
  const std::size_t d = static_cast<std::size_t>(points.dimension());
  std::vector<double> row(d);
  for (std::size_t k = 0; k < d; ++k) exponent = std::min(exponent, dyadic(y[k]).exponent);
  for (std::int64_t i : rows) {
    points.copy_row(i, row.data());
    for (double v : row) exponent = std::min(exponent, dyadic(v).exponent);
  }
  if (exponent == std::numeric_limits<int>::max()) exponent = 0;  // everything is zero
  Integer term;
  auto scaled = [&](double v) {
    const Dyadic x = dyadic(v);
    fmpz_set_si(term.get(), x.mantissa);
    if (x.mantissa != 0) fmpz_mul_2exp(term.get(), term.get(), static_cast<ulong>(x.exponent - exponent));
    return term.get();
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    points.copy_row(rows[i], row.data());
    for (std::size_t k = 0; k < d; ++k) {
      fmpz_set(value.at(i, k), scaled(row[k]));
      fmpz_sub(value.at(i, k), value.at(i, k), scaled(y[k]));
    }
  }
}

/// The point of smallest norm in the affine hull of the active rows: z = sum(numerator p) / denominator.
struct Minimiser {
  std::vector<Integer> numerator;  // one an active row; they sum to the denominator
  Integer denominator;             // > 0
  std::vector<Integer> z;          // sum(numerator * integer row), d of them
  int exponent = 0;                // of the integer rows
  bool zero = false;
};

enum class Rounding { down, up };

/// |v| / denominator * 2^exponent as a double, rounded as told, also among the subnormal numbers.
double length_quotient(const std::vector<Integer>& v, const Integer& denominator, int exponent, Rounding rounding) {
  Integer square, root, rest;
  for (const Integer& entry : v) fmpz_addmul(square.get(), entry.get(), entry.get());
  if (fmpz_is_zero(square.get())) return 0;
  // 2^(2 shift) square / denominator^2 has at least 2 * 70 bits.
  const slong bits = static_cast<slong>(fmpz_bits(square.get())) - 2 * static_cast<slong>(fmpz_bits(denominator.get()));
  const slong shift = std::max<slong>(0, (142 - bits) / 2 + 1);
  fmpz_mul_2exp(square.get(), square.get(), static_cast<ulong>(2 * shift));
  fmpz_sqrtrem(root.get(), rest.get(), square.get());
  const bool up = rounding == Rounding::up;
  if (up && !fmpz_is_zero(rest.get())) fmpz_add_ui(root.get(), root.get(), 1);
  (up ? fmpz_cdiv_q : fmpz_fdiv_q)(root.get(), root.get(), denominator.get());
  slong power = exponent - shift;
  const slong excess = std::max<slong>(static_cast<slong>(fmpz_bits(root.get())) - 53, -1074 - power);
  if (excess > 0) {
    (up ? fmpz_cdiv_q_2exp : fmpz_fdiv_q_2exp)(root.get(), root.get(), static_cast<ulong>(excess));
    power += excess;
  }
  return std::ldexp(fmpz_get_d(root.get()), static_cast<int>(power));
}

class ExactSearch {
 public:
  ExactSearch(const PreparedPoints& points, const ExactRequest& request, std::int32_t& steps)
      : points_(points), request_(request), steps_(steps), d_(static_cast<std::size_t>(points.dimension())) {}
  Proof run();

 private:
  void start();
  std::optional<Minimiser> affine_minimiser();
  void drop_blocking(const Minimiser& target);
  std::optional<std::int64_t> violated(const Minimiser& point);
  bool violates(const Minimiser& point, std::int64_t row) const;
  void double_direction(const Minimiser& point);
  Proof inside(const Minimiser& point) const;
  Proof outside(const Minimiser& point) const;
  std::vector<std::string> integer_direction(const Minimiser& point, bool shortened) const;
  double stored_distance(const Proof& proof) const;
  void store_support(const Minimiser& point, Proof& proof) const;

  const PreparedPoints& points_;
  const ExactRequest& request_;
  std::int32_t& steps_;
  std::size_t d_;
  std::vector<std::int64_t> active_;
  std::vector<Rational> weight_;
  std::vector<double> direction_;  // z / |z| to rounding
  double distance_ = 0;            // |z| / denominator to rounding, in the data's units
  double reach_ = 0;               // max |x - y| over the rows that take part
};

// --- The active set -----------------------------------------------------------------------------------------------

void ExactSearch::start() {
  std::vector<std::size_t> order(request_.start.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return request_.start_weight[a] > request_.start_weight[b]; });
  for (std::size_t j : order) {
    if (!(request_.start_weight[j] > 0) || active_.size() > d_) continue;
    active_.push_back(request_.start[j]);
    weight_.emplace_back();
    // Any positive rational will do; they need not sum to one until the first step, which divides by their sum.
    const Dyadic w = dyadic(std::max(request_.start_weight[j] / request_.start_weight[order[0]], 0x1p-60));
    fmpz_set_si(fmpq_numref(weight_.back().get()), w.mantissa);
    if (w.exponent >= 0)
      fmpz_mul_2exp(fmpq_numref(weight_.back().get()), fmpq_numref(weight_.back().get()),
                    static_cast<ulong>(w.exponent));
    else
      fmpq_div_2exp(weight_.back().get(), weight_.back().get(), static_cast<ulong>(-w.exponent));
  }
  if (active_.empty()) {
    for (std::int64_t i = 0; i < points_.size() && active_.empty(); ++i)
      if (request_.rows.allows(i)) active_.push_back(i);
    if (active_.empty()) throw InternalError("an exact hull test of no points at all.");
    weight_.emplace_back();
    fmpq_one(weight_.back().get());
  }
}

std::optional<Minimiser> ExactSearch::affine_minimiser() {
  ++steps_;
  const std::size_t k = active_.size();
  if (k > d_ + 1) return std::nullopt;  // dependent
  const IntegerRows rows(points_, request_.y, active_);
  Integer lift;
  fmpz_one(lift.get());
  fmpz_mul_2exp(lift.get(), lift.get(), static_cast<ulong>(std::abs(fmpz_mat_max_bits(rows.value.get()))));
  IntegerMatrix matrix(k, k), right(k, 1);
  if (k == d_ + 1) {
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = 0; j < d_; ++j) fmpz_set(matrix.at(j, i), rows.value.at(i, j));
      fmpz_set(matrix.at(d_, i), lift.get());
    }
    fmpz_set(right.at(d_, 0), lift.get());
  } else {
    IntegerMatrix transposed(d_, k);
    fmpz_mat_transpose(transposed.get(), rows.value.get());
    fmpz_mat_mul(matrix.get(), rows.value.get(), transposed.get());
    fmpz_mul(lift.get(), lift.get(), lift.get());
    for (std::size_t i = 0; i < k; ++i) {
      fmpz_one(right.at(i, 0));
      for (std::size_t j = 0; j < k; ++j) fmpz_add(matrix.at(i, j), matrix.at(i, j), lift.get());
    }
  }
  fmpq_mat_t solution;
  fmpq_mat_init(solution, static_cast<slong>(k), 1);
  const int solvable = fmpq_mat_solve_fmpz_mat(solution, matrix.get(), right.get());
  Minimiser result;
  result.exponent = rows.exponent;
  result.numerator.resize(k);
  if (solvable != 0) {
    IntegerMatrix numerators(k, 1);
    Integer common;
    fmpq_mat_get_fmpz_mat_matwise(numerators.get(), common.get(), solution);
    for (std::size_t i = 0; i < k; ++i) {
      fmpz_set(result.numerator[i].get(), numerators.at(i, 0));
      fmpz_add(result.denominator.get(), result.denominator.get(), numerators.at(i, 0));
    }
  }
  fmpq_mat_clear(solution);
  if (solvable == 0) return std::nullopt;
  if (fmpz_sgn(result.denominator.get()) < 0) {
    fmpz_neg(result.denominator.get(), result.denominator.get());
    for (Integer& n : result.numerator) fmpz_neg(n.get(), n.get());
  }
  result.z.resize(d_);
  result.zero = true;
  for (std::size_t j = 0; j < d_; ++j) {
    for (std::size_t i = 0; i < k; ++i) fmpz_addmul(result.z[j].get(), result.numerator[i].get(), rows.value.at(i, j));
    if (!fmpz_is_zero(result.z[j].get())) result.zero = false;
  }
  return result;
}

// One minor cycle: from the current weights towards the target until the first weight is zero; those leave.
void ExactSearch::drop_blocking(const Minimiser& target) {
  std::vector<Rational> goal(active_.size());
  Rational step, ratio, difference;
  bool blocked = false;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    fmpq_set_fmpz_frac(goal[i].get(), target.numerator[i].get(), target.denominator.get());
    if (fmpq_sgn(goal[i].get()) > 0) continue;
    fmpq_sub(difference.get(), weight_[i].get(), goal[i].get());
    if (fmpq_is_zero(difference.get()))
      fmpq_zero(ratio.get());
    else
      fmpq_div(ratio.get(), weight_[i].get(), difference.get());
    if (!blocked || fmpq_cmp(ratio.get(), step.get()) < 0) fmpq_set(step.get(), ratio.get());
    blocked = true;
  }
  std::vector<std::int64_t> rows;
  std::vector<Rational> weights;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    fmpq_sub(difference.get(), goal[i].get(), weight_[i].get());
    fmpq_addmul(weight_[i].get(), step.get(), difference.get());
    // A weight at zero whose goal is positive has only just entered.
    if (fmpq_sgn(weight_[i].get()) <= 0 && fmpq_sgn(goal[i].get()) <= 0) continue;
    rows.push_back(active_[i]);
    weights.push_back(weight_[i]);
  }
  active_ = std::move(rows);
  weight_ = std::move(weights);
}

// --- Pricing ------------------------------------------------------------------------------------------------------

// z as a unit vector of doubles, each entry to a few units of rounding, and |z|.
void ExactSearch::double_direction(const Minimiser& point) {
  direction_.assign(d_, 0);
  std::vector<slong> exponent(d_, 0);
  slong largest = std::numeric_limits<slong>::min();
  for (std::size_t j = 0; j < d_; ++j) {
    if (fmpz_is_zero(point.z[j].get())) continue;
    direction_[j] = fmpz_get_d_2exp(&exponent[j], point.z[j].get());
    largest = std::max(largest, exponent[j]);
  }
  double square = 0;
  for (std::size_t j = 0; j < d_; ++j) {
    const slong shift = exponent[j] - largest;
    direction_[j] = shift < -1000 ? 0 : std::ldexp(direction_[j], static_cast<int>(shift));
    square += direction_[j] * direction_[j];
  }
  const double length = std::sqrt(square);
  for (double& v : direction_) v /= length;
  slong below = 0;
  const double denominator = fmpz_get_d_2exp(&below, point.denominator.get());
  distance_ = std::ldexp(length / denominator,
                         static_cast<int>(std::clamp<slong>(largest - below + point.exponent, -1200, 1100)));
}

// Exactly: <p_row, z> < |z|^2 ?
bool ExactSearch::violates(const Minimiser& point, std::int64_t row) const {
  const IntegerRows one(points_, request_.y, {row});
  Integer left, right;
  for (std::size_t j = 0; j < d_; ++j) {
    fmpz_addmul(left.get(), one.value.at(0, j), point.z[j].get());
    fmpz_addmul(right.get(), point.z[j].get(), point.z[j].get());
  }
  fmpz_mul(left.get(), left.get(), point.denominator.get());
  const int shift = point.exponent - one.exponent;
  if (shift >= 0)
    fmpz_mul_2exp(right.get(), right.get(), static_cast<ulong>(shift));
  else
    fmpz_mul_2exp(left.get(), left.get(), static_cast<ulong>(-shift));
  return fmpz_cmp(left.get(), right.get()) < 0;
}

// A row beyond the supporting hyperplane at z: the lowest one where doubles can tell, else the first that exact
// arithmetic finds. None: z is the nearest point of the hull.
std::optional<std::int64_t> ExactSearch::violated(const Minimiser& point) {
  double_direction(point);
  std::vector<double> row(d_);
  std::vector<std::int64_t> doubtful;
  std::optional<std::int64_t> lowest;
  double least = std::numeric_limits<double>::infinity();
  reach_ = 0;
  const double slack = 0x1p-50 * distance_;
  for (std::int64_t i = 0; i < points_.size(); ++i) {
    if (!request_.rows.allows(i)) continue;
    points_.copy_row(i, row.data());
    double value = 0, size = 0, length = 0;
    for (std::size_t k = 0; k < d_; ++k) {
      const double difference = row[k] - request_.y[k], term = difference * direction_[k];
      value += term;
      size += std::abs(term);
      length += difference * points_.inverse_unit() * (difference * points_.inverse_unit());
    }
    reach_ = std::max(reach_, std::sqrt(length) * points_.unit());
    // Beyond separation()'s bound: the direction's own rounding, a few units an entry, relative to |z|.
    const double error = 0x1p-51 * static_cast<double>(d_ + 10) * size + 0x1p-1060 * static_cast<double>(d_) + slack;
    if (value + error < distance_) {
      if (value < least) least = value, lowest = i;
    } else if (!(value - error > distance_)) {
      doubtful.push_back(i);
    }
  }
  if (lowest) return lowest;
  for (std::int64_t i : doubtful)
    if (std::find(active_.begin(), active_.end(), i) == active_.end() && violates(point, i)) return i;
  return std::nullopt;
}

// --- Answers ------------------------------------------------------------------------------------------------------

void ExactSearch::store_support(const Minimiser& point, Proof& proof) const {
  std::vector<std::size_t> order(active_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return active_[a] < active_[b]; });
  Rational weight;
  mpq_t quotient;
  mpq_init(quotient);
  for (std::size_t i : order) {
    fmpq_set_fmpz_frac(weight.get(), point.numerator[i].get(), point.denominator.get());
    fmpq_get_mpq(quotient, weight.get());
    proof.support.push_back(active_[i]);
    proof.weight.push_back(std::max(mpq_get_d(quotient), std::numeric_limits<double>::denorm_min()));
  }
  mpq_clear(quotient);
}

Proof ExactSearch::inside(const Minimiser& point) const {
  Proof proof;
  proof.verdict = Verdict::inside;
  store_support(point, proof);
  return proof;
}

// z as integers; shortened to just as many bits as keep the bound of the distance to 2^-60 relative.
std::vector<std::string> ExactSearch::integer_direction(const Minimiser& point, bool shortened) const {
  slong largest = 0;
  for (const Integer& z : point.z) largest = std::max(largest, static_cast<slong>(fmpz_bits(z.get())));
  const double bits =
      72 + 0.5 * std::log2(static_cast<double>(d_)) + std::max(0.0, std::log2(reach_) - std::log2(distance_));
  const slong shift = shortened ? largest - static_cast<slong>(std::min(bits, 1e6)) : 0;
  std::vector<std::string> result;
  Integer entry;
  for (const Integer& z : point.z) {
    fmpz_set(entry.get(), z.get());
    if (shift > 0) fmpz_tdiv_q_2exp(entry.get(), entry.get(), static_cast<ulong>(shift));
    result.push_back(entry.decimal());
  }
  return result;
}

// |sum(w p)| / sum(w) for the weights as they are stored, rounded up.
double ExactSearch::stored_distance(const Proof& proof) const {
  const IntegerRows rows(points_, request_.y, proof.support);
  int exponent = std::numeric_limits<int>::max();
  for (double w : proof.weight) exponent = std::min(exponent, dyadic(w).exponent);
  std::vector<Integer> sum(d_);
  Integer weight, total;
  for (std::size_t i = 0; i < proof.support.size(); ++i) {
    const Dyadic w = dyadic(proof.weight[i]);
    fmpz_set_si(weight.get(), w.mantissa);
    fmpz_mul_2exp(weight.get(), weight.get(), static_cast<ulong>(w.exponent - exponent));
    fmpz_add(total.get(), total.get(), weight.get());
    for (std::size_t k = 0; k < d_; ++k) fmpz_addmul(sum[k].get(), weight.get(), rows.value.at(i, k));
  }
  return length_quotient(sum, total, rows.exponent, Rounding::up);
}

Proof ExactSearch::outside(const Minimiser& point) const {
  Proof proof;
  proof.verdict = Verdict::outside;
  store_support(point, proof);
  proof.distance_upper = stored_distance(proof);
  // The rounded direction turns every <x - y, z/|z|> by a few units of |x - y|.
  const double lower = distance_ * (1 - 0x1p-47) - 0x1p-48 * reach_;
  if (request_.allow_double_direction && lower > 0 && request_.settled(lower, proof.distance_upper)) {
    proof.direction = direction_;
    proof.distance_lower = lower;
  } else if (distance_ > 1e-290) {
    proof.exact_direction = integer_direction(point, true);
    proof.distance_lower = distance_ * (1 - 0x1p-47);
  } else {  // where doubles have few bits left, or none
    proof.exact_direction = integer_direction(point, false);
    proof.distance_lower = length_quotient(point.z, point.denominator, point.exponent, Rounding::down);
  }
  return proof;
}

Proof ExactSearch::run() {
  start();
  std::optional<Minimiser> point = affine_minimiser();
  while (!point) {  // the starting rows depend on one another: without the lightest
    active_.pop_back();
    weight_.pop_back();
    point = affine_minimiser();
  }
  Rational sum;
  for (const Rational& w : weight_) fmpq_add(sum.get(), sum.get(), w.get());
  for (Rational& w : weight_) fmpq_div(w.get(), w.get(), sum.get());
  while (true) {
    while (std::any_of(point->numerator.begin(), point->numerator.end(),
                       [](const Integer& n) { return fmpz_sgn(n.get()) <= 0; })) {
      if (request_.out_of_time()) return {};
      drop_blocking(*point);
      point = affine_minimiser();
      if (!point) throw InternalError("an exact active set became dependent.");
    }
    for (std::size_t i = 0; i < active_.size(); ++i)
      fmpq_set_fmpz_frac(weight_[i].get(), point->numerator[i].get(), point->denominator.get());
    if (point->zero) return inside(*point);
    const std::optional<std::int64_t> row = violated(*point);
    if (!row) return outside(*point);
    if (request_.out_of_time()) return {};
    active_.push_back(*row);
    weight_.emplace_back();
    point = affine_minimiser();
    if (!point) throw InternalError("an exact active set became dependent.");
  }
}

}  // namespace

Proof exact_search(const PreparedPoints& points, const ExactRequest& request, std::int32_t& steps) {
  clean_up_with_thread();
  return ExactSearch(points, request, steps).run();
}

}  // namespace hullscope::hull::detail
