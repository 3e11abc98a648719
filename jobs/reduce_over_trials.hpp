// Means and intervals over the trials of one network.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include <hullscope/statistics/intervals.hpp>

#include "reduce_frame.hpp"
#include "results_table.hpp"

namespace hullscope::jobs {

inline constexpr std::size_t kFewestTrialsForAnInterval = 5;  ///< Student's t below says more about t than about trials

/// Student's t over trials; NaN below kFewestTrialsForAnInterval.
statistics::Interval t_interval(const std::vector<double>& values);

/// The means and intervals of network number `w`, from what its trials have filled.
void reduce_network(const Frame& frame, ResultsTable& table, std::int64_t w);

}  // namespace hullscope::jobs
