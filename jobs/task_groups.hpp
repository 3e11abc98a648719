// Tasks of a stage, dealt out to groups of ranks.
#pragma once
#include <cstdint>
#include <functional>

#include <hullscope/parallel/comm.hpp>

namespace hullscope::jobs {

/// The groups of `world`: `size` ranks each, neighbours together; a remainder of ranks forms no group.
struct TaskGroups {
  parallel::Comm group;
  bool works;  ///< false for a rank of the remainder
};
TaskGroups make_groups(const parallel::Comm& world, std::int64_t size);

/// Calls make(index) once for each index in [0, count): each group takes the next one when it is free, in order.
/// Collective over `world`. If make throws Interrupted (on all ranks of its group), no further task is begun, the other
/// groups are waited for (a signal has reached them as well, or they end the task in hand), and every rank throws
/// Interrupted.
void share_tasks(const parallel::Comm& world, const TaskGroups& groups, std::int64_t count,
                 const std::function<void(std::int64_t index)>& make);

}  // namespace hullscope::jobs
