// Exact arithmetic on points whose float32 or float64 values are taken as exact numbers: rational barycentric
// coordinates and signs of scalar products. No FLINT or GMP type appears here.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>

namespace hullscope::proof {

/// What the exact system  sum_i l_i x_i = y,  sum_i l_i = 1  over the support rows x_i has.
enum class Solvability {
  unique,        ///< rows affinely independent, exactly one solution
  inconsistent,  ///< rows affinely independent, y not in their affine hull: no solution
  dependent      ///< rows affinely dependent: no unique solution (there may be none or many); nothing else is known
};

struct Barycentric {
  Solvability status = Solvability::inconsistent;
  std::vector<double> weight;  ///< unique: the exact coordinates rounded to nearest, in the support's order; else empty
  std::vector<int> sign;       ///< unique: their exact signs, -1, 0 or 1; else empty
};

/// Solves the system above over the rationals. points: N x d; support: rows of it, distinct; y: d finite numbers.
/// Method: differences to the first row, scaled by powers of two to integers; rank by elimination modulo a prime (full
/// rank there proves it, a lower one is proved by an exact dependency); fraction-free or Dixon's p-adic solve on
/// independent equations; the remaining equations are tried exactly. About 0.1 ms at d = 8, a second or more at d =
/// 784. Thread-safe.
Barycentric exact_barycentric(const PointsView& points, std::span<const std::int64_t> support,
                              std::span<const double> y);

/// A direction as exact numbers: doubles, or integers of any size.
class ExactDirection {
 public:
  explicit ExactDirection(std::span<const double> r);  ///< finite numbers
  /// Integers in decimal ("-12"). Throws UsageError if one is not an integer.
  explicit ExactDirection(const std::vector<std::string>& integers);
  ~ExactDirection();
  ExactDirection(ExactDirection&&) noexcept;
  ExactDirection& operator=(ExactDirection&&) noexcept;

  std::size_t size() const;
  bool zero() const;  ///< all entries zero
  /// r / |r| in doubles, each entry to within 8 * 2^-53 of its size (plus 2^-1060). Not for a zero direction.
  std::vector<double> unit() const;

  /// The exact sign of <x_row, r> - <y, r>.
  int side(const PointsView& points, std::int64_t row, std::span<const double> y) const;
  /// Exactly: <x_row - y, r> > 0 and  <x_row - y, r> >= lower * |r|.
  bool separates(const PointsView& points, std::int64_t row, std::span<const double> y, double lower) const;
  /// The largest double that is <= <x_row - y, r> / |r| (0 if that is not positive): an exact lower bound, over the
  /// given rows, of the distance to their hull. Zero direction: 0.
  double distance_lower(const PointsView& points, std::span<const std::int64_t> rows, std::span<const double> y) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Exactly: |y - sum(w x) / sum(w)| <= upper. Weights > 0, upper >= 0, all finite.
bool exact_distance_within(const PointsView& points, std::span<const std::int64_t> support,
                           std::span<const double> weight, std::span<const double> y, double upper);

}  // namespace hullscope::proof
