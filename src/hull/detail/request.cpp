#include <hullscope/hull/detail/request.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include <hullscope/base/error.hpp>

namespace hullscope::hull::detail {

using proof::Proof;

void validate(std::int64_t n, std::int64_t d, const MembershipRequest& request) {
  const std::int64_t m = request.queries.rows();
  if (m > 0 && request.queries.cols() != d)
    throw UsageError("The queries have " + std::to_string(request.queries.cols()) + " coordinates, the points " +
                     std::to_string(d) + "; both must have the same number.");
  if (!request.mask.empty() && static_cast<std::int64_t>(request.mask.size()) != n)
    throw UsageError("The mask has " + std::to_string(request.mask.size()) + " entries, expected one for each of the " +
                     std::to_string(n) + " points.");
  if (!request.leave_out.empty() && static_cast<std::int64_t>(request.leave_out.size()) != m)
    throw UsageError("The list of left-out rows has " + std::to_string(request.leave_out.size()) +
                     " entries, expected one for each of the " + std::to_string(m) + " queries.");
  for (std::int64_t q = 0; q < m; ++q)
    for (std::int64_t k = 0; k < d; ++k)
      if (!std::isfinite(request.queries(q, k)))
        throw DataError(
            "the queries", "row " + std::to_string(q) + ", coordinate " + std::to_string(k),
            "found " + std::to_string(request.queries(q, k)) + ", expected finite numbers; remove that query.");
  std::int64_t taking_part = n, last = 0;
  if (!request.mask.empty()) {
    taking_part = std::count_if(request.mask.begin(), request.mask.end(), [](std::uint8_t v) { return v != 0; });
    last = std::find_if(request.mask.begin(), request.mask.end(), [](std::uint8_t v) { return v != 0; }) -
           request.mask.begin();
  }
  if (m > 0 && taking_part == 0) throw UsageError("The mask leaves no point at all; a hull needs at least one.");
  for (std::int64_t row : request.leave_out) {
    if (row < -1 || row >= n)
      throw UsageError("Row " + std::to_string(row) + " is to be left out; expected -1 or a row of the " +
                       std::to_string(n) + " points.");
    if (taking_part == 1 && row == last)
      throw UsageError("Leaving out row " + std::to_string(row) +
                       " leaves no point at all; a hull needs at least one.");
  }
}

void sort_support(Proof& proof) {
  if (std::is_sorted(proof.support.begin(), proof.support.end())) return;
  std::vector<std::size_t> order(proof.support.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return proof.support[a] < proof.support[b]; });
  Proof sorted = proof;
  for (std::size_t i = 0; i < order.size(); ++i) {
    sorted.support[i] = proof.support[order[i]];
    sorted.weight[i] = proof.weight[order[i]];
  }
  proof = std::move(sorted);
}

}  // namespace hullscope::hull::detail
