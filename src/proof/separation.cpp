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

constexpr std::size_t kGroup = 128;        // directions of one product
constexpr std::int64_t kBlock = 512;       // points of one product: 512 KB of results, which stay in cache
constexpr double kUnitNorm = 1 + 0x1p-20;  // directions have at most this norm
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Rows [first, last) in double, times 2^-exponent.
void scaled_rows(const PointsView& points, std::int64_t first, std::int64_t last, int exponent, double* out) {
  std::visit(
      [&](const auto& x) {
        const double factor = std::ldexp(1.0, -exponent);
        const auto* from = x.data() + first * x.cols();
        const std::int64_t n = (last - first) * x.cols();
        if (std::isfinite(factor) && factor >= std::numeric_limits<double>::min())
          for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<double>(from[i]) * factor;
        else
          for (std::int64_t i = 0; i < n; ++i) out[i] = std::ldexp(static_cast<double>(from[i]), -exponent);
      },
      points);
}

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

}  // namespace

Separation::Separation(PointsView points) : points_(points), exponent_(common_exponent(points)) {
  // Any order of summation, with or without fused multiply-add: |fl<x, r> - <x, r>| <= gamma(d) sum|x_k r_k|, and the
  // sum is at most |x||r| (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1). The further terms of
  // gamma pay for: entries of r that are rounded (exact directions: 8 u), the subtraction of the bound itself, and the
  // comparison. 2^-1060 pays for underflow, also of the scaling.
  const std::int64_t n = rows(points_), d = cols(points_);
  const auto size = static_cast<double>(d);
  std::vector<double> block(static_cast<std::size_t>(kBlock * d));
  slack_.reserve(static_cast<std::size_t>(n));
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t last = std::min(first + kBlock, n);
    scaled_rows(points_, first, last, exponent_, block.data());
    const MatrixView<double> x(block.data(), last - first, d);
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      const double norm = x.row(i).norm() * (1 + gamma(size + 16)) + 0x1p-500;
      slack_.push_back(gamma(size + 32) * (1 + gamma(size + 32)) * norm * kUnitNorm + (size + 16) * 0x1p-1060);
    }
  }
}

/// What is known of one claim's direction, in the scaled space.
struct Separation::Direction {
  std::vector<double> unit;  ///< r as doubles: itself, or r / |r| to 8 u an entry
  bool rounded = false;      ///< unit is not r itself: only exact arithmetic judges single rows
  std::vector<double> y;     ///< scaled
  double norm_lower = 1, norm_upper = 1;
  double lower = 0;         ///< distance_lower, scaled, rounded up
  double need = kInfinity;  ///< a computed <x, r> above it by the row's slack proves the row; infinite: none does
  std::optional<ExactDirection> exact;

  Direction(const SeparationClaim& claim, int exponent) {
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

/// The claim at one row: in twice the working precision, or exactly where that cannot tell. x: the scaled row.
bool Separation::row_holds(Direction& direction, const SeparationClaim& claim, const double* x,
                           std::int64_t row) const {
  if (!direction.rounded && direction.need < kInfinity) {
    Twofold sum;
    for (std::size_t k = 0; k < direction.y.size(); ++k) {
      sum.add_product(direction.unit[k], x[k]);
      sum.add_product(-direction.unit[k], direction.y[k]);
    }
    const double error = sum.error() + static_cast<double>(direction.y.size()) * 0x1p-1060;
    const double least = sum.value() - error, most = sum.value() + error;
    if (least > 0 && least * (1 - 4 * kUnit) > direction.lower * direction.norm_upper * (1 + 4 * kUnit)) return true;
    if (most < 0) return false;
  }
  if (!direction.exact) direction.exact.emplace(std::span<const double>(claim.proof->direction));
  return direction.exact->separates(points_, row, claim.y, claim.proof->distance_lower);
}

std::vector<std::string> Separation::prove_group(const SeparationClaim* claims, std::size_t count,
                                                 const std::vector<double>& slack) const {
  const std::int64_t n = rows(points_), d = cols(points_);
  std::vector<std::string> out(count);
  std::vector<Direction> directions;
  Matrix<double> r(static_cast<Eigen::Index>(count), d);
  for (std::size_t q = 0; q < count; ++q) {
    directions.emplace_back(claims[q], exponent_);
    std::copy(directions[q].unit.begin(), directions[q].unit.end(), r.row(static_cast<Eigen::Index>(q)).data());
  }
  std::vector<double> x(static_cast<std::size_t>(kBlock * d)), product(count * static_cast<std::size_t>(kBlock));
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t last = std::min(first + kBlock, n), size = last - first;
    scaled_rows(points_, first, last, exponent_, x.data());
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(count), static_cast<int>(size),
                static_cast<int>(d), 1.0, r.data(), static_cast<int>(d), x.data(), static_cast<int>(d), 0.0,
                product.data(), static_cast<int>(size));
    const double* allowance = slack.data() + first;
    for (std::size_t q = 0; q < count; ++q) {
      Direction& direction = directions[q];
      double* value = product.data() + q * static_cast<std::size_t>(size);
      const std::int64_t left_out = claims[q].left_out - first;
      if (left_out >= 0 && left_out < size) value[left_out] = kInfinity;
      if (!out[q].empty() || least_difference(static_cast<std::size_t>(size), value, allowance) > direction.need)
        continue;
      for (std::int64_t i = 0; i < size; ++i) {
        const bool absent = i == left_out || allowance[i] == -kInfinity;
        if (absent || value[i] - allowance[i] > direction.need) continue;
        if (row_holds(direction, claims[q], x.data() + i * d, first + i)) continue;
        out[q] = "its direction does not separate it from point " + std::to_string(first + i) +
                 " by distance_lower = " + number(claims[q].proof->distance_lower);
        break;
      }
    }
  }
  return out;
}

std::vector<std::string> Separation::prove(const std::vector<SeparationClaim>& claims,
                                           const std::vector<std::uint8_t>& mask) const {
  std::vector<double> masked;
  if (!mask.empty()) {
    masked = slack_;
    for (std::size_t i = 0; i < masked.size(); ++i)
      if (mask[i] == 0) masked[i] = -kInfinity;
  }
  std::vector<std::string> out;
  for (std::size_t first = 0; first < claims.size(); first += kGroup) {
    const std::size_t count = std::min(kGroup, claims.size() - first);
    for (std::string& reason : prove_group(claims.data() + first, count, mask.empty() ? slack_ : masked))
      out.push_back(std::move(reason));
  }
  return out;
}

}  // namespace hullscope::proof::detail
