// libexec/hullscope/plan STUDY.toml [--output DIR] [--set key=value]... [--force-new]: what of a study is done, as JSON
// on standard output. Writes nothing. The dispatcher asks it, so that it needs neither MPI nor HDF5 itself.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include <hullscope/study/cost.hpp>

#include "ledger.hpp"
#include "stage.hpp"

namespace {

using namespace hullscope;
using nlohmann::json;

json run_record(const std::string& path) {
  json record;
  const store::ArtifactReader file(path);
  for (const auto& name : {"wall_seconds", "cpu_seconds", "peak_bytes"}) record[name] = file.number("/run", name);
  return record;
}

/// A task whose input will be made again, or first, cannot be called done yet; its stage decides once that is there.
json describe(const study::Task& task, jobs::Ledger& ledger, std::set<std::string>& unmade, const std::string& folder) {
  static const char* names[] = {"done", "to do", "to do", "refused"};
  const auto status = ledger.judge(task);
  std::string state = names[static_cast<int>(status.state)];
  for (const auto& [role, path] : task.inputs)
    if (unmade.count(path) && state == "done") state = "to do";
  if (state != "done") unmade.insert(task.output);
  json described = {{"stage", task.stage}, {"name", task.name}, {"output", task.output}, {"state", state}};
  if (status.state != jobs::TaskState::waiting) described["note"] = status.note;
  if (status.state == jobs::TaskState::done)
    described["run"] = run_record((std::filesystem::path(folder) / task.output).string());
  return described;
}

int plan(const parallel::Comm& world, const std::vector<std::string>& arguments) {
  jobs::Stage stage(world, arguments, "plan");
  const auto tasks = study::make_plan(stage.study());
  const auto &train = stage.data("train"), &test = stage.data("test");
  const study::DataShape shape{train.size(), test.size(), train.features(), train.classes(), train.sample_shape()};
  jobs::Ledger ledger(stage.study(), stage.folder(), stage.data_digests(tasks));
  json answer = {
      {"folder", stage.folder()}, {"train", shape.train}, {"test", shape.test}, {"features", shape.features},
      {"classes", shape.classes},  {"sample_shape", shape.sample_shape}};
  answer["tasks"] = json::array();
  std::set<std::string> unmade;
  const study::CostModel costs(stage.study(), shape);
  for (const auto& task : tasks) {
    answer["tasks"].push_back(describe(task, ledger, unmade, stage.folder()));
    answer["tasks"].back()["estimate"] = costs.cpu_seconds(task);
  }
  const bool has_results = !tasks.empty() && tasks.back().stage == "reduce";
  answer["results_digest"] = has_results ? ledger.digest_of(tasks.back().output) : "";
  if (world.root()) std::cout << answer.dump() << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, plan);
}
