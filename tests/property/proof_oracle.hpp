// Slow, obvious counterparts of proof/ in rationals: a simplex method that finds proofs, and a judge that reads the
// claims of checker.hpp off their definitions. They share no code with what they test.
#pragma once
#include <gmpxx.h>

#include <cmath>
#include <hullscope/base/matrix.hpp>
#include <hullscope/proof/proof.hpp>
#include <optional>
#include <vector>

namespace hullscope::proof::oracle {

using Rational = mpq_class;
using Rationals = std::vector<Rational>;

inline Rational dot(const double* a, const std::vector<Rational>& r) {
  Rational sum = 0;
  for (std::size_t k = 0; k < r.size(); ++k) sum += Rational(a[k]) * r[k];
  return sum;
}

/// The solution of sum l_i x_i = y, sum l_i = 1 if it exists and is unique.
inline std::optional<Rationals> barycentric(const Matrix<double>& rows, const double* y) {
  const int k = static_cast<int>(rows.rows()), d = static_cast<int>(rows.cols());
  std::vector<Rationals> a(static_cast<std::size_t>(d + 1), Rationals(static_cast<std::size_t>(k + 1), 1));
  const auto at = [&](int i, int j) -> Rational& {
    return a[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
  };
  for (int j = 0; j < d; ++j) {
    for (int i = 0; i < k; ++i) at(j, i) = rows(i, j);
    at(j, k) = y[j];
  }
  for (int column = 0; column < k; ++column) {
    int pivot = column;
    while (pivot <= d && at(pivot, column) == 0) ++pivot;
    if (pivot > d) return std::nullopt;  // dependent
    std::swap(a[static_cast<std::size_t>(pivot)], a[static_cast<std::size_t>(column)]);
    for (int i = 0; i <= d; ++i) {
      if (i == column || at(i, column) == 0) continue;
      const Rational factor = at(i, column) / at(column, column);
      for (int j = column; j <= k; ++j) at(i, j) -= factor * at(column, j);
    }
  }
  for (int i = k; i <= d; ++i)
    if (at(i, k) != 0) return std::nullopt;  // inconsistent
  Rationals l;
  for (int i = 0; i < k; ++i) l.push_back(at(i, k) / at(i, i));
  return l;
}

/// What the simplex method says: a support with exact weights > 0, or a direction with min <x, r> > <y, r>.
struct Answer {
  bool inside = false;
  std::vector<std::int64_t> support;
  Rationals weight;
  Rationals direction;
};

/// Phase one of the simplex method on sum l_i [x_i; 1] = [y; 1], l >= 0, with Bland's rule, in rationals.
inline Answer solve(const Matrix<double>& points, const double* y, const std::vector<std::uint8_t>& allowed) {
  const int d = static_cast<int>(points.cols()), m = d + 1;
  std::vector<std::int64_t> rows;
  for (Eigen::Index i = 0; i < points.rows(); ++i)
    if (allowed.empty() || allowed[static_cast<std::size_t>(i)] != 0) rows.push_back(i);
  const int n = static_cast<int>(rows.size()), width = n + m + 1;
  std::vector<Rationals> t(static_cast<std::size_t>(m + 1), Rationals(static_cast<std::size_t>(width)));
  const auto at = [&](int i, int j) -> Rational& {
    return t[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
  };
  std::vector<int> basis, sign;
  for (int i = 0; i < m; ++i) {
    sign.push_back(i < d && y[i] < 0 ? -1 : 1);
    for (int j = 0; j < n; ++j) at(i, j) = i < d ? points(rows[static_cast<std::size_t>(j)], i) * sign.back() : 1.0;
    at(i, n + i) = 1;
    at(i, width - 1) = i < d ? std::fabs(y[i]) : 1.0;
    basis.push_back(n + i);
    for (int j = 0; j < width; ++j)
      if (j < n || j == width - 1) at(m, j) -= at(i, j);  // reduced costs of the sum of the artificial variables
  }
  for (;;) {
    int enter = 0;
    while (enter < n + m && at(m, enter) >= 0) ++enter;
    if (enter == n + m) break;
    int leave = -1;
    for (int i = 0; i < m; ++i) {
      if (at(i, enter) <= 0) continue;
      if (leave < 0) {
        leave = i;
        continue;
      }
      const Rational a = at(i, width - 1) / at(i, enter), b = at(leave, width - 1) / at(leave, enter);
      if (a < b || (a == b && basis[static_cast<std::size_t>(i)] < basis[static_cast<std::size_t>(leave)])) leave = i;
    }
    basis[static_cast<std::size_t>(leave)] = enter;
    const Rational pivot = at(leave, enter);
    for (int j = 0; j < width; ++j) at(leave, j) /= pivot;
    for (int i = 0; i <= m; ++i) {
      const Rational factor = at(i, enter);
      if (i == leave || factor == 0) continue;
      for (int j = 0; j < width; ++j) at(i, j) -= factor * at(leave, j);
    }
  }
  Answer answer;
  answer.inside = at(m, width - 1) == 0;
  if (answer.inside) {
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < m; ++i)
        if (basis[static_cast<std::size_t>(i)] == j && at(i, width - 1) > 0) {
          answer.support.push_back(rows[static_cast<std::size_t>(j)]);
          answer.weight.push_back(at(i, width - 1));
        }
  } else {
    for (int k = 0; k < d; ++k) answer.direction.push_back((at(m, n + k) - 1) * sign[static_cast<std::size_t>(k)]);
  }
  return answer;
}

/// Are all claims of a proof true, by checker.hpp's list?
struct Judge {
  const Matrix<double>& points;
  std::vector<std::uint8_t> allowed;  ///< mask and leave-out together; empty: all
  double width = 1;                   ///< times the tolerances of the rules: two judges show who stands on an edge

  bool takes_part(std::int64_t row) const {
    return row >= 0 && row < points.rows() && (allowed.empty() || allowed[static_cast<std::size_t>(row)] != 0);
  }
  bool form(const Proof& p) const {
    if (p.support.empty() || p.support.size() != p.weight.size()) return false;
    for (std::size_t i = 0; i < p.support.size(); ++i)
      if (!takes_part(p.support[i]) || (i > 0 && p.support[i] <= p.support[i - 1]) || !std::isfinite(p.weight[i]) ||
          p.weight[i] <= 0)
        return false;
    return std::isfinite(p.distance_lower) && std::isfinite(p.distance_upper) && p.distance_lower >= 0 &&
           p.distance_lower <= p.distance_upper;
  }
  Matrix<double> rows(const Proof& p) const {
    Matrix<double> x(static_cast<Eigen::Index>(p.support.size()), points.cols());
    for (Eigen::Index i = 0; i < x.rows(); ++i) x.row(i) = points.row(p.support[static_cast<std::size_t>(i)]);
    return x;
  }
  bool inside(const Proof& p, const double* y) const {
    if (p.distance_upper != 0 || !p.direction.empty() || !p.exact_direction.empty()) return false;
    const auto l = barycentric(rows(p), y);
    if (!l) return false;
    for (std::size_t i = 0; i < l->size(); ++i)
      if ((*l)[i] <= 0 ||
          abs(Rational(p.weight[i]) - (*l)[i]) > Rational(0x1p-30 * width) * (*l)[i] + Rational(0x1p-1073 * width))
        return false;
    return true;
  }
  bool upper(const Proof& p, const double* y) const {
    Rational sum = 0, square = 0, magnitude = 0;
    for (const double w : p.weight) sum += Rational(w);
    if (abs(sum - 1) > Rational(0x1p-30 * width)) return false;
    const Matrix<double> x = rows(p);
    for (Eigen::Index k = 0; k < x.cols(); ++k) {
      Rational v = 0, s = 0;
      for (Eigen::Index i = 0; i < x.rows(); ++i) {
        const Rational w(p.weight[static_cast<std::size_t>(i)]);
        v += w * (Rational(x(i, k)) - Rational(y[k]));
        s += w * (abs(Rational(x(i, k))) + abs(Rational(y[k])));
      }
      square += v * v;
      magnitude += s * s;
    }
    square /= sum * sum;
    magnitude /= sum * sum;
    const Rational stored(p.distance_upper);
    if (stored * stored < square) return false;
    // upper <= (1 + 2^-20) D + 2^-40 S. Roots to 200 bits.
    const auto root = [](const Rational& value) { return mpf_class(sqrt(mpf_class(value, 512))); };
    const mpf_class least =
        mpf_class(0x1p-1072 * std::floor(width), 512);  // rounding up costs that much among subnormal numbers
    return mpf_class(stored, 512) <= root(square) * mpf_class(1 + 0x1p-20 * width, 512) +
                                         root(magnitude) * mpf_class(0x1p-40 * width, 512) + least;
  }
  bool outside(const Proof& p, const double* y) const {
    if (p.direction.empty() == p.exact_direction.empty()) return false;
    Rationals r;
    for (const double x : p.direction) {
      if (!std::isfinite(x)) return false;
      r.emplace_back(x);
    }
    for (const std::string& x : p.exact_direction) {
      Rational value;
      if (x.find_first_not_of("-0123456789") != std::string::npos || value.set_str(x, 10) != 0) return false;
      r.push_back(value);
    }
    if (static_cast<Eigen::Index>(r.size()) != points.cols()) return false;
    Rational norm2 = 0;
    for (const Rational& x : r) norm2 += x * x;
    const Rational slack = Rational(static_cast<double>(points.cols() + 8) * 0x1p-52 * width);
    if (!p.direction.empty() && (norm2 > (1 + slack) * (1 + slack) || norm2 < (1 - slack) * (1 - slack))) return false;
    if (norm2 == 0) return false;
    const Rational lower(p.distance_lower), target = dot(y, r), least(0x1p-1074);
    bool zero_fits = false;  // 0 is the distance proved only where no positive double is
    for (Eigen::Index i = 0; i < points.rows(); ++i) {
      if (!takes_part(i)) continue;
      const Rational gap = dot(points.row(i).data(), r) - target;
      if (gap <= 0 || gap * gap < lower * lower * norm2) return false;
      zero_fits = zero_fits || gap * gap < least * least * norm2;
    }
    return (p.distance_lower > 0 || zero_fits) && upper(p, y);
  }
  bool operator()(const Proof& p, const double* y) const {
    if (!form(p)) return false;
    if (p.verdict == Verdict::inside) return inside(p, y);
    if (p.verdict == Verdict::outside) return outside(p, y);
    return p.verdict == Verdict::undecided && p.distance_lower == 0 && p.direction.empty() &&
           p.exact_direction.empty() && p.distance_upper > 0 && upper(p, y);
  }
};

}  // namespace hullscope::proof::oracle
