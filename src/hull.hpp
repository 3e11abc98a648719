// The hull test as a library, in one header: which queries lie in the convex hull of a training set, with a proof for
// each. One process, no MPI or PETSc header. examples/hull is the shortest program; docs/guide.md explains the answers.
//
//   hullscope::TrainingSet training(hullscope::view(points, n, d));
//   hullscope::HullAnswer answer = training.find({.queries = hullscope::view(queries, m, d)});
//   answer.proofs[0].verdict == hullscope::Verdict::inside
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/base/matrix.hpp>
#include <hullscope/hull/membership.hpp>
#include <hullscope/proof/checker.hpp>
#include <hullscope/proof/proof.hpp>

namespace hullscope {

/// n x d numbers of the caller's, row-major, one point a row; float32 and float64 are both taken as exact. Not copied:
/// they must outlive the view and what is made from it.
inline MatrixView<float> view(const float* values, std::int64_t n, std::int64_t d) {
  return {values, n, d};
}
inline MatrixView<double> view(const double* values, std::int64_t n, std::int64_t d) {
  return {values, n, d};
}

using proof::Proof;    ///< verdict, bounds of the distance, support and weights, direction
using proof::Verdict;  ///< undecided, inside (the hull is closed: its boundary is inside), outside

/// solver, projection (nearest hull points), limit_seconds: see hull/membership.hpp.
using HullOptions = hull::MembershipOptions;
/// `proofs` and `statistics`, one each a query, in the queries' order.
using HullAnswer = hull::MembershipAnswer;

/// What is asked of a training set.
struct HullRequest {
  PointsView queries;  ///< M x d
  /// Row i of the points takes part iff mask[i] != 0 (the hull of a class, of a subset). N entries, or empty: all do.
  std::vector<std::uint8_t> mask = {};
  /// Query q is tested against the hull without row leave_out[q] (-1: with all). M entries, or empty. Other rows equal
  /// to that row stay: a point that has a duplicate is inside the hull of the others.
  std::vector<std::int64_t> leave_out = {};
};

/// A training set, prepared once and asked many times, from several threads if wanted.
class TrainingSet {
 public:
  /// points: N x d, N >= 1, d >= 1; they must outlive this object. Throws UsageError on no points or an unknown solver,
  /// DataError on NaN or infinity.
  explicit TrainingSet(PointsView points, HullOptions options = {})
      : points_(points), hull_(points, std::move(options)) {}

  /// Decides every query, with proofs. Throws UsageError if sizes do not fit or a query's hull would have no point at
  /// all, DataError on NaN or infinity.
  HullAnswer find(const HullRequest& request) const {
    return std::visit(
        [&](const auto& queries) {
          const Matrix<double> exact = queries.template cast<double>();
          return hull_.find({hullscope::view(exact), request.mask, request.leave_out});
        },
        request.queries);
  }

  /// Re-proves an answer from the points, the queries and the proofs alone, by code that shares nothing with find().
  /// One sentence on each query whose proof is false or missing: empty if all hold.
  std::vector<std::string> false_claims(const HullRequest& request, const HullAnswer& answer) const {
    std::vector<std::string> sentences;
    const auto results = proof::check({points_, request.queries, request.mask, request.leave_out}, answer.proofs);
    for (std::size_t q = 0; q < results.size(); ++q)
      if (!results[q].proved) sentences.push_back("query " + std::to_string(q) + ": " + results[q].reason);
    return sentences;
  }

 private:
  PointsView points_;
  hull::Membership hull_;
};

}  // namespace hullscope
