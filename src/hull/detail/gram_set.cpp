#include <hullscope/hull/detail/gram_set.hpp>

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <hullscope/hull/detail/eight_sums.hpp>

namespace hullscope::hull::detail {
namespace {

constexpr std::size_t kStep = 32;  // columns by which a working set grows

double dot(const double* a, const double* b, std::size_t n) {
  return eight_sums().dot(a, b, static_cast<std::int64_t>(n));
}

// y += f x
void add_multiple(double* y, double f, const double* x, std::size_t n) {
  eight_sums().add_multiple(y, f, x, static_cast<std::int64_t>(n));
}

}  // namespace

void GramSet::reset(std::int64_t d, double lift) {
  d_ = static_cast<std::size_t>(d);
  lift_ = lift;
  known_ = 0;
  weak_ = false;
  column_.clear(), row_.clear(), active_.clear(), weight_.clear(), closed_.clear(), z_.clear();
  direction_.assign(d_, 0);
}

void GramSet::add(const double* p, std::int64_t row) {
  // Small steps: a thousand working sets take what they need, not twice as much.
  if (column_.size() + d_ > column_.capacity()) column_.reserve(column_.size() + kStep * d_);
  column_.insert(column_.end(), p, p + d_);
  row_.push_back(row);
  closed_.push_back(0);
}

// K of the new columns with all: 2 d flop an entry.
void GramSet::extend_gram() {
  const std::size_t n = row_.size(), fresh = n - known_;
  if (fresh == 0) return;
  if (n > capacity_) {
    const std::size_t larger = (n + kStep - 1) / kStep * kStep;
    std::vector<double> gram(larger * larger), factor(larger * larger);
    for (std::size_t i = 0; i < known_; ++i)
      std::copy_n(gram_.data() + i * capacity_, known_, gram.data() + i * larger);
    for (std::size_t i = 0; i < active_.size(); ++i)
      std::copy_n(factor_.data() + i * capacity_, i + 1, factor.data() + i * larger);
    gram_.swap(gram), factor_.swap(factor);
    capacity_ = larger;
  }
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(fresh), static_cast<int>(n),
              static_cast<int>(d_), 1, column_.data() + known_ * d_, static_cast<int>(d_), column_.data(),
              static_cast<int>(d_), 0, gram_.data() + known_ * capacity_, static_cast<int>(capacity_));
  for (std::size_t i = known_; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) gram_[i * capacity_ + j] += lift_ * lift_;
  for (std::size_t i = 0; i < known_; ++i)
    for (std::size_t j = known_; j < n; ++j) gram_[i * capacity_ + j] = gram_[j * capacity_ + i];
  known_ = n;
}

void GramSet::minimise() {
  extend_gram();
  std::fill(closed_.begin(), closed_.end(), std::uint8_t{0});
  for (const std::int64_t j : active_) closed_[static_cast<std::size_t>(j)] = 1;
  std::size_t together = 8;
  double before = -1;
  for (std::size_t step = 0; step < 100 + 4 * row_.size(); ++step) {
    sum_ = 0;
    for (const double w : weight_) sum_ += w;
    if (1 - sum_ < kWeak * kWeak) break;
    if (!(sum_ > before)) {  // no progress but rounding
      if (together == 1) break;
      together = 1;
    }
    before = sum_;
    gradient();
    if (!extend(together) || !settle()) break;
  }
  measure();
}

// gradient_ = s^2 - K l: how far each column lies beyond the supporting hyperplane.
void GramSet::gradient() {
  gradient_.assign(row_.size(), lift_ * lift_);
  for (std::size_t i = 0; i < active_.size(); ++i)
    add_multiple(gradient_.data(), -weight_[i], gram(active_[i]), row_.size());
}

// Enters up to `count` of the most violated columns; until the first can lower the residual, columns are only banned.
bool GramSet::extend(std::size_t count) {
  const double residual = lift_ * lift_ * std::max(0.0, 1 - sum_);
  const double tolerance = std::max(1e-9 * residual / lift_, 1e-14 * lift_);
  order_.clear();
  for (std::size_t j = 0; j < row_.size(); ++j) {
    const double length = std::sqrt(gram_[j * capacity_ + j]);
    if (closed_[j] == 0 && gradient_[j] > tolerance * length) order_.push_back(static_cast<std::int64_t>(j));
  }
  const std::size_t looked_at = std::min(order_.size(), 2 * count + 4);
  std::partial_sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(looked_at), order_.end(),
                    [&](std::int64_t a, std::int64_t b) {
                      const double x = gradient_[static_cast<std::size_t>(a)],
                                   y = gradient_[static_cast<std::size_t>(b)];
                      return x > y || (x == y && a < b);
                    });
  bool entered = false;
  for (std::size_t i = 0; i < looked_at && count > 0; ++i) {
    closed_[static_cast<std::size_t>(order_[i])] = 1;
    if (!enter(order_[i])) continue;
    if (!entered && z_.back() <= 0) {
      leave(active_.size() - 1);
      continue;
    }
    entered = true;
    --count;
  }
  if (entered) solve_target();
  return entered;
}

bool GramSet::enter(std::int64_t column) {
  const std::size_t k = active_.size();
  double* row = factor(k);
  const double* entry = gram(column);
  for (std::size_t i = 0; i < k; ++i) row[i] = (entry[active_[i]] - dot(factor(i), row, i)) / factor(i)[i];
  const double whole = entry[column], rest = whole - dot(row, row, k);
  if (!(rest > 1e-12 * whole)) return false;
  row[k] = std::sqrt(rest);
  z_.push_back((1 - dot(row, z_.data(), k)) / row[k]);
  active_.push_back(column);
  weight_.push_back(0);
  return true;
}

void GramSet::leave(std::size_t position) {
  const std::size_t k = active_.size();
  for (std::size_t i = position; i + 1 < k; ++i) {
    std::copy_n(factor(i + 1), i + 2, factor(i));
    const double a = factor(i)[i], b = factor(i)[i + 1], length = std::hypot(a, b), c = a / length, s = b / length;
    factor(i)[i] = length;
    for (std::size_t r = i + 2; r < k; ++r) {
      double *x = factor(r) + i, *y = x + 1;
      const double u = *x, v = *y;
      *x = c * u + s * v;
      *y = c * v - s * u;
    }
    const double u = z_[i], v = z_[i + 1];
    z_[i] = c * u + s * v;
    z_[i + 1] = c * v - s * u;
  }
  z_.pop_back();
  active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(position));
  weight_.erase(weight_.begin() + static_cast<std::ptrdiff_t>(position));
}

void GramSet::solve_target() {
  target_ = z_;
  for (std::size_t i = target_.size(); i-- > 0;) {
    target_[i] /= factor(i)[i];
    add_multiple(target_.data(), -target_[i], factor(i), i);
  }
  for (double& t : target_) t *= lift_ * lift_;
}

// Walks from the current weights to the unconstrained minimiser, dropping the columns whose weight reaches zero.
bool GramSet::settle() {
  while (true) {
    double step = 1;
    std::size_t blocking = active_.size();
    for (std::size_t i = 0; i < active_.size(); ++i) {
      if (target_[i] > 0) continue;
      const double t = weight_[i] / (weight_[i] - target_[i]);
      if (t < step || blocking == active_.size()) step = std::min(step, t), blocking = i;
    }
    if (blocking == active_.size()) {
      weight_ = target_;
      return true;
    }
    for (std::size_t i = 0; i < active_.size(); ++i) weight_[i] += step * (target_[i] - weight_[i]);
    weight_[blocking] = 0;
    // A column that has just entered has weight 0 while another one blocks at once; it stays.
    for (std::size_t i = active_.size(); i-- > 0;)
      if (weight_[i] <= 0 && (i == blocking || target_[i] <= 0)) {
        closed_[static_cast<std::size_t>(active_[i])] = 0;
        leave(i);
      }
    if (active_.empty()) return false;
    solve_target();
  }
}

// The minimiser's direction, and the lowest active column along it.
void GramSet::measure() {
  weak_ = active_.empty() || !(1 - sum_ >= kWeak * kWeak);
  if (weak_) return;
  std::fill(direction_.begin(), direction_.end(), 0.0);
  for (std::size_t i = 0; i < active_.size(); ++i)
    add_multiple(direction_.data(), weight_[i], column_.data() + static_cast<std::size_t>(active_[i]) * d_, d_);
  const double length = std::sqrt(dot(direction_.data(), direction_.data(), d_));
  weak_ = !(length > kWeak * lift_ * sum_);
  if (weak_) return;
  for (double& v : direction_) v /= length;
  level_ = length / sum_;
  for (const std::int64_t j : active_)
    level_ = std::min(level_, dot(direction_.data(), column_.data() + static_cast<std::size_t>(j) * d_, d_));
  weak_ = !(level_ > 0);
}

void GramSet::forget(std::size_t most) {
  if (row_.size() <= active_.size() + most) return;
  gradient();
  order_.clear();
  for (std::size_t j = 0; j < row_.size(); ++j)
    if (std::find(active_.begin(), active_.end(), static_cast<std::int64_t>(j)) == active_.end())
      order_.push_back(static_cast<std::int64_t>(j));
  std::sort(order_.begin(), order_.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = gradient_[static_cast<std::size_t>(a)], y = gradient_[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
  order_.resize(std::min(order_.size(), most));
  order_.insert(order_.end(), active_.begin(), active_.end());
  std::sort(order_.begin(), order_.end());
  // Everything moves to the front, in order: nothing is overwritten before it is read.
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const std::size_t from = static_cast<std::size_t>(order_[i]);
    row_[i] = row_[from];
    if (i != from) std::copy_n(column_.data() + from * d_, d_, column_.data() + i * d_);
    for (std::size_t j = 0; j < order_.size(); ++j)
      gram_[i * capacity_ + j] = gram_[from * capacity_ + static_cast<std::size_t>(order_[j])];
  }
  for (std::int64_t& a : active_) a = std::lower_bound(order_.begin(), order_.end(), a) - order_.begin();
  row_.resize(order_.size());
  column_.resize(order_.size() * d_);
  closed_.assign(order_.size(), 0);
  known_ = order_.size();
}

std::vector<std::int64_t> GramSet::active_rows() const {
  std::vector<std::int64_t> rows;
  for (const std::int64_t j : active_) rows.push_back(row_[static_cast<std::size_t>(j)]);
  return rows;
}

std::vector<double> GramSet::active_weights() const {
  std::vector<double> weights = weight_;
  for (double& w : weights) w /= sum_;
  return weights;
}

}  // namespace hullscope::hull::detail
