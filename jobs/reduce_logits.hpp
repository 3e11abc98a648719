// Further logits of a right answer beside the paper's, as rows of the long table: over all trials at once, by Firth's
// method where maximum likelihood cannot be trusted, and what the hull adds under other curves of distance.
#pragma once
#include <cstdint>
#include <vector>

#include "long_table.hpp"
#include "reduce_frame.hpp"
#include "results_table.hpp"

namespace hullscope::jobs {

/// Rows of network number `w`, for each measure in the latent space of Frame::dimension; none where its hull or its
/// distances were not asked for. `table`: with the cells of all trials. Not collective; the same on every rank.
void add_logit_rows(const Frame& frame, ResultsTable& table, std::int64_t w, std::vector<ResultRow>& rows);

}  // namespace hullscope::jobs
