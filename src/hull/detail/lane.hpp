// One query on its way through column generation (the step: batched_solver.cpp), between one pricing and the next.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

#include <hullscope/hull/detail/active_set.hpp>
#include <hullscope/hull/detail/goal.hpp>
#include <hullscope/hull/detail/gram_set.hpp>
#include <hullscope/hull/detail/pricing.hpp>
#include <hullscope/hull/detail/solver.hpp>

namespace hullscope::hull::detail {

/// How a query is worked on.
struct Effort {
  bool gram;                 ///< the working set by its Gram matrix, else by orthogonal factors
  std::int32_t start, more;  ///< rows that a query starts from, and that a round adds at most
  std::size_t kept;          ///< of a Gram matrix' columns beside the active ones
  double depth;              ///< of a membership's cut below the level: see Lane::ask
  double gap;                ///< relative: what a projection's cut leaves of the level
  int rounds;                ///< more means that rounding rules

  /// Many queries at once.
  static Effort many(std::int64_t d);
  /// One query that floating point could not settle so: orthogonal factors, all that is below the level.
  static Effort thorough(std::int64_t d);
};

class Lane {
 public:
  /// All must outlive it.
  Lane(const Pricing& pricing, const Effort& effort, const Goal& goal)
      : pricing_(pricing), effort_(effort), goal_(goal), d_(static_cast<std::size_t>(pricing.dimension())) {}

  /// q: a number that number() gives back. around: the cells that it asks for before it asks for all.
  void begin(std::int64_t q, const double* y, std::int64_t left_out, CellSet around = kAllCells);
  std::int64_t number() const { return q_; }
  /// Adds rows by their coordinates; those of the start come first.
  void add(const std::vector<std::int64_t>& rows);
  /// Step 1, if rows were added. True if the query has come to its end, or floating point to its own.
  bool minimise();
  Ask ask() const;
  /// Step 3. True if the query has come to its end; else take entering(): none if it has to ask for all rows now.
  bool judge(const Priced& priced);
  const std::vector<std::int64_t>& entering() const { return entering_; }
  /// The weights could not be found to the precision that the goal needs.
  bool stuck() const { return stuck_; }
  std::vector<std::int64_t> active_rows() const { return effort_.gram ? gram_.active_rows() : set_.active_rows(); }
  /// Once: the verdict, or what was proved before it stopped.
  Candidate take() { return std::move(best_); }
  /// The same; without a verdict the support is where it stopped. Not with a Gram matrix.
  Candidate take_stopped();

 private:
  const std::vector<double>& direction() const { return effort_.gram ? gram_.direction() : set_.direction(); }
  double level() const { return effort_.gram ? gram_.active_level() : set_.active_level(); }
  bool separated(const Priced& priced);
  void take_support();
  void bound_above();

  const Pricing& pricing_;
  const Effort& effort_;
  const Goal& goal_;
  std::size_t d_;
  std::int64_t q_ = -1, left_out_ = -1;
  const double* y_ = nullptr;
  CellSet around_ = kAllCells;
  bool everywhere_ = true;  ///< the next direction is priced over all rows
  int round_ = 0;
  double before_ = std::numeric_limits<double>::infinity();
  bool stuck_ = false;
  ActiveSet set_;
  GramSet gram_;
  std::vector<std::int64_t> working_, entering_;  // working_ ascending
  std::vector<double> row_;
  Candidate best_;
};

}  // namespace hullscope::hull::detail
