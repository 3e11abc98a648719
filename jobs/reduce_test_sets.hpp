// What the further test sets say: accuracy, how many points lie inside the hulls and how far from the training set they
// are, whether being outside goes with being wrong, and how well each measure tells foreign points from known ones.
#pragma once
#include <vector>

#include <hullscope/parallel/comm.hpp>

#include "long_table.hpp"
#include "reduce_frame.hpp"

namespace hullscope::jobs {

/// Rows (statistics "set_...") of one network, over its trials and of each; none if the study has no further test sets.
/// Intervals are by the crossed bootstrap of trials and points, points of shifted sets drawn as those they were made
/// of; none below `fewest_trials` trials. The same on every rank, and for any number of ranks. Collective.
std::vector<ResultRow> test_set_rows(const parallel::Comm& world, const Frame& frame, const std::string& network,
                                     std::size_t fewest_trials);

}  // namespace hullscope::jobs
