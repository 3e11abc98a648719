#include <hullscope/proof/detail/separation.hpp>

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <hullscope/base/error.hpp>
#include <hullscope/proof/detail/number.hpp>
#include <hullscope/proof/detail/twofold.hpp>

namespace hullscope::proof::detail {
namespace {

constexpr std::size_t kGroup = 512;        // directions of one product
constexpr std::int64_t kBlock = 256;       // points of one product: 512 KB of results, which stay in cache
constexpr double kUnitNorm = 1 + 0x1p-20;  // directions have at most this norm
constexpr double kInfinity = std::numeric_limits<double>::infinity();

int common_exponent(const PointsView& points) {
  return std::visit(
      [](const auto& x) {
        double most = 0;
        for (Eigen::Index i = 0; i < x.rows(); ++i)
          for (Eigen::Index k = 0; k < x.cols(); ++k) {
            const auto value = static_cast<double>(x(i, k));
            if (!std::isfinite(value))
              throw UsageError("point " + std::to_string(i) + " has " + number(value) + " at coordinate " +
                               std::to_string(k) + "; finite numbers were expected");
            most = std::max(most, std::fabs(value));
          }
        int e = 0;
        std::frexp(most, &e);
        return e;
      },
      points);
}

/// A number near the middle of each coordinate of the scaled points: the median of a few rows spread over them.
std::vector<double> middle(const PointsView& points, int exponent) {
  const std::int64_t n = rows(points), d = cols(points), sampled = std::min<std::int64_t>(n, 31);
  std::vector<double> out, values(static_cast<std::size_t>(sampled));
  for (std::int64_t k = 0; k < d && n > 0; ++k) {
    for (std::int64_t i = 0; i < sampled; ++i) {
      const std::int64_t row = sampled > 1 ? i * (n - 1) / (sampled - 1) : 0;
      const double x = std::visit([&](const auto& m) { return static_cast<double>(m(row, k)); }, points);
      values[static_cast<std::size_t>(i)] = std::ldexp(x, -exponent);
    }
    std::nth_element(values.begin(), values.begin() + sampled / 2, values.end());
    out.push_back(values[static_cast<std::size_t>(sampled / 2)]);
  }
  return out;
}

/// Bound of the rounding error of <x - c, r> in double, with all that the header's note counts. norm: of the row.
double slack_in_double(double norm, double d) {
  const double g = gamma(d + 32);
  return g * (1 + g) * norm * kUnitNorm + (d + 16) * 0x1p-1060;
}

/// The same in float32, rounded up.
float slack_in_single(double norm, double d) {
  const double n = (d + 16) * 0x1p-24;
  if (!(n < 0.25)) return std::numeric_limits<float>::infinity();
  const double g = n / (1 - n), slack = g * (1 + g) * norm * kUnitNorm + (d + 16) * 0x1p-120;
  return std::nextafterf(static_cast<float>(slack), std::numeric_limits<float>::infinity());
}

/// A float32 number that is not smaller.
float rounded_up(double x) {
  if (x > static_cast<double>(std::numeric_limits<float>::max())) return std::numeric_limits<float>::infinity();
  if (x < -static_cast<double>(std::numeric_limits<float>::max())) return -std::numeric_limits<float>::max();
  return std::nextafterf(static_cast<float>(x), std::numeric_limits<float>::infinity());
}

}  // namespace

Separation::Separation(PointsView points)
    : points_(points), exponent_(common_exponent(points)), centre_(middle(points, exponent_)) {
  const std::int64_t n = rows(points_);
  const auto d = static_cast<double>(cols(points_));
  Eigen::VectorXd z(cols(points_));
  norm_.reserve(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    centred_rows(&i, 1, z.data());
    norm_.push_back(z.norm() * (1 + gamma(d + 32)) + 0x1p-500);
  }
}

template <class Out>
void Separation::centred_rows(const std::int64_t* rows, std::int64_t count, Out* out) const {
  const double factor = std::ldexp(1.0, -exponent_);
  const bool representable = std::isfinite(factor) && factor >= std::numeric_limits<double>::min();
  std::visit(
      [&](const auto& x) {
        const std::int64_t d = x.cols();
        const double* c = centre_.data();
        for (std::int64_t i = 0; i < count; ++i, out += d) {
          const auto* from = x.data() + rows[i] * d;
          if (representable)
            for (std::int64_t k = 0; k < d; ++k)
              out[k] = static_cast<Out>(static_cast<double>(from[k]) * factor - c[k]);
          else
            for (std::int64_t k = 0; k < d; ++k)
              out[k] = static_cast<Out>(std::ldexp(static_cast<double>(from[k]), -exponent_) - c[k]);
        }
      },
      points_);
}

/// What is known of one claim's direction, in the scaled space.
struct Separation::Direction {
  std::vector<double> unit;  ///< r as doubles: itself, or r / |r| to 8 u an entry
  bool rounded = false;      ///< unit is not r itself: only exact arithmetic judges single rows
  std::vector<double> y;     ///< scaled
  double norm_lower = 1, norm_upper = 1;
  double lower = 0;         ///< distance_lower, scaled, rounded up
  double need = kInfinity;  ///< a computed <x - c, r> above it by the row's slack proves the row; infinite: none does
  std::optional<ExactDirection> exact;

  Direction(const SeparationClaim& claim, int exponent, const std::vector<double>& centre) {
    const Proof& proof = *claim.proof;
    const std::size_t d = claim.y.size();
    rounded = !proof.exact_direction.empty();
    if (rounded) {
      exact.emplace(proof.exact_direction);
      unit = exact->unit();
    } else {
      unit = proof.direction;
    }
    Twofold square, product;
    bool sound = true;
    for (std::size_t k = 0; k < d; ++k) {
      y.push_back(std::ldexp(claim.y[k], -exponent));
      sound = sound && std::ldexp(y[k], exponent) == claim.y[k] && std::fabs(y[k]) < 0x1p500;
      square.add_product(unit[k], unit[k]);
      product.add_product(unit[k], y[k]);
      product.add_product(-unit[k], centre[k]);
    }
    norm_upper = std::sqrt(square.value() + square.error()) * (1 + 8 * kUnit);
    norm_lower = std::sqrt(std::max(0.0, square.value() - square.error())) * (1 - 8 * kUnit);
    lower = std::nextafter(std::ldexp(proof.distance_lower, -exponent), kInfinity);
    if (!sound) return;
    const double error = product.error() + (rounded ? 16 * kUnit * product.magnitude : 0);
    const double bound = lower * norm_upper * (1 + 32 * kUnit);
    need = product.value() + error + bound;
    need += 8 * kUnit * (std::fabs(product.value()) + error + bound) + 0x1p-1050;
  }
};

/// The claim at one row, by tests 2 to 4.
bool Separation::row_holds(Direction& direction, const SeparationClaim& claim, std::int64_t row) const {
  const std::size_t d = direction.y.size();
  std::vector<double> x(d);
  centred_rows(&row, 1, x.data());
  const Eigen::Map<const Eigen::VectorXd> z(x.data(), cols(points_)), r(direction.unit.data(), cols(points_));
  if (z.dot(r) - slack_in_double(norm_[static_cast<std::size_t>(row)], static_cast<double>(d)) > direction.need)
    return true;
  if (!direction.rounded && direction.need < kInfinity) {
    Twofold sum;
    for (std::size_t k = 0; k < d; ++k) {
      const double coordinate =
          std::visit([&](const auto& m) { return static_cast<double>(m(row, static_cast<Eigen::Index>(k))); }, points_);
      sum.add_product(direction.unit[k], std::ldexp(coordinate, -exponent_));
      sum.add_product(-direction.unit[k], direction.y[k]);
    }
    const double error = sum.error() + static_cast<double>(d) * 0x1p-1060;
    const double least = sum.value() - error, most = sum.value() + error;
    if (least > 0 && least * (1 - 4 * kUnit) > direction.lower * direction.norm_upper * (1 + 4 * kUnit)) return true;
    if (most < 0) return false;
  }
  if (!direction.exact) direction.exact.emplace(std::span<const double>(claim.proof->direction));
  return direction.exact->separates(points_, row, claim.y, claim.proof->distance_lower);
}

std::vector<std::string> Separation::prove_group(const SeparationClaim* claims, std::size_t count,
                                                 const std::vector<std::int64_t>& members) const {
  const std::int64_t n = static_cast<std::int64_t>(members.size()), d = cols(points_);
  std::vector<std::string> out(count);
  std::vector<Direction> directions;
  Matrix<float> r(static_cast<Eigen::Index>(count), d), x(kBlock, d);
  for (std::size_t q = 0; q < count; ++q) {
    directions.emplace_back(claims[q], exponent_, centre_);
    r.row(static_cast<Eigen::Index>(q)) =
        Eigen::Map<const Eigen::RowVectorXd>(directions[q].unit.data(), d).cast<float>();
  }
  std::vector<float> product(count * static_cast<std::size_t>(kBlock)), slack(static_cast<std::size_t>(kBlock));
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t* row = members.data() + first;
    const std::int64_t size = std::min(kBlock, n - first);
    centred_rows(row, size, x.data());
    for (std::int64_t i = 0; i < size; ++i)
      slack[static_cast<std::size_t>(i)] =
          slack_in_single(norm_[static_cast<std::size_t>(row[i])], static_cast<double>(d));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(count), static_cast<int>(size),
                static_cast<int>(d), 1.0F, r.data(), static_cast<int>(d), x.data(), static_cast<int>(d), 0.0F,
                product.data(), static_cast<int>(size));
    for (std::size_t q = 0; q < count; ++q) {
      if (!out[q].empty()) continue;
      const float* value = product.data() + q * static_cast<std::size_t>(size);
      const float need = rounded_up(directions[q].need);
      if (least_difference(static_cast<std::size_t>(size), value, slack.data()) > need) continue;
      for (std::int64_t i = 0; i < size && out[q].empty(); ++i) {
        if (value[i] - slack[static_cast<std::size_t>(i)] > need || row[i] == claims[q].left_out) continue;
        if (!row_holds(directions[q], claims[q], row[i]))
          out[q] = "its direction does not separate it from point " + std::to_string(row[i]) +
                   " by distance_lower = " + number(claims[q].proof->distance_lower);
      }
    }
  }
  return out;
}

std::vector<std::string> Separation::prove(const std::vector<SeparationClaim>& claims,
                                           const std::vector<std::uint8_t>& mask) const {
  std::vector<std::string> out;
  if (claims.empty()) return out;
  std::vector<std::int64_t> members;
  for (std::int64_t i = 0; i < rows(points_); ++i)
    if (mask.empty() || mask[static_cast<std::size_t>(i)] != 0) members.push_back(i);
  for (std::size_t first = 0; first < claims.size(); first += kGroup) {
    const std::size_t count = std::min(kGroup, claims.size() - first);
    for (std::string& reason : prove_group(claims.data() + first, count, members)) out.push_back(std::move(reason));
  }
  return out;
}

}  // namespace hullscope::proof::detail
