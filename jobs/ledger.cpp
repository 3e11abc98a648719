#include "ledger.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>

namespace hullscope::jobs {
namespace fs = std::filesystem;

Ledger::Ledger(study::Study study, std::vector<study::Task> plan, std::string folder,
               std::map<std::string, std::string> data_digests)
    : study_(std::move(study)),
      folder_(std::move(folder)),
      data_digests_(std::move(data_digests)),
      plan_(std::move(plan)) {
  for (const auto& task : plan_) makers_[task.output] = task.stage, formats_[task.output] = study::file_format(task);
}

std::string Ledger::digest_of(const std::string& relative_path) {
  const auto known = file_digests_.find(relative_path);
  if (known != file_digests_.end()) return known->second;
  const std::string path = (fs::path(folder_) / relative_path).string();
  std::string digest;
  if (fs::exists(path)) {
    try {
      maker_of(relative_path);  // a path that no task makes is a bug
      digest = store::ArtifactReader(path, formats_.at(relative_path)).content_digest();
    } catch (const DataError& error) {
      faults_[relative_path] = error.what();
    }
  }
  return file_digests_[relative_path] = digest;
}

void Ledger::forget_missing() {
  std::erase_if(file_digests_, [&](const auto& file) {
    if (!file.second.empty()) return false;
    // opening a folder makes a client of NFS ask the server anew what is in it
    std::error_code ignored;
    fs::directory_iterator((fs::path(folder_) / file.first).parent_path(), ignored);
    return true;
  });
  faults_.clear();
}

std::string Ledger::maker_of(const std::string& relative_path) const {
  if (const auto maker = makers_.find(relative_path); maker != makers_.end()) return maker->second;
  throw InternalError("no task makes " + relative_path);
}

/// The task's inputs (role -> path) without those that are missing and that it can do without.
std::map<std::string, std::string> Ledger::inputs_there(const study::Task& task) {
  auto inputs = task.inputs;
  if (task.stage == "reduce" && study_.reduce.partial)
    std::erase_if(inputs, [&](const auto& input) { return digest_of(input.second).empty(); });
  return inputs;
}

std::string Ledger::missing_input(const study::Task& task) {
  const auto inputs = inputs_there(task);
  if (inputs.empty() && !task.inputs.empty())
    return fmt::format("{} needs some result of the study, and there is none in {}; run the other stages first",
                       task.name, folder_);
  for (const auto& [role, path] : inputs)
    if (!study::is_data(role) && digest_of(path).empty())
      return faults_.count(path) ? fmt::format("{} needs a whole file, but {}; run stage {} to make it anew", task.name,
                                               faults_[path], maker_of(path))
                                 : fmt::format("{} needs {}, which is not there; run stage {} first", task.name,
                                               (fs::path(folder_) / path).string(), maker_of(path));
  return "";
}

store::Provenance Ledger::provenance(const study::Task& task) {
  if (const auto missing = missing_input(task); !missing.empty()) throw EnvironmentError(missing);
  store::Provenance made;
  made.stage = study::file_format(task);
  made.study_toml = study::task_toml(study_, task);
  made.options_hash = study::options_hash(study_, task);
  made.seed = static_cast<std::uint64_t>(study_.seed);
  std::map<std::string, std::string> digests;
  for (const auto& [role, path] : inputs_there(task)) {
    const bool is_data = study::is_data(role);
    digests[role] = is_data ? data_digests_.at(path) : digest_of(path);
    made.inputs[role].digest = digests[role];
    made.inputs[role].path = is_data ? study::data_source(study_, task).set
                                     : fs::path(path).lexically_relative(fs::path(task.output).parent_path()).string();
  }
  made.task_key = study::task_key(made.options_hash, digests);
  return made;
}

/// The key alone: what a plan of many tasks asks of each.
std::string Ledger::key_of(const study::Task& task) {
  std::map<std::string, std::string> digests;
  for (const auto& [role, path] : inputs_there(task))
    digests[role] = study::is_data(role) ? data_digests_.at(path) : digest_of(path);
  return study::task_key(study::options_hash(study_, task), digests);
}

/// A file without a readable key is damaged, and made again; but not one of a newer hullscope.
static TaskStatus judge_without_key(const std::string& path) {
  if (!fs::exists(path)) return {TaskState::to_do, ""};
  try {
    const std::string version = store::ArtifactReader(path).text("/", "format_version");
    if (version.substr(0, version.find('.')) != store::kFormatVersion.substr(0, store::kFormatVersion.find('.')))
      return {TaskState::refused,
              fmt::format("{} was made in file format {}, which this hullscope (format {}) does not know", path,
                          version, store::kFormatVersion)};
  } catch (const DataError&) {
    // not even attributes: the note says it
  }
  return {TaskState::to_do, path + " is damaged and made again"};
}

TaskStatus Ledger::judge(const study::Task& task) {
  if (const auto missing = missing_input(task); !missing.empty()) return {TaskState::waiting, missing};
  const std::string output = (fs::path(folder_) / task.output).string();
  bool other_key = false;
  if (store::is_done(output, key_of(task), &other_key)) return {TaskState::done, ""};
  if (!other_key) return judge_without_key(output);
  const std::string different = difference(provenance(task), store::ArtifactReader(output).provenance());
  if (different.empty()) return {TaskState::to_do, task.output + " is made again: its inputs have changed"};
  return {TaskState::refused, fmt::format("{} was made {}", output, different)};
}

namespace {

std::map<std::string, std::string> keys_and_values(const std::string& toml) {
  std::map<std::string, std::string> found;
  std::istringstream lines(toml);
  for (std::string line, table; std::getline(lines, line);) {
    if (line.starts_with('[')) table = line.substr(0, line.find(']')).substr(line.find_first_not_of('[')) + ".";
    const auto equals = line.find(" = ");
    if (equals != std::string::npos && !line.starts_with('#'))
      found[table + line.substr(0, equals)] = line.substr(equals + 3);
  }
  return found;
}

}  // namespace

/// What was different when the found file was made, in words; "" if only files that the study itself makes were.
std::string Ledger::difference(const store::Provenance& wanted, const store::Provenance& found) const {
  if (found.options_hash != wanted.options_hash) {
    const auto here = keys_and_values(wanted.study_toml), there = keys_and_values(found.study_toml);
    std::vector<std::string> differences;
    for (const auto& [key, value] : here) {
      const auto other = there.find(key);
      if (other == there.end() || other->second != value)
        differences.push_back(
            fmt::format("{} is {} there and {} here", key, other == there.end() ? "absent" : other->second, value));
    }
    return differences.empty() ? "by another version of the method" : "with other options: " + join(differences);
  }
  for (const auto& [role, input] : wanted.inputs) {
    const auto other = found.inputs.find(role);
    if (study::is_data(role) && (other == found.inputs.end() || other->second.digest != input.digest))
      return fmt::format("from other data: the content of {} ({}) has changed", input.path, role.substr(5));
  }
  return "";
}

std::string default_folder(const study::Study& study) {
  return "runs/" + study.name;
}

void check_folder(const study::Study& study, const std::string& folder) {
  const std::string path = (fs::path(folder) / "study.toml").string();
  if (fs::exists(folder) && !fs::is_directory(folder))
    throw UsageError(fmt::format("{}: not a folder, expected a folder for the results (--output)", folder));
  if (!fs::exists(path)) return;
  const auto there = study::load(path);
  std::vector<std::string> differences;
  const auto compare = [&](const std::string& what, const auto& a, const auto& b) {
    if (a != b) differences.push_back(fmt::format("{} is {} there and {} here", what, a, b));
  };
  compare("name", there.name, study.name);
  compare("seed", there.seed, study.seed);
  compare("data.set", there.data.set, study.data.set);
  compare("data.train_limit", there.data.train_limit, study.data.train_limit);
  compare("data.test_limit", there.data.test_limit, study.data.test_limit);
  if (!differences.empty())
    throw UsageError(
        fmt::format("{} holds another study ({}); choose another folder with --output", folder, join(differences)));
}

void claim_folder(const study::Study& study, const std::string& folder) {
  check_folder(study, folder);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw EnvironmentError(
        fmt::format("{}: the folder cannot be made ({}); choose another with --output", folder, error.message()));
  const std::string path = (fs::path(folder) / "study.toml").string(), text = study::to_toml(study);
  std::ifstream file(path, std::ios::binary);
  if (file && std::string{std::istreambuf_iterator<char>(file), {}} == text) return;
  store::publish_bytes(path, text);
}

}  // namespace hullscope::jobs
