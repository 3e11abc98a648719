#include <algorithm>
#include <cmath>
#include <hullscope/hull/detail/active_set.hpp>
#include <hullscope/hull/detail/eight_sums.hpp>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kWidth = 8;

// (a, b) = (c a + s b, -s a + c b)
__attribute__((target_clones("default", "avx2", "arch=x86-64-v4"))) void rotate(double* a, double* b, std::int64_t n,
                                                                                double c, double s) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double x = a[i], y = b[i];
    a[i] = c * x + s * y;
    b[i] = c * y - s * x;
  }
}

double norm(const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += x * x;
  return std::sqrt(sum);
}

}  // namespace

void ActiveSet::reset(std::int64_t d, double lift) {
  d_ = d;
  m_ = d + 1;
  lanes_ = (m_ + kWidth - 1) / kWidth * kWidth;
  lift_ = lift;
  steps_ = 0;
  inside_ = false;
  column_.clear(), blocks_.clear(), norm_.clear(), row_.clear(), closed_.clear();
  active_.clear(), weight_.clear(), q_.clear(), r_.clear();
  unit_.assign(static_cast<std::size_t>(lanes_), 0);
  work_.assign(static_cast<std::size_t>(lanes_ + m_ + 1), 0);
  direction_.assign(static_cast<std::size_t>(d_), 0);
}

void ActiveSet::add(const double* p, std::int64_t row) {
  const std::size_t j = row_.size(), start = column_.size();
  column_.resize(start + static_cast<std::size_t>(lanes_), 0);
  std::copy(p, p + d_, column_.begin() + static_cast<std::ptrdiff_t>(start));
  column_[start + static_cast<std::size_t>(d_)] = lift_;
  if (j % kWidth == 0) blocks_.resize(blocks_.size() + static_cast<std::size_t>(m_ * kWidth), 0);
  double* block = blocks_.data() + static_cast<std::int64_t>(j) / kWidth * m_ * kWidth + j % kWidth;
  double sum = 0;
  for (std::int64_t i = 0; i < m_; ++i) {
    const double value = column_[start + static_cast<std::size_t>(i)];
    block[i * kWidth] = value;
    sum += value * value;
  }
  norm_.push_back(std::sqrt(sum));
  row_.push_back(row);
  closed_.push_back(0);
}

void ActiveSet::minimise() {
  for (std::size_t j = 0; j < closed_.size(); ++j) closed_[j] = 0;
  for (std::int64_t j : active_) closed_[static_cast<std::size_t>(j)] = 1;
  inside_ = false;
  const std::int64_t limit = steps_ + 200 + 20 * m_;  // far beyond what is ever needed; exact arithmetic takes over
  // In many dimensions several columns enter at a step, for a step costs as much as many columns. If they block one
  // another altogether, one at a time goes on: the most violated column always lowers the residual.
  std::size_t together = 1 + static_cast<std::size_t>(m_) / 64;
  double before = 2 * lift_;
  while (steps_ < limit) {
    residual();
    if (inside_) return;
    if (!(length_ < before)) {  // no progress but rounding
      if (together == 1) return;
      together = 1;
    }
    before = length_;
    if (!extend(together) || !settle()) return;
  }
}

// Enters up to `count` of the most violated columns. Until the first can lower the residual, columns are only banned.
// False if there is none left.
bool ActiveSet::extend(std::size_t count) {
  bool entered = false;
  for (const std::int64_t column : violated()) {
    ++steps_;
    closed_[static_cast<std::size_t>(column)] = 1;
    if (!enter(column)) continue;
    if (!entered) {
      solve_target();
      if (target_.back() <= 0) {
        leave(active_.size() - 1);
        continue;
      }
      entered = true;
    }
    if (--count == 0) break;
  }
  if (entered) solve_target();
  return entered;
}

// Walks from the current weights to the unconstrained minimiser, dropping the columns whose weight reaches zero.
bool ActiveSet::settle() {
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
    // The column that has just entered has weight 0 while another one blocks at once; it stays.
    for (std::size_t i = active_.size(); i-- > 0;)
      if (weight_[i] <= 0 && (i == blocking || target_[i] <= 0)) {
        closed_[static_cast<std::size_t>(active_[i])] = 0;
        leave(i);
      }
    if (active_.empty()) return false;
    solve_target();
  }
}

bool ActiveSet::enter(std::int64_t column) {
  const std::int64_t k = static_cast<std::int64_t>(active_.size());
  if (k == m_) return false;
  q_.resize(static_cast<std::size_t>((k + 1) * lanes_));
  r_.resize(static_cast<std::size_t>((k + 1) * (m_ + 1)));
  double* v = q_.data() + k * lanes_;
  double* coefficient = r_.data() + k * (m_ + 1);
  std::copy_n(column_.data() + column * lanes_, lanes_, v);
  std::fill_n(coefficient, m_ + 1, 0.0);
  for (int pass = 0; pass < 2; ++pass) {
    double* h = work_.data() + lanes_;
    eight_sums().transposed_product(q_.data(), lanes_, k, v, h);
    eight_sums().subtract_product(q_.data(), lanes_, k, h, v);
    for (std::int64_t i = 0; i < k; ++i) coefficient[i] += h[i];
  }
  double length = 0;
  for (std::int64_t i = 0; i < lanes_; ++i) length += v[i] * v[i];
  length = std::sqrt(length);
  if (!(length > 1e-13 * norm_[static_cast<std::size_t>(column)])) return false;
  for (std::int64_t i = 0; i < lanes_; ++i) v[i] /= length;
  coefficient[k] = length;
  active_.push_back(column);
  weight_.push_back(0);
  return true;
}

void ActiveSet::leave(std::size_t position) {
  const std::int64_t k = static_cast<std::int64_t>(active_.size()), ld = m_ + 1;
  // Every later column moves one place to the left and then has one entry below the diagonal.
  for (std::int64_t j = static_cast<std::int64_t>(position); j + 1 < k; ++j)
    std::copy_n(r_.data() + (j + 1) * ld, j + 2, r_.data() + j * ld);
  for (std::int64_t j = static_cast<std::int64_t>(position); j + 1 < k; ++j) {
    const double a = r_[static_cast<std::size_t>(j * ld + j)], b = r_[static_cast<std::size_t>(j * ld + j + 1)];
    const double length = std::hypot(a, b), c = a / length, s = b / length;
    for (std::int64_t i = j; i + 1 < k; ++i) {
      double& upper = r_[static_cast<std::size_t>(i * ld + j)];
      double& lower = r_[static_cast<std::size_t>(i * ld + j + 1)];
      const double x = upper, y = lower;
      upper = c * x + s * y;
      lower = c * y - s * x;
    }
    rotate(q_.data() + j * lanes_, q_.data() + (j + 1) * lanes_, lanes_, c, s);
  }
  active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(position));
  weight_.erase(weight_.begin() + static_cast<std::ptrdiff_t>(position));
}

// R target = Q^T b, where b has only its last entry, the lift.
void ActiveSet::solve_target() {
  target_.resize(active_.size());
  for (std::size_t i = 0; i < active_.size(); ++i)
    target_[i] = lift_ * q_[i * static_cast<std::size_t>(lanes_) + static_cast<std::size_t>(d_)];
  solve_triangle(target_);
}

void ActiveSet::solve_triangle(std::vector<double>& right) const {
  const std::size_t ld = static_cast<std::size_t>(m_ + 1);
  for (std::size_t i = right.size(); i-- > 0;) {
    const double value = right[i] / r_[i * ld + i];
    right[i] = value;
    for (std::size_t j = 0; j < i; ++j) right[j] -= value * r_[i * ld + j];
  }
}

void ActiveSet::refine() {
  const std::int64_t k = static_cast<std::int64_t>(active_.size());
  std::vector<long double> exact(static_cast<std::size_t>(m_));
  std::vector<double> rest(static_cast<std::size_t>(lanes_)), correction(active_.size());
  for (int pass = 0; pass < 2; ++pass) {
    std::fill(exact.begin(), exact.end(), 0.0L);
    exact.back() = lift_;
    for (std::size_t j = 0; j < active_.size(); ++j) {
      const double* column = column_.data() + active_[j] * lanes_;
      for (std::size_t i = 0; i < exact.size(); ++i) exact[i] -= static_cast<long double>(weight_[j]) * column[i];
    }
    std::fill(rest.begin(), rest.end(), 0.0);
    for (std::size_t i = 0; i < exact.size(); ++i) rest[i] = static_cast<double>(exact[i]);
    eight_sums().transposed_product(q_.data(), lanes_, k, rest.data(), correction.data());
    solve_triangle(correction);
    for (std::size_t j = 0; j < active_.size(); ++j)
      if (weight_[j] + correction[j] > 0) weight_[j] += correction[j];
  }
}

// unit_ = (b - A l) / |b - A l|, its length, and the direction in space.
void ActiveSet::residual() {
  const std::int64_t k = static_cast<std::int64_t>(active_.size());
  std::fill(unit_.begin(), unit_.end(), 0.0);
  unit_[static_cast<std::size_t>(d_)] = lift_;
  length_ = lift_;
  double* h = work_.data() + lanes_;
  if (k == m_) {  // the active columns span everything
    inside_ = true;
    return;
  }
  // What is left of b where the columns combine to it exactly: a few units of rounding of each term.
  double rounding = lift_;
  for (std::size_t j = 0; j < active_.size(); ++j) rounding += weight_[j] * norm_[static_cast<std::size_t>(active_[j])];
  rounding *= 0x1p-51 * std::sqrt(static_cast<double>(m_));
  for (int pass = 0; pass < 3; ++pass) {
    eight_sums().transposed_product(q_.data(), lanes_, k, unit_.data(), h);
    eight_sums().subtract_product(q_.data(), lanes_, k, h, unit_.data());
    const double length = norm(unit_);
    if (pass == 0) length_ = length;
    if (pass == 0 && length <= rounding) {
      inside_ = true;
      return;
    }
    for (double& v : unit_) v /= length;
  }
  double length = 0;
  for (std::int64_t i = 0; i < d_; ++i)
    length += unit_[static_cast<std::size_t>(i)] * unit_[static_cast<std::size_t>(i)];
  length = std::sqrt(length);
  for (std::int64_t i = 0; i < d_; ++i)
    direction_[static_cast<std::size_t>(i)] = length > 0 ? -unit_[static_cast<std::size_t>(i)] / length : 0;
  level_ = length > 0 ? lift_ * unit_[static_cast<std::size_t>(d_)] / length : 0;
}

// Columns beyond the supporting hyperplane, the most violated first.
const std::vector<std::int64_t>& ActiveSet::violated() {
  const std::int64_t blocks = (static_cast<std::int64_t>(row_.size()) + kWidth - 1) / kWidth;
  score_.resize(static_cast<std::size_t>(blocks * kWidth));
  eight_sums().block_scores(blocks_.data(), blocks, m_, unit_.data(), score_.data());
  // Tighter than the outer gap of 1e-6 relative, but above rounding.
  const double tolerance = std::max(1e-9 * length_ / lift_, 4e-16 * static_cast<double>(m_));
  violated_.clear();
  for (std::size_t j = 0; j < row_.size(); ++j)
    if (!closed_[j] && score_[j] > tolerance * norm_[j]) violated_.push_back(static_cast<std::int64_t>(j));
  std::sort(violated_.begin(), violated_.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = score_[static_cast<std::size_t>(a)], y = score_[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
  return violated_;
}

std::vector<std::int64_t> ActiveSet::active_rows() const {
  std::vector<std::int64_t> rows;
  for (std::int64_t j : active_) rows.push_back(row_[static_cast<std::size_t>(j)]);
  return rows;
}

std::vector<double> ActiveSet::active_weights() const {
  double sum = 0;
  for (double w : weight_) sum += w;
  std::vector<double> weights = weight_;
  for (double& w : weights) w /= sum;
  return weights;
}

}  // namespace hullscope::hull::detail
