#include <algorithm>
#include <cmath>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/exact_decision.hpp>
#include <hullscope/proof/exact.hpp>
#include <limits>
#include <numeric>

namespace hullscope::hull::detail {
namespace {

using proof::ExactDirection;
using proof::Proof;
using proof::Verdict;

constexpr std::size_t kEntering = 32;  // rows that join the working set in a round

/// An upper bound of |x - y| over all rows, masked ones included; about.
double reach_of(const Pricing& pricing, const double* y) {
  double largest = 0, square = 0;
  const auto difference = [&](std::int64_t k) { return y[k] - pricing.centre()[static_cast<std::size_t>(k)]; };
  for (std::int64_t k = 0; k < pricing.dimension(); ++k) largest = std::max(largest, std::abs(difference(k)));
  for (std::int64_t k = 0; k < pricing.dimension() && largest > 0; ++k) square += std::pow(difference(k) / largest, 2);
  return pricing.radius() * (1 + 1e-9) + largest * std::sqrt(square) * (1 + 1e-9);
}

/// The exact search on the rows of a working set; its proof names rows of the pricing.
Proof search_rows(const Pricing& pricing, const ExactQuery& exact, bool allow_double_direction,
                  const std::vector<std::int64_t>& working, const std::vector<double>& weight, std::int32_t& steps) {
  const Matrix<double> x = rows_of(pricing, working);
  const PreparedPoints points{PointsView(view(x))};
  ExactRequest request;
  request.y = exact.query.y;
  request.start.resize(weight.size());
  std::iota(request.start.begin(), request.start.end(), std::int64_t{0});
  request.start_weight = weight;
  request.settled = exact.settled;
  request.out_of_time = exact.out_of_time;
  request.allow_double_direction = allow_double_direction;
  Proof proof = exact_search(points, request, steps);
  for (std::int64_t& row : proof.support) row = working[static_cast<std::size_t>(row)];
  return proof;
}

/// The support and its weights first, then the other rows.
void lead_with(const Proof& proof, std::vector<std::int64_t>& working, std::vector<double>& weight) {
  std::vector<std::int64_t> rest;
  for (const std::int64_t row : working)
    if (std::find(proof.support.begin(), proof.support.end(), row) == proof.support.end()) rest.push_back(row);
  working = proof.support;
  working.insert(working.end(), rest.begin(), rest.end());
  weight = proof.weight;
}

}  // namespace

std::vector<std::int64_t> unseparated_rows(const Pricing& pricing, const PricingQuery& query, const Proof& proof,
                                           std::size_t most) {
  const ExactDirection exact =
      proof.direction.empty() ? ExactDirection(proof.exact_direction) : ExactDirection(proof.direction);
  const std::span<const double> y(query.y, static_cast<std::size_t>(pricing.dimension()));
  std::vector<double> unit(y.size(), 0);
  if (!exact.zero()) unit = exact.unit();
  const double d = static_cast<double>(pricing.dimension());
  // |unit - r / |r|| <= 2^-50, and the rounding of a value stays below 2^-52 (d + 2) |x - y| (Cauchy and Schwarz).
  const double slack = 0x1p-49 * (d + 12) * reach_of(pricing, query.y) + 0x1p-1060 * d;
  Ask ask;
  ask.y = query.y, ask.direction = unit.data(), ask.left_out = query.left_out;
  ask.cut = proof.distance_lower + slack;
  for (std::int64_t wanted = 256;; wanted *= 8) {
    ask.wanted = static_cast<std::int32_t>(std::min<std::int64_t>(wanted, std::numeric_limits<std::int32_t>::max()));
    const Priced priced = pricing.price({&ask, 1}, query.mask).front();
    std::vector<std::int64_t> near, found;
    for (const PricedRow& row : priced.lowest) near.push_back(row.row);
    const Matrix<double> x = rows_of(pricing, near);
    for (std::size_t i = 0; i < near.size() && found.size() < most; ++i)
      if (!exact.separates(view(x), static_cast<std::int64_t>(i), y, proof.distance_lower)) found.push_back(near[i]);
    if (!found.empty() || static_cast<std::int64_t>(near.size()) < ask.wanted) return found;
  }
}

Proof exact_decision(const Pricing& pricing, const ExactQuery& exact, std::int32_t& steps) {
  std::vector<std::int64_t> working = exact.start;
  std::vector<double> weight = exact.start_weight;
  if (working.empty()) {
    working = nearest_rows(pricing, exact.query, 1);
    if (working.empty()) throw InternalError("an exact hull test of no points at all.");
    weight = {1};
  }
  bool allow_double = exact.allow_double_direction;
  while (true) {
    const Proof proof = search_rows(pricing, exact, allow_double, working, weight, steps);
    if (proof.verdict != Verdict::outside) return proof;
    const std::vector<std::int64_t> entering = unseparated_rows(pricing, exact.query, proof, kEntering);
    if (entering.empty()) return proof;
    if (exact.out_of_time()) return {};
    lead_with(proof, working, weight);
    bool grown = false;
    for (const std::int64_t row : entering)
      if (std::find(working.begin(), working.end(), row) == working.end()) working.push_back(row), grown = true;
    if (grown) continue;
    // The doubles that stand for the direction do not keep their own working set's distance.
    if (!allow_double)
      throw InternalError("an exact hull test found rows beyond a hyperplane that it had placed there.");
    allow_double = false;
  }
}

}  // namespace hullscope::hull::detail
