#include "task_groups.hpp"

#include <string>

#include <hullscope/base/error.hpp>
#include <hullscope/parallel/sharing.hpp>

namespace hullscope::jobs {

TaskGroups make_groups(const parallel::Comm& world, std::int64_t size) {
  const auto number = world.size() / size;
  const auto mine = world.rank() / size;
  const bool works = mine < number;
  return {world.split(static_cast<int>(works ? mine : number), world.rank()), works};
}

void share_tasks(const parallel::Comm& world, const TaskGroups& groups, std::int64_t count,
                 const std::function<void(std::int64_t index)>& make) {
  parallel::WorkCounter counter(world);
  std::string stopped;
  while (groups.works && stopped.empty()) {
    std::int64_t index = groups.group.root() ? counter.next() : 0;
    groups.group.broadcast_bytes(&index, sizeof index);
    if (index >= count) break;
    try {
      make(index);
    } catch (const Interrupted& sentence) {
      stopped = sentence.what();
    }
  }
  if (!stopped.empty() && groups.group.root())
    while (counter.next() < count) {
    }  // nobody begins what is left
  for (const auto& sentence : world.gather(stopped))
    if (!sentence.empty()) throw Interrupted(sentence);
}

}  // namespace hullscope::jobs
