#include "missing_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <unordered_map>
#include <utility>

#include <hullscope/base/error.hpp>

namespace hullscope::jobs {
namespace fs = std::filesystem;

std::vector<MissingFile> missing_files(const study::Task& reduce, const std::map<std::string, store::Input>& there,
                                       const std::vector<study::Task>& plan, const std::string& folder) {
  std::unordered_map<std::string, const study::Task*> maker;
  for (const auto& task : plan) maker[task.output] = &task;
  const auto exists = [&](const std::string& path) { return fs::exists(fs::path(folder) / path); };
  std::vector<MissingFile> missing;
  for (const auto& [role, path] : reduce.inputs) {
    if (there.count(role)) continue;
    const study::Task& task = *maker.at(path);
    std::string reason = exists(path) ? "its file is damaged" : "its file is not there";
    for (const auto& [needed, input] : task.inputs)
      if (!study::is_data(needed) && !exists(input)) reason = fmt::format("needs {}, which is not there", input);
    missing.push_back({task, reason});
  }
  return missing;
}

namespace {

/// Without the spaces of the data set itself that lack a file.
void leave_out_pixels(study::Study& study, const std::vector<MissingFile>& missing) {
  for (const auto& file : missing)
    if (file.task.network.empty())
      std::erase(file.task.stage == "proximity" ? study.proximity.spaces : study.hull.spaces, "pixel");
}

}  // namespace

WholePart whole_part(const study::Study& study, const std::vector<study::Task>& plan,
                     const std::vector<MissingFile>& missing, std::size_t fewest_trials) {
  std::set<std::pair<std::string, int>> broken;
  for (const auto& file : missing) broken.emplace(file.task.network, file.task.trial);
  WholePart part{study, {}, {}};
  leave_out_pixels(part.study, missing);
  std::map<std::string, std::vector<std::int64_t>> whole;
  std::size_t most = 0;
  for (const auto& network : study.networks) {
    for (int t = 0; t < study.train.trials; ++t)
      if (!broken.count({network.name, t})) whole[network.name].push_back(t);
    most = std::max(most, whole[network.name].size());
  }
  if (most == 0)
    throw EnvironmentError(
        "reduce: no trial of any network has all of its files, so that there is nothing to reduce; run "
        "the stages that have failed again");
  const std::size_t least = std::min(most, fewest_trials);
  std::size_t trials = most;
  for (const auto& [network, numbers] : whole)
    if (numbers.size() >= least) trials = std::min(trials, numbers.size());
  std::erase_if(part.study.networks, [&](const auto& network) { return whole[network.name].size() < least; });
  part.study.train.trials = static_cast<std::int64_t>(trials);
  std::map<std::pair<std::string, int>, int> renumbered;
  for (const auto& network : part.study.networks) {
    auto numbers = whole[network.name];
    numbers.resize(trials);
    for (std::size_t t = 0; t < trials; ++t)
      renumbered[{network.name, static_cast<int>(numbers[t])}] = static_cast<int>(t);
    part.trials.push_back(std::move(numbers));
  }
  std::set<std::string> gone;
  for (const auto& file : missing) gone.insert(file.task.output);
  for (auto task : plan) {
    const auto found = renumbered.find({task.network, task.trial});
    if (gone.count(task.output) || (!task.network.empty() && found == renumbered.end())) continue;
    if (!task.network.empty()) task.trial = found->second;
    part.tasks.push_back(std::move(task));
  }
  return part;
}

void write_missing(store::ArtifactWriter& writer, const std::vector<MissingFile>& missing, const WholePart& part) {
  std::vector<std::string> tasks, reasons;
  for (const auto& file : missing) tasks.push_back(file.task.name), reasons.push_back(file.reason);
  std::vector<std::int64_t> entries, numbers;
  for (std::size_t i = 0; i < missing.size(); ++i) entries.push_back(static_cast<std::int64_t>(i));
  writer.write<std::int64_t>("/missing/entry", {static_cast<std::int64_t>(missing.size())}, entries);
  writer.write_text("/missing/task", tasks);
  writer.write_text("/missing/reason", reasons);
  for (const auto& of_network : part.trials) numbers.insert(numbers.end(), of_network.begin(), of_network.end());
  writer.write<std::int64_t>("/whole_trial", {static_cast<std::int64_t>(part.trials.size()), part.study.train.trials},
                             numbers);
}

}  // namespace hullscope::jobs
