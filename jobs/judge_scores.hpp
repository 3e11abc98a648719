// What depends on single test points, with crossed-bootstrap intervals: how well each measure tells wrong answers from
// right ones, what the hull adds to distance, and how many points lie inside.
#pragma once
#include <vector>

#include <hullscope/parallel/comm.hpp>

#include "long_table.hpp"
#include "reduce_frame.hpp"

namespace hullscope::jobs {

/// Rows of one network, over its trials and of each; the same on every rank, and for any number of ranks. Trials are
/// shared over the ranks. Without intervals below `fewest_trials` trials. Collective.
std::vector<ResultRow> judge_scores(const parallel::Comm& world, const Frame& frame, const std::string& network,
                                    std::size_t fewest_trials);

}  // namespace hullscope::jobs
