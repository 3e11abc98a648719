// Files that one node has published and another does not see yet: network file systems answer from a cache for some
// seconds.
#pragma once
#include <string>
#include <vector>

#include <hullscope/batch/record.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::batch {

/// Outputs that a job said it had made, less than `seconds` ago by its file of outcomes, and that are not there.
std::vector<std::string> unseen_outputs(const Record& record, const std::vector<study::Task>& plan, double seconds);

/// Waits until there are none left. Returns how long that took, in seconds.
double wait_for_unseen(const Record& record, const std::vector<study::Task>& plan, double seconds);

}  // namespace hullscope::batch
