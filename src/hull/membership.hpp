// Hull membership and projection of many queries: the public face of hull/, no MPI and no PETSc header needed.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/proof/proof.hpp>

namespace hullscope::hull {

struct MembershipOptions {
  /// "reference" (Wolfe's min-norm point, one query at a time) or "tao:TYPE" (a bound-constrained type of PETSc).
  std::string solver = "reference";
  /// Also find the nearest hull point of outside queries, to relative 1e-6 with both bounds proved; without it an
  /// outside query is left as soon as a direction separates, and its distance is only bounded.
  bool projection = false;
  /// Above 0: leave a query `undecided`, with the interval of its distance, after that many seconds in all.
  double limit_seconds = 0;
};

struct MembershipRequest {
  MatrixView<double> queries{nullptr, 0, 0};  ///< M x d; float32 input is converted, which is exact
  /// If given: row i of the points takes part iff mask[i] != 0 (class hulls, subsets). N entries, or empty for all.
  std::vector<std::uint8_t> mask;
  /// If given: query q is tested against the hull without row leave_out[q] (-1: none). M entries, or empty.
  /// Duplicates of that row stay in; a query equal to one of them is therefore inside.
  std::vector<std::int64_t> leave_out;
};

struct QueryStatistics {
  std::int32_t passes = 0;        ///< pricing passes over the points
  std::int32_t exact_steps = 0;   ///< steps of exact arithmetic that were needed
  std::string solver_reason;      ///< TAO's converged reason, empty for others
};

struct MembershipAnswer {
  std::vector<proof::Proof> proofs;        ///< one a query, in the queries' order
  std::vector<QueryStatistics> statistics;
};

/// A training set prepared once and asked many times. Copies nothing of the points (they must outlive it) beyond
/// row norms and the map of exact dependencies. Every answer has passed proof::check. Threads: `find` may be called
/// from several threads at once. Not collective.
class Membership {
 public:
  /// points: N x d, float32 or float64. Throws UsageError on an unknown solver, DataError on NaN or infinity.
  Membership(PointsView points, MembershipOptions options);
  ~Membership();
  Membership(Membership&&) noexcept;
  MembershipAnswer find(const MembershipRequest& request) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// All solver names that this build knows, for messages and help.
std::vector<std::string> solver_names();

}  // namespace hullscope::hull
