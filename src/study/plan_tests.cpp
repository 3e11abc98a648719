// The tasks of further test sets. Each is a task of the study's own test points, asked about other points.
#include <fmt/format.h>

#include <hullscope/study/plan.hpp>

namespace hullscope::study {
namespace {

/// "mlp-256/trial-00/latent-02/hull" -> "mlp-256/trial-00/test-rotated-15/latent-02/hull"
std::string inserted(const Task& task, const std::string& path, const std::string& split) {
  const std::string base = task.network.empty() ? "input/" : fmt::format("{}/trial-{:02}/", task.network, task.trial);
  return base + "test-" + split + "/" + path.substr(base.size());
}

/// The files that hold what the set's own points are in the task's spaces.
void add_queries(Task& task, const std::string& split) {
  const std::string activations = fmt::format("{}/trial-{:02}/activations.h5", task.network, task.trial);
  if (task.stage == "encode") task.inputs["codes"] = task.output;
  const auto codes = task.inputs.find("codes");
  const bool of_codes = task.stage == "hull" && codes != task.inputs.end();
  task.inputs["queries"] = inserted(task, of_codes ? codes->second : activations, split);
  const auto before = task.inputs;
  for (const auto& [role, path] : before)
    if (role.starts_with("codes-")) task.inputs["queries-" + role.substr(6)] = inserted(task, path, split);
}

Task asked_about(const Study& study, Task task, const std::string& split) {
  if (task.stage != "extract" && !task.network.empty()) add_queries(task, split);
  task.name = inserted(task, task.name, split);
  task.output = inserted(task, task.output, split);
  task.test = split;
  for (auto& [role, path] : task.inputs)
    if (is_data(role)) path = data_name(study, task, role.substr(5));
  return task;
}

}  // namespace

std::string file_format(const Task& task) {
  const bool points = task.stage == "extract" || task.stage == "encode";
  return points && !task.test.empty() ? task.stage + "-test" : task.stage;
}

std::vector<Task> test_set_tasks(const Study& study, const std::vector<Task>& plain) {
  std::vector<Task> tasks;
  for (const TestSplit& split : test_splits(study)) {
    const bool samples = !split.spec.shift.empty() || !split.spec.set.empty();
    for (const Task& task : plain) {
      const bool asks = task.stage == "extract" || task.stage == "encode" || task.stage == "proximity" ||
                        (task.stage == "hull" && (task.hull.empty() || task.hull == "classes"));
      if (asks && (samples || !task.network.empty())) tasks.push_back(asked_about(study, task, split.name));
    }
  }
  return tasks;
}

}  // namespace hullscope::study
