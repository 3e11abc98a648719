// The arrays of results.h5 that one trial of one network fills.
#pragma once
#include <cstdint>
#include <vector>

#include "reduce_frame.hpp"
#include "results_table.hpp"

namespace hullscope::jobs {

inline constexpr std::int64_t kHistogramIntervals = 50;
inline constexpr int kNoVerdicts = -1;   ///< in place of a LogitStatus: the space's hull was not tested
inline constexpr int kNoDistances = -2;  ///< ... or no distances were measured in it

/// One trial's place in the table, and its data.
struct Trial {
  const Frame& frame;
  ResultsTable& table;
  std::int64_t w, t;
  Classifier classifier;
  std::vector<double> in_hull;  ///< in the space "latent"; empty if not tested
  std::vector<int> status;      ///< of the logit, by measure
};

/// Reads the trial's files and fills all its entries of the table; what is not known becomes NaN. Not collective.
void reduce_trial(Trial& trial);

}  // namespace hullscope::jobs
