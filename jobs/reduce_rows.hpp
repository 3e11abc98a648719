// The rows of results.h5's long table.
#pragma once
#include <string>
#include <vector>

#include <hullscope/parallel/comm.hpp>

#include "long_table.hpp"
#include "reduce_frame.hpp"
#include "results_table.hpp"

namespace hullscope::jobs {

/// A row of `network` (or family) over `trials`, with its other columns at "does not apply".
ResultRow row_of(const std::string& network, const std::string& statistic, std::int64_t trials);

/// Adds the mean over the trials that have a value, with Student's t, and a row for each trial; NaN is said in
/// `status`.
void add_over_trials(std::vector<ResultRow>& rows, ResultRow row, const std::vector<double>& values);

/// Every row of the study; `table` is filled and reduced. The same on every rank. Collective. Shows its progress, a
/// network at a time, and writes it to `folder`/progress.json.
std::vector<ResultRow> make_long_table(const parallel::Comm& world, const Frame& frame, ResultsTable& table,
                                       const std::string& folder);

}  // namespace hullscope::jobs
