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

namespace detail {
class Arrays;
class Spread;
}  // namespace detail

struct MembershipOptions {
  /// "batched" (Wolfe's min-norm point, many queries at once, most points ruled out by bounds), "reference" (the same
  /// one query at a time, every point looked at) or "tao:TYPE" (a type of PETSc/TAO).
  std::string solver = "batched";
  /// Also find the nearest hull point of outside queries, to relative 1e-6 with both bounds proved; without it an
  /// outside query is left as soon as a direction separates, and its distance is only bounded. (The weights of the
  /// nearest point are doubles, so very near the hull the upper bound ends at about 1e-15 of the data's scale.)
  bool projection = false;
  /// Above 0: leave a query `undecided`, with the interval of its distance, once that many seconds have passed since
  /// the Membership was made.
  double limit_seconds = 0;
  /// Every outside query is followed until it is known on which side of `eps` times scale() its distance lies.
  double eps = 0x1p-20;
  /// Called after each query and each exact step, from the thread that works on it (a watchdog's heartbeat).
  std::function<void()> heartbeat = {};
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
  std::int32_t passes = 0;       ///< directions that were priced
  double products = 0;           ///< coordinate products that pricing computed (one pass over everything: N d)
  std::int32_t exact_steps = 0;  ///< steps of exact arithmetic that were needed
  std::string solver_reason;     ///< TAO's converged reason, empty for others
};

struct MembershipAnswer {
  std::vector<proof::Proof> proofs;  ///< one a query, in the queries' order
  std::vector<QueryStatistics> statistics;
};

/// A training set prepared once and asked many times. The points must outlive it. It keeps copies of the points as its
/// solver reads them (docs/hull.md says how large). Every answer is proved: `outside` of "batched" and "tao:TYPE" by
/// pricing's own rigorous bounds, all others by proof::check. Each query's answer depends on the points and the query
/// alone. Threads: `find` may be called from several threads at once; while it is made or asked OpenBLAS is set to one
/// thread, and restored afterwards. Not collective.
class Membership {
 public:
  /// points: N x d, float32 or float64, N >= 1, d >= 1. Throws UsageError on an unknown solver or on no points,
  /// DataError on NaN or infinity.
  Membership(PointsView points, MembershipOptions options);
  ~Membership();
  Membership(Membership&&) noexcept;
  /// Throws UsageError if sizes do not fit or if a query's hull would have no point at all, DataError on NaN or
  /// infinity.
  MembershipAnswer find(const MembershipRequest& request) const;
  /// Mean distance of the points to their mean, in the units of the data.
  double scale() const;
  /// Number of singular values of the centred points above 2^-20 of the largest. Costs N d^2 flop; not cached.
  std::int64_t numerical_rank() const;

  /// For points that are spread over ranks (hull/spread.hpp says when to call it, and what it means); of a Membership
  /// over its own points finish() does nothing and together() is false.
  void finish() const;
  bool together() const;
  explicit Membership(std::unique_ptr<detail::Spread> spread);  ///< of make_spread_membership()
  /// Of make_node_membership().
  Membership(PointsView points, MembershipOptions options, std::unique_ptr<detail::Arrays> arrays);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::unique_ptr<detail::Spread> spread_;  ///< instead of state_
};

/// All solver names that this build knows, for messages and help.
std::vector<std::string> solver_names();

/// Throws UsageError, naming the valid ones, if `solver` is none of solver_names().
void require_solver(const std::string& solver);

}  // namespace hullscope::hull
