// What the tests of hull/ share: asking, and insisting that the checker agrees.
#pragma once
#include <gtest/gtest.h>

#include <hullscope/base/random.hpp>
#include <hullscope/hull/membership.hpp>
#include <hullscope/proof/checker.hpp>
#include <string>
#include <vector>

namespace hullscope::test {

using proof::Verdict;

template <class Scalar>
hull::MembershipAnswer ask(const Matrix<Scalar>& points, const Matrix<double>& queries,
                           hull::MembershipOptions options = {}, std::vector<std::uint8_t> mask = {},
                           std::vector<std::int64_t> leave_out = {}) {
  const hull::Membership membership(PointsView(view(points)), std::move(options));
  const hull::MembershipRequest request{view(queries), std::move(mask), std::move(leave_out)};
  hull::MembershipAnswer answer = membership.find(request);
  const proof::CheckRequest check{view(points), view(queries), request.mask, request.leave_out};
  const auto results = proof::check(check, answer.proofs);
  for (std::size_t q = 0; q < results.size(); ++q)
    EXPECT_TRUE(results[q].proved) << "query " << q << ": " << results[q].reason;
  return answer;
}

inline std::vector<Verdict> verdicts(const hull::MembershipAnswer& answer) {
  std::vector<Verdict> result;
  for (const proof::Proof& p : answer.proofs) result.push_back(p.verdict);
  return result;
}

template <class Scalar>
Matrix<Scalar> gaussian(std::int64_t n, std::int64_t d, std::uint64_t seed, const std::string& name) {
  Matrix<Scalar> x(n, d);
  const std::uint64_t key = stream_key(seed, name);
  for (std::int64_t i = 0; i < n; ++i) {
    RandomStream stream(key, static_cast<std::uint64_t>(i));
    for (std::int64_t k = 0; k < d; ++k) x(i, k) = static_cast<Scalar>(stream.normal());
  }
  return x;
}

/// The seed of a property test: HULLSCOPE_TEST_SEED, or 1; printed with every failure.
inline std::uint64_t seed() {
  const char* text = std::getenv("HULLSCOPE_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

}  // namespace hullscope::test
