// libexec/hullscope/plan STUDY.toml [--output DIR] [--set key=value]... [--force-new]: what of a study is done, as JSON
// on standard output: a line of the study and its data, then a line a task, in the plan's order. Writes nothing. The
// dispatcher asks it, so that it needs neither MPI nor HDF5 itself.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_set>

#include <hullscope/base/digest.hpp>
#include <hullscope/study/cost.hpp>

#include "ledger.hpp"
#include "stage.hpp"

namespace {

using namespace hullscope;
using nlohmann::json;

/// What the report is made of: results.h5; of a study without networks all its files, once they are there. "" before.
std::string report_source(jobs::Ledger& ledger) {
  const auto& plan = ledger.plan();
  if (!plan.empty() && plan.back().stage == "reduce") return ledger.digest_of(plan.back().output);
  Digest digest;
  for (const auto& task : plan) {
    const std::string content = ledger.digest_of(task.output);
    if (content.empty()) return "";
    digest.update_text(content);
  }
  return plan.empty() ? "" : digest.hex();
}

json run_record(const std::string& path) {
  json record;
  const store::ArtifactReader file(path);
  for (const auto& name : {"wall_seconds", "cpu_seconds", "peak_bytes"}) record[name] = file.number("/run", name);
  return record;
}

/// Outputs that are not there as they should be; views of the plan's texts.
using Unmade = std::unordered_set<std::string_view>;

/// A task whose input will be made again, or first, cannot be called done yet; its stage decides once that is there.
json describe(const study::Task& task, jobs::Ledger& ledger, Unmade& unmade, const std::string& folder) {
  static const char* names[] = {"done", "to do", "to do", "refused"};
  const auto status = ledger.judge(task);
  std::string state = names[static_cast<int>(status.state)];
  for (const auto& [role, path] : task.inputs)
    if (state == "done" && unmade.count(path)) state = "to do";
  if (state != "done") unmade.insert(task.output);
  json described = {{"stage", task.stage}, {"name", task.name}, {"state", state}};
  if (status.state != jobs::TaskState::waiting && !status.note.empty()) described["note"] = status.note;
  if (status.state == jobs::TaskState::done)
    described["run"] = run_record((std::filesystem::path(folder) / task.output).string());
  return described;
}

int plan(const parallel::Comm& world, const std::vector<std::string>& arguments) {
  jobs::Stage stage(world, arguments, "plan");
  auto tasks = study::make_plan(stage.study());
  const auto &train = stage.data("train"), &test = stage.data("test");
  const study::DataShape shape{train.size(), test.size(), train.features(), train.classes(), train.sample_shape()};
  auto digests = stage.data_digests(tasks);
  std::vector<std::string> files;
  for (const auto& task : tasks) files.push_back(stage.path(task.output));
  store::try_together(files);
  jobs::Ledger ledger(stage.study(), std::move(tasks), stage.folder(), std::move(digests));
  const json head = {{"folder", stage.folder()},
                     {"train", shape.train},
                     {"test", shape.test},
                     {"features", shape.features},
                     {"classes", shape.classes},
                     {"sample_shape", shape.sample_shape},
                     {"tasks", ledger.plan().size()},
                     {"results_digest", report_source(ledger)}};
  Unmade unmade;
  const study::CostModel costs(stage.study(), shape);
  if (world.root()) std::cout << head.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
  for (const auto& task : ledger.plan()) {
    auto described = describe(task, ledger, unmade, stage.folder());
    described["estimate"] = costs.cpu_seconds(task);
    if (world.root()) std::cout << described.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, plan);
}
