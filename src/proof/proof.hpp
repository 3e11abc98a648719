// The form of a proof: what a finder of hull verdicts must hand over, and what the checker accepts.
//
// The question. Given points X (N x d) and a query y (d), all taken as exact numbers: is y in conv(X)? The hull is
// closed: a point on its boundary is inside.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hullscope::proof {

enum class Verdict : std::uint8_t {
  undecided = 0,  ///< only [distance_lower, distance_upper] is known; nothing may be read into it
  inside = 1,     ///< y is an exact convex combination of the support rows, all exact weights > 0
  outside = 2     ///< a hyperplane separates y strictly from every point
};

/// One query's verdict and its proof. The exact rules, with their tolerances, stand in checker.hpp.
struct Proof {
  Verdict verdict = Verdict::undecided;
  /// Proved bounds of the Euclidean distance from y to conv(X), in the units of the data; both 0 when inside.
  double distance_lower = 0, distance_upper = 0;
  /// Rows of X, ascending, no repeats, and their weights (> 0).
  /// inside: affinely independent rows whose exact barycentric coordinates of y are all > 0; every stored weight is
  /// within the checker's enclosure of the exact one.
  /// outside: the nearest hull point found, sum(w x) / sum(w); it proves distance_upper.
  std::vector<std::int64_t> support;
  std::vector<double> weight;
  /// outside: unit vector r with min_i <x_i, r> > <y, r>; it proves distance_lower. Empty otherwise.
  std::vector<double> direction;
  /// outside, where no vector of doubles separates: the direction as integers in decimal (d of them). Else empty.
  std::vector<std::string> exact_direction;
};

}  // namespace hullscope::proof
