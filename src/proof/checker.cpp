#include <hullscope/proof/checker.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <hullscope/base/error.hpp>
#include <hullscope/proof/detail/number.hpp>
#include <hullscope/proof/detail/separation.hpp>
#include <hullscope/proof/detail/twofold.hpp>
#include <hullscope/proof/enclosure.hpp>
#include <hullscope/proof/exact.hpp>

namespace hullscope::proof {
namespace {

using detail::number;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Who takes part in the hull of one query.
struct Members {
  std::int64_t points;
  const std::vector<std::uint8_t>& mask;
  std::int64_t left_out;
  bool contains(std::int64_t row) const {
    return row != left_out && (mask.empty() || mask[static_cast<std::size_t>(row)] != 0);
  }
};

/// Form of support, weights and bounds: the claims of every verdict. Empty, or what is false.
std::string false_form(const Proof& proof, const Members& members) {
  if (proof.support.size() != proof.weight.size())
    return "its support has " + std::to_string(proof.support.size()) + " rows but " +
           std::to_string(proof.weight.size()) + " weights";
  if (proof.support.empty()) return "its support is empty";
  for (std::size_t i = 0; i < proof.support.size(); ++i) {
    const std::int64_t row = proof.support[i];
    if (row < 0 || row >= members.points)
      return "support row " + std::to_string(row) + " is not one of the " + std::to_string(members.points) + " points";
    if (i > 0 && row <= proof.support[i - 1])
      return "support row " + std::to_string(row) + " follows row " + std::to_string(proof.support[i - 1]) +
             ", rows must ascend";
    if (!members.contains(row)) return "support row " + std::to_string(row) + " does not take part in this hull";
    if (!(proof.weight[i] > 0) || !std::isfinite(proof.weight[i]))
      return "the weight of row " + std::to_string(row) + " is " + number(proof.weight[i]) + ", not above 0";
  }
  const double lower = proof.distance_lower, upper = proof.distance_upper;
  if (!(lower >= 0) || !(lower <= upper) || !std::isfinite(upper))
    return "its distance bounds are " + number(lower) + " and " + number(upper) +
           ", not 0 <= lower <= upper < infinity";
  return {};
}

/// Is the stored weight within 2^-30 of an exact one known to lie in [lower, upper] (0: below the least double)? Among
/// subnormal numbers a double may be no nearer than the last place.
bool weight_fits(double stored, double lower, double upper) {
  constexpr double kTolerance = 0x1p-30 - 0x1p-50;  // the rest pays for the roundings here
  const double allowed = kTolerance * lower + detail::kTiny;
  return stored - lower <= allowed && upper - stored <= allowed;
}

std::string false_weight(const Proof& proof, std::size_t i, double exact) {
  return "the weight of row " + std::to_string(proof.support[i]) + " is " + number(proof.weight[i]) +
         ", the exact barycentric coordinate is " + number(exact);
}

std::string false_inside_exactly(const Proof& proof, const PointsView& points, std::span<const double> y) {
  const Barycentric exact = exact_barycentric(points, proof.support, y);
  if (exact.status == Solvability::dependent) return "its support rows are affinely dependent";
  if (exact.status == Solvability::inconsistent) return "it is no affine combination of its support rows";
  for (std::size_t i = 0; i < exact.weight.size(); ++i) {
    if (exact.sign[i] <= 0)
      return "the exact barycentric coordinate of row " + std::to_string(proof.support[i]) + " is " +
             number(exact.weight[i]) + ", not above 0";
    if (!weight_fits(proof.weight[i], exact.weight[i], exact.weight[i])) return false_weight(proof, i, exact.weight[i]);
  }
  return {};
}

std::string false_inside(const Proof& proof, const PointsView& points, std::span<const double> y) {
  if (proof.distance_lower != 0 || proof.distance_upper != 0)
    return "it is called inside, but its distance bounds are " + number(proof.distance_lower) + " and " +
           number(proof.distance_upper) + ", not 0";
  if (!proof.direction.empty() || !proof.exact_direction.empty())
    return "it is called inside, but has a separating direction";
  if (proof.support.size() > y.size() + 1) return "its support rows are affinely dependent: more than d + 1";
  const EnclosedBarycentric enclosed = enclosed_barycentric(points, proof.support, y);
  if (!enclosed.proved) return false_inside_exactly(proof, points, y);
  for (std::size_t i = 0; i < proof.weight.size(); ++i) {
    const double lower = std::nextafter(enclosed.weight[i] - enclosed.radius[i], -kInfinity);
    const double upper = std::nextafter(enclosed.weight[i] + enclosed.radius[i], kInfinity);
    if (lower > 0 && weight_fits(proof.weight[i], lower, upper)) continue;
    // A wide enclosure proves nothing; a narrow one that misses the stored weight does.
    const bool narrow = lower > 0 && upper - lower <= 0x1p-40 * lower;
    return narrow ? false_weight(proof, i, enclosed.weight[i]) : false_inside_exactly(proof, points, y);
  }
  return {};
}

/// distance_upper as the distance to the stored hull point, rounded up.
std::string false_upper(const Proof& proof, const PointsView& points, std::span<const double> y) {
  double sum = 0;
  for (const double w : proof.weight) sum += w;
  if (!(std::fabs(sum - 1) <= 0x1p-30)) return "its weights sum to " + number(sum) + ", not 1";
  const HullPointDistance distance = hull_point_distance(points, proof.support, proof.weight, y);
  const double upper = proof.distance_upper;
  const bool reached =
      upper >= distance.upper ||
      (upper >= distance.lower && exact_distance_within(points, proof.support, proof.weight, y, upper));
  if (!reached)
    return "distance_upper is " + number(upper) + ", but its hull point is at distance " + number(distance.lower);
  if (!(upper <= distance.upper * (1 + 0x1p-20) + 0x1p-40 * distance.magnitude))
    return "distance_upper is " + number(upper) + ", which is not the distance to its hull point, " +
           number(distance.upper);
  return {};
}

/// The form of an outside verdict's direction.
std::string false_direction(const Proof& proof, std::size_t d) {
  if (proof.direction.empty() == proof.exact_direction.empty())
    return proof.direction.empty() ? "it is called outside, but has no direction" : "it has two directions";
  if (!proof.exact_direction.empty()) {
    if (proof.exact_direction.size() != d)
      return "its exact direction has " + std::to_string(proof.exact_direction.size()) + " numbers, not " +
             std::to_string(d);
    try {
      if (ExactDirection(proof.exact_direction).zero()) return "its exact direction is zero";
    } catch (const UsageError& error) {
      return error.what();
    }
    return {};
  }
  if (proof.direction.size() != d)
    return "its direction has " + std::to_string(proof.direction.size()) + " numbers, not " + std::to_string(d);
  detail::Twofold square;
  for (const double r : proof.direction) {
    if (!(std::fabs(r) <= 2)) return "its direction holds " + number(r) + ", which no unit vector does";
    square.add_product(r, r);
  }
  const double norm = std::sqrt(square.value());
  if (!(std::fabs(norm - 1) <= static_cast<double>(d + 8) * 0x1p-52))
    return "its direction has norm " + number(norm) + ", not 1";
  return {};
}

/// Zero is the distance proved only if it is below every positive double.
std::string false_zero_lower(const Proof& proof, const PointsView& points, const Members& members,
                             std::span<const double> y) {
  const ExactDirection direction =
      proof.direction.empty() ? ExactDirection(proof.exact_direction) : ExactDirection(std::span(proof.direction));
  for (std::int64_t row = 0; row < members.points; ++row)
    if (members.contains(row) && !direction.separates(points, row, y, 0x1p-1074)) return {};
  return "it is called outside, but distance_lower is 0";
}

std::string false_undecided(const Proof& proof) {
  if (proof.distance_lower != 0)
    return "it is called undecided, but distance_lower is " + number(proof.distance_lower) + ", not 0";
  if (!proof.direction.empty() || !proof.exact_direction.empty())
    return "it is called undecided, but has a separating direction";
  if (!(proof.distance_upper > 0)) return "it is called undecided, but distance_upper is 0";
  return {};
}

/// All claims but the separation. Empty, or what is false.
std::string false_claim(const Proof& proof, const PointsView& points, const Members& members,
                        std::span<const double> y) {
  if (std::string reason = false_form(proof, members); !reason.empty()) return reason;
  switch (proof.verdict) {
    case Verdict::inside:
      return false_inside(proof, points, y);
    case Verdict::outside:
      if (std::string reason = false_direction(proof, y.size()); !reason.empty()) return reason;
      if (proof.distance_lower == 0)
        if (std::string reason = false_zero_lower(proof, points, members, y); !reason.empty()) return reason;
      return false_upper(proof, points, y);
    case Verdict::undecided:
      if (std::string reason = false_undecided(proof); !reason.empty()) return reason;
      return false_upper(proof, points, y);
  }
  return "its verdict is " + std::to_string(static_cast<int>(proof.verdict)) + ", not 0, 1 or 2";
}

std::vector<double> query_row(const PointsView& queries, std::int64_t row) {
  return std::visit(
      [&](const auto& x) {
        std::vector<double> y(static_cast<std::size_t>(x.cols()));
        for (std::size_t k = 0; k < y.size(); ++k) {
          y[k] = static_cast<double>(x(row, static_cast<Eigen::Index>(k)));
          if (!std::isfinite(y[k]))
            throw UsageError("query " + std::to_string(row) + " has " + number(y[k]) + " at coordinate " +
                             std::to_string(k) + "; finite numbers were expected");
        }
        return y;
      },
      queries);
}

void expect(bool fits, const std::string& sentence) {
  if (!fits) throw UsageError(sentence);
}

}  // namespace

struct Checker::State {
  detail::Separation separation;
};

Checker::Checker(PointsView points) {
  expect(cols(points) > 0, "the points have no coordinates; at least one was expected");
  state_ = std::make_unique<State>(State{detail::Separation(points)});
}
Checker::~Checker() = default;
Checker::Checker(Checker&&) noexcept = default;

std::vector<CheckResult> Checker::check(const PointsView& queries, const std::vector<Proof>& proofs, std::int64_t first,
                                        const std::vector<std::uint8_t>& mask,
                                        const std::vector<std::int64_t>& leave_out) const {
  const PointsView& points = state_->separation.points();
  const std::int64_t n = rows(points), m = rows(queries), count = static_cast<std::int64_t>(proofs.size());
  expect(cols(points) == cols(queries), "points have " + std::to_string(cols(points)) + " coordinates and queries " +
                                            std::to_string(cols(queries)) + "; the numbers must agree");
  expect(first >= 0 && first + count <= m, "proofs of queries " + std::to_string(first) + " to " +
                                               std::to_string(first + count) + " were given, but there are " +
                                               std::to_string(m) + " queries");
  expect(mask.empty() || static_cast<std::int64_t>(mask.size()) == n,
         "a mask of " + std::to_string(mask.size()) + " entries was given for " + std::to_string(n) + " points");
  expect(leave_out.empty() || static_cast<std::int64_t>(leave_out.size()) == m,
         "leave_out has " + std::to_string(leave_out.size()) + " entries for " + std::to_string(m) + " queries");

  std::vector<CheckResult> results(proofs.size());
  std::vector<detail::SeparationClaim> claims;
  std::vector<std::size_t> claimant;
  for (std::size_t q = 0; q < proofs.size(); ++q) {
    const std::int64_t row = first + static_cast<std::int64_t>(q);
    const std::int64_t left_out = leave_out.empty() ? -1 : leave_out[static_cast<std::size_t>(row)];
    std::vector<double> y = query_row(queries, row);
    results[q].reason = false_claim(proofs[q], points, {n, mask, left_out}, y);
    if (!results[q].reason.empty() || proofs[q].verdict != Verdict::outside) continue;
    claims.push_back({std::move(y), &proofs[q], left_out});
    claimant.push_back(q);
  }
  std::vector<std::string> reasons = state_->separation.prove(claims, mask);
  for (std::size_t c = 0; c < reasons.size(); ++c) results[claimant[c]].reason = std::move(reasons[c]);
  for (CheckResult& result : results) result.proved = result.reason.empty();
  return results;
}

std::vector<CheckResult> check(const CheckRequest& request, const std::vector<Proof>& proofs, std::int64_t first) {
  return Checker(request.points).check(request.queries, proofs, first, request.mask, request.leave_out);
}

}  // namespace hullscope::proof
