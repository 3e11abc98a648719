// What is asked of one trial's test points, plain or resampled: how well each measure tells wrong answers from right
// ones, what the hull adds to distance, and how many points lie inside which hull.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reduce_frame.hpp"

namespace hullscope::jobs {

/// A score of the test points, or the hull that a share of them is inside of: where and what.
struct Scored {
  std::string space, measure;
  std::int64_t dimension;
};

/// A row in the making: a statistic that every trial computes, plain and on every resample.
struct Quantity {
  Scored scored;
  std::string statistic;
  bool stored_draws;
};

/// Every quantity of the study, in the order in which TrialJudge::judge() gives them.
std::vector<Quantity> quantities_of(const Frame& frame);

struct TrialCounts {
  double n = 0, n_wrong = 0;
};

class TrialJudge {
 public:
  /// Reads the trial's files. Throws UsageError on undecided verdicts that are not allowed.
  TrialJudge(const Frame& frame, const std::string& network, int trial);
  ~TrialJudge();
  TrialCounts counts() const;
  std::int64_t points() const;
  /// weight: how often each point was drawn. NaN where a quantity does not exist.
  std::vector<double> judge(std::span<const std::int32_t> weight) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hullscope::jobs
