#include "plan_view.hpp"

#include <hullscope/base/error.hpp>

#include "launch.hpp"

namespace hullscope::jobs {

int ask_plan(const std::vector<std::string>& arguments, const std::function<void(const nlohmann::json&)>& data,
             const std::function<void(const nlohmann::json&)>& task) {
  std::string text;
  if (const int code = capture_child(stage_command("plan", arguments, 1), text); code != 0) return code;
  std::size_t at = 0, announced = 0, found = 0;
  const auto next = [&] {
    const auto first = at, end = std::min(text.find('\n', at), text.size());
    at = end + 1;
    return nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(first),
                                 text.begin() + static_cast<std::ptrdiff_t>(end));
  };
  try {
    const auto head = next();
    announced = head.at("tasks");
    data(head);
    for (; at < text.size(); ++found) task(next());
  } catch (const nlohmann::json::exception& error) {
    throw InternalError(std::string("the plan program does not speak JSON: ") + error.what());
  }
  if (found != announced) throw InternalError("the plan program ended before its last task");
  return 0;
}

}  // namespace hullscope::jobs
