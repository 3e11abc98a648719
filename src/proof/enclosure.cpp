#include <hullscope/proof/enclosure.hpp>

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <hullscope/proof/detail/gather.hpp>
#include <hullscope/proof/detail/twofold.hpp>

namespace hullscope::proof {
namespace {

using detail::gamma;
using detail::kTiny;
using Column = Eigen::VectorXd;

/// Exponent e with 2^(e-1) <= max |values| < 2^e; 0 if all are zero.
template <class Values>
int exponent_of(const Values& values) {
  int e = 0;
  if (values.size() > 0) std::frexp(values.cwiseAbs().maxCoeff(), &e);
  return e;
}

/// One equation  sum_i coefficient_i l_i = right  in doubles that are exactly it, scaled to at most 1 in size.
struct Equation {
  Column coefficient;
  double right = 0;
  bool zero() const { return coefficient.isZero(0) && right == 0; }
};

/// x -> x * 2^e, rounded once.
auto times_power(int e) {
  const double factor = std::abs(e) <= 1000 ? std::ldexp(1, e) : 0;
  return [=](double x) { return factor != 0 ? x * factor : std::ldexp(x, e); };
}

/// x * 2^-e if that is exact.
bool scale_exactly(Column& x, int e) {
  const auto down = times_power(-e), up = times_power(e);
  for (double& value : x) {
    const double scaled = down(value);
    if (up(scaled) != value || std::fabs(scaled) > 0x1p600) return false;
    value = scaled;
  }
  return true;
}

/// Coordinate j of the system: sum l_i (x_ij - y_j) = 0 where these differences are exact, else sum l_i x_ij = y_j.
std::optional<Equation> equation(const Matrix<double>& rows, Eigen::Index j, double y) {
  const auto k = rows.rows();
  Column all(k + 1);
  all << rows.col(j), y;
  if (!scale_exactly(all, exponent_of(all))) return std::nullopt;
  Column centred(k);
  bool exact = true;
  for (Eigen::Index i = 0; i < k && exact; ++i) {
    const double a = all(i), b = all(k), s = a - b, z = s - a;
    exact = (a - (s - z)) - (b + z) == 0;
    centred(i) = s;
  }
  if (!exact) return Equation{all.head(k), all(k)};
  if (!scale_exactly(centred, exponent_of(centred))) return std::nullopt;
  return Equation{std::move(centred), 0};
}

/// Exactly: is one coefficient vector a multiple of the other? Right sides must be 0.
bool proportional(const Equation& a, const Equation& b) {
  if (a.right != 0 || b.right != 0) return false;
  Eigen::Index pivot = 0;
  b.coefficient.cwiseAbs().maxCoeff(&pivot);
  const double pa = a.coefficient(pivot), pb = b.coefficient(pivot);
  for (Eigen::Index i = 0; i < a.coefficient.size(); ++i) {
    const double l = a.coefficient(i) * pb, r = b.coefficient(i) * pa;
    if (l != r) return false;
    if (l == 0 && (a.coefficient(i) != 0 || b.coefficient(i) != 0) && pa != 0) return false;  // underflow: cannot tell
    if (l != 0 && std::fabs(l) < 0x1p-900) return false;
    if (__builtin_fma(a.coefficient(i), pb, -l) != __builtin_fma(b.coefficient(i), pa, -r)) return false;
  }
  return pa != 0;
}

/// k - 1 equations that determine the l_i together with sum l_i = 1; the others are exact multiples of one of them.
/// Nothing if there are fewer, or if a further one is not such a multiple.
std::optional<std::vector<Equation>> square_system(const Matrix<double>& rows, std::span<const double> y) {
  std::vector<Equation> equations;
  for (Eigen::Index j = 0; j < rows.cols(); ++j) {
    auto e = equation(rows, j, y[static_cast<std::size_t>(j)]);
    if (!e) return std::nullopt;
    if (!e->zero()) equations.push_back(std::move(*e));
  }
  const auto wanted = static_cast<std::size_t>(rows.rows() - 1);
  if (equations.size() < wanted) return std::nullopt;
  if (equations.size() == wanted) return equations;
  // Column pivoting finds the most independent equations, in order.
  Eigen::MatrixXd by_column(rows.rows(), static_cast<Eigen::Index>(equations.size()));
  for (std::size_t j = 0; j < equations.size(); ++j)
    by_column.col(static_cast<Eigen::Index>(j)) = equations[j].coefficient;
  const Eigen::VectorXi order = Eigen::ColPivHouseholderQR<Eigen::MatrixXd>(by_column).colsPermutation().indices();
  std::vector<Equation> chosen;
  for (std::size_t j = 0; j < equations.size(); ++j) {
    Equation& e = equations[static_cast<std::size_t>(order(static_cast<Eigen::Index>(j)))];
    if (j < wanted)
      chosen.push_back(std::move(e));
    else if (std::none_of(chosen.begin(), chosen.end(), [&](const Equation& c) { return proportional(e, c); }))
      return std::nullopt;
  }
  return chosen;
}

/// The square system A l = b with its approximate inverse R, and a bound alpha of the maximum row sum of |I - R A|.
struct System {
  Eigen::MatrixXd a;  ///< column i: the coefficients of l_i, so that sums over i run along columns
  Column b;
  Eigen::MatrixXd inverse;
  double alpha = std::numeric_limits<double>::infinity();

  explicit System(const std::vector<Equation>& equations, Eigen::Index n) : a(n, n), b(n) {
    for (Eigen::Index j = 0; j + 1 < n; ++j) {
      a.row(j) = equations[static_cast<std::size_t>(j)].coefficient.transpose();
      b(j) = equations[static_cast<std::size_t>(j)].right;
    }
    a.row(n - 1).setOnes();
    b(n - 1) = 1;
    inverse = Eigen::PartialPivLU<Eigen::MatrixXd>(a).inverse();
    if (!inverse.allFinite()) return;
    const auto size = static_cast<double>(n);
    const Eigen::MatrixXd rest = Eigen::MatrixXd::Identity(n, n) - inverse * a;
    const Column rounding = inverse.cwiseAbs() * (a.cwiseAbs() * Column::Ones(n));
    const Column sums = rest.cwiseAbs().rowwise().sum() + gamma(size + 4) * (1 + gamma(2 * size + 4)) * rounding;
    alpha = sums.maxCoeff() * (1 + gamma(size + 4)) + size * size * 4 * kTiny;
  }

  /// residual = b - A (high + low), and a bound of its error.
  void residual(const Column& high, const Column& low, Column& value, Column& error) const {
    const auto n = static_cast<std::size_t>(a.rows());
    Column sum = b, rest = Column::Zero(a.rows()), magnitude = b.cwiseAbs();
    for (Eigen::Index i = 0; i < a.cols(); ++i) {
      detail::add_products(n, -high(i), a.col(i).data(), sum.data(), rest.data(), magnitude.data());
      detail::add_products(n, -low(i), a.col(i).data(), sum.data(), rest.data(), magnitude.data());
    }
    const double terms = 2 * static_cast<double>(n) + 4, g = gamma(terms);
    value = sum + rest;
    error = 2 * detail::kUnit * value.cwiseAbs() + g * g * (1 + 0x1p-10) * magnitude +
            Column::Constant(a.rows(), terms * 4 * kTiny);
  }
};

}  // namespace

EnclosedBarycentric enclosed_barycentric(const PointsView& points, std::span<const std::int64_t> support,
                                         std::span<const double> y) {
  EnclosedBarycentric out;
  if (support.empty() || support.size() > y.size() + 1) return out;
  const Matrix<double> rows = detail::gather(points, support);
  const auto equations = square_system(rows, y);
  if (!equations) return out;
  const Eigen::Index n = rows.rows();
  const System system(*equations, n);
  if (!(system.alpha < 0.5)) return out;
  // alpha < 1 proves A nonsingular. l - x = (I - E)^-1 R r with E = I - R A, so |l - x| <= |R r| + alpha / (1 - alpha)
  // max |R r|. x is refined as an unevaluated sum high + low until r is near its own rounding.
  Column high = system.inverse * system.b, low = Column::Zero(n), value(n), error(n);
  for (int step = 0; step < 3; ++step) {
    system.residual(high, low, value, error);
    low += system.inverse * value;
    const Column sum = high + low;
    low -= sum - high;  // |low| <= |high| is not sure; whatever is lost here, the last residual tells
    high = sum;
  }
  system.residual(high, low, value, error);
  const double slack = 1 + gamma(static_cast<double>(n) + 16);
  const Column t = system.inverse.cwiseAbs() * (value.cwiseAbs() + error) * slack +
                   Column::Constant(n, static_cast<double>(n) * 8 * kTiny);
  const double common = system.alpha / (1 - system.alpha) * t.maxCoeff() * slack;
  if (!std::isfinite(common)) return out;
  out.proved = true;
  out.weight.assign(high.begin(), high.end());
  for (Eigen::Index i = 0; i < n; ++i) out.radius.push_back((std::fabs(low(i)) + t(i) + common) * slack);
  return out;
}

HullPointDistance hull_point_distance(const PointsView& points, std::span<const std::int64_t> support,
                                      std::span<const double> weight, std::span<const double> y) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  HullPointDistance out{0, infinity, infinity};
  const Eigen::Map<const Eigen::RowVectorXd> query(y.data(), static_cast<Eigen::Index>(y.size()));
  const Eigen::Map<const Column> w_given(weight.data(), static_cast<Eigen::Index>(weight.size()));
  Matrix<double> rows = detail::gather(points, support);
  // Scaled by powers of two: exact but for underflow, which the last term of `lost` covers.
  const int e = std::max(exponent_of(rows), exponent_of(query)), we = exponent_of(w_given);
  rows = rows.unaryExpr(times_power(-e)).eval();
  const Eigen::RowVectorXd target = query.unaryExpr(times_power(-e));
  const Column w = w_given.unaryExpr(times_power(-we));

  const auto d = static_cast<std::size_t>(rows.cols());
  const auto k = static_cast<double>(rows.rows());
  Column sum = Column::Zero(rows.cols()), rest = sum, magnitude = sum;
  detail::Twofold total;
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    detail::add_products(d, w(i), rows.row(i).data(), sum.data(), rest.data(), magnitude.data());
    detail::add_products(d, -w(i), target.data(), sum.data(), rest.data(), magnitude.data());
    total.add_product(w(i), 1.0);
  }
  const double g = gamma(2 * k + 4), tiny = (k + 4) * 64 * kTiny;
  const Column value = (sum + rest).cwiseAbs();
  const Column lost =
      2 * detail::kUnit * value + g * g * (1 + 0x1p-10) * magnitude + Column::Constant(value.size(), tiny);
  const double slack = 1 + gamma(static_cast<double>(d) + 16);
  const double most = (total.value() + total.error() + tiny) * slack,
               least = (total.value() - total.error() - tiny) / slack;
  out.upper = (value + lost).stableNorm() * slack / least * slack + 4 * kTiny;
  out.lower = std::max(0.0, (value - lost).cwiseMax(0).stableNorm() / slack / most / slack - 4 * kTiny);
  out.upper = std::nextafter(std::ldexp(out.upper, e), infinity);
  out.lower = std::max(0.0, std::nextafter(std::ldexp(out.lower, e), 0.0));
  out.magnitude = std::ldexp(magnitude.stableNorm() / total.value(), e);
  return out;
}

}  // namespace hullscope::proof
