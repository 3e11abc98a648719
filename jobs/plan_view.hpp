// What the plan program says of a study, as the dispatcher reads it.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hullscope::jobs {

/// Starts the plan program (plan.cpp) with a stage's arguments and hands over its lines: of the study first (`data`),
/// then of each task in the plan's order (`task`). Returns its exit code; unless that is 0 nothing is handed over, and
/// it has printed why. Throws InternalError if it speaks of fewer tasks than it announced.
int ask_plan(const std::vector<std::string>& arguments, const std::function<void(const nlohmann::json&)>& data,
             const std::function<void(const nlohmann::json&)>& task);

}  // namespace hullscope::jobs
