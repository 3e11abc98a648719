#include "stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <thread>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/registry.hpp>
#include <hullscope/parallel/stop.hpp>

#include "ledger.hpp"
#include "outside.hpp"

namespace hullscope::jobs {
namespace {

/// Runs `make` on rank 0 and gives its text to every rank; its error is thrown on every rank. Collective.
template <class Make>
std::string on_root(const parallel::Comm& world, const Make& make) {
  std::string answer;
  if (world.root()) {
    try {
      answer = "0 " + make();
    } catch (const Error& error) {
      answer = fmt::format("{} {}", error.exit_code(), error.what());
    } catch (const std::exception& error) {
      answer = fmt::format("{} {}", static_cast<int>(kExitFailed), error.what());
    }
  }
  answer = world.broadcast(answer);
  const auto blank = answer.find(' ');
  const int code = std::stoi(answer.substr(0, blank));
  if (code == kExitUsage) throw UsageError(answer.substr(blank + 1));
  if (code != kExitDone) throw Error(answer.substr(blank + 1), code);
  return answer.substr(blank + 1);
}

struct CommandLine {
  std::string file, output;
  std::vector<std::string> only, overrides;
  bool force_new = false;
};

CommandLine read_command_line(const std::vector<std::string>& arguments, const std::string& stage) {
  static const std::vector<std::string> options = {"--output", "--task", "--set", "--force-new"};
  CommandLine line;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i], value;
    if (!name.starts_with('-')) {
      if (!line.file.empty())
        throw UsageError(fmt::format("{}: \"{}\" is a second study file, expected one", stage, name));
      line.file = name;
      continue;
    }
    const auto equals = name.find('=');
    const bool inline_value = equals != std::string::npos;
    if (inline_value) value = name.substr(equals + 1), name = name.substr(0, equals);
    if (!std::count(options.begin(), options.end(), name))
      throw UsageError(
          fmt::format("{}: unknown option {}; did you mean {}?", stage, name, nearest_name(name, options)));
    if (name == "--force-new") {
      line.force_new = true;
      continue;
    }
    if (!inline_value) {
      if (i + 1 == arguments.size())
        throw UsageError(fmt::format("{}: {} has no value, expected {} VALUE", stage, name, name));
      value = arguments[++i];
    }
    if (name == "--output") line.output = value;
    if (name == "--task") line.only.push_back(value);
    if (name == "--set") line.overrides.push_back(value);
  }
  if (line.file.empty())
    throw UsageError(fmt::format("{}: no study file, expected: hullscope {} STUDY.toml [--output DIR]", stage, stage));
  return line;
}

}  // namespace

Stage::Stage(const parallel::Comm& world, const std::vector<std::string>& arguments, const std::string& stage)
    : world_(world), stage_(stage) {
  const auto line = read_command_line(arguments, stage);
  only_ = line.only;
  force_new_ = line.force_new;
  // One rank reads the file, so that all see the same text; all parse it.
  const std::string resolved = on_root(world_, [&] { return study::to_toml(study::load(line.file, line.overrides)); });
  study_ = study::parse(resolved, line.file);
  folder_ = line.output.empty() ? default_folder(study_) : line.output;
  on_root(world_, [&] {
    // "plan" is no stage of the study: it looks and writes nothing
    stage_ == "plan" ? check_folder(study_, folder_) : claim_folder(study_, folder_);
    return std::string();
  });
}

std::string Stage::path(const std::string& relative) const {
  return (std::filesystem::path(folder_) / relative).string();
}

const datasets::LabelledSet& Stage::data(const std::string& split) {
  auto& set = split == "train" ? train_ : test_;
  if (!set) set = datasets::load(world_, request(study::data_source(study_, {}), split));
  return *set;
}

datasets::SetRequest Stage::request(const study::DataSource& source, const std::string& split) const {
  datasets::SetRequest request;
  request.name = source.set;
  request.split = split;
  request.limit = split == "train" ? study_.data.train_limit : study_.data.test_limit;
  request.folder = study_.data.folder;
  request.seed = source.seed;
  if (split == "test" && !source.test_set.empty()) request.name = source.test_set, request.test_alone = true;
  if (split == "test") request.shift = source.shift, request.strength = source.strength;
  return request;
}

datasets::LabelledSet Stage::data(const study::Task& task, const std::string& split, const parallel::Comm& comm) {
  auto source = study::data_source(study_, task);
  const bool further = split == "test" && !task.test.empty();
  const auto own = study::data_source(study_, {});
  if (!further && source.set == own.set && source.seed == own.seed) return data(split);
  if (source.seed != static_cast<std::uint64_t>(study_.seed) && !datasets::is_synthetic_set(source.set))
    throw UsageError(fmt::format(
        "data.per_trial is true, but \"{}\" is no synthetic set, so that it cannot be drawn anew", source.set));
  return datasets::load(comm, request(source, split));
}

std::vector<study::Task> Stage::selected_tasks() const {
  std::vector<study::Task> tasks;
  std::vector<std::string> names;
  for (auto& task : study::make_plan(study_)) {
    if (task.stage != stage_) continue;
    names.push_back(task.name);
    if (only_.empty() || std::count(only_.begin(), only_.end(), task.name)) tasks.push_back(std::move(task));
  }
  for (const auto& name : only_)
    if (!std::count(names.begin(), names.end(), name))
      throw UsageError(names.empty() ? fmt::format("--task {}: this study has no task of stage {}", name, stage_)
                                     : fmt::format("--task {}: stage {} has no such task; did you mean {}?", name,
                                                   stage_, nearest_name(name, names)));
  return tasks;
}

std::string Stage::data_digest(const study::Task& task, const std::string& role) {
  if (role != "data/train" && role != "data/test")
    return on_root(world_, [&] { return outside_digest(study_, task, role); });
  const auto source = study::data_source(study_, task);
  if (role == "data/train" || source.shift.empty()) return data(task, role.substr(5), world_).digest();
  // What a shift makes is a function of this; the samples are made where they are needed.
  study::Task plain = task;
  plain.test.clear();
  return sha256(fmt::format("shift 1 {} {} {} {}", data(plain, "test", world_).digest(), source.shift, source.strength,
                            source.seed));
}

std::map<std::string, std::string> Stage::data_digests(const std::vector<study::Task>& tasks) {
  std::map<std::string, std::string> digests;
  for (const auto& task : tasks)
    for (const auto& [role, name] : task.inputs)
      if (study::is_data(role) && !digests.count(name)) digests[name] = data_digest(task, role);
  return digests;
}

/// How long, in seconds, inputs that another node has made may stay unseen here (job scripts say it).
static double patience_for_inputs() {
  const char* given = std::getenv("HULLSCOPE_LAG_SECONDS");
  return given ? std::clamp(std::atof(given), 0.0, 3600.0) : 0;
}

/// On rank 0: waits for inputs of the task that are not there yet; in vain if they were never made. `watch`: since when
/// this stage waits.
static void wait_for_inputs(Ledger& ledger, const study::Task& task, const parallel::Stopwatch& watch) {
  while (watch.wall_seconds() < patience_for_inputs() && !parallel::stop_requested() &&
         ledger.judge(task).state == TaskState::waiting) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ledger.forget_missing();
  }
}

static const std::string kMissing = "-";  // in place of the digest of a file that is not there

/// On rank 0: a line with one letter a task (d: done, t: to do, l: later, when a file of one to do is there), then a
/// line "path digest" for every file read.
std::string Stage::look(const std::vector<study::Task>& tasks) {
  std::string states;
  std::vector<std::string> refused;
  std::set<std::string> unmade;  // files of this stage
  std::set<std::string> files;
  for (const auto& task : tasks) {
    files.insert(path(task.output));
    for (const auto& [role, input] : task.inputs)
      if (!study::is_data(role)) files.insert(path(input));
  }
  store::try_together({files.begin(), files.end()});
  const parallel::Stopwatch watch;
  for (const auto& task : tasks) {
    if (std::any_of(task.inputs.begin(), task.inputs.end(),
                    [&](const auto& i) { return unmade.count(i.second) > 0; })) {
      states += 'l';
      continue;
    }
    wait_for_inputs(*ledger_, task, watch);
    const auto status = ledger_->judge(task);
    if (status.state == TaskState::waiting) throw EnvironmentError(status.note);
    if (status.state == TaskState::refused && !force_new_) refused.push_back(status.note);
    if (status.state != TaskState::done && !status.note.empty() && (refused.empty() || force_new_))
      parallel::log_info(status.note + (status.state == TaskState::refused ? " (--force-new: made again)" : ""));
    if (status.state != TaskState::done) unmade.insert(task.output);
    states += status.state == TaskState::done ? 'd' : 't';
  }
  if (!refused.empty())
    throw UsageError(fmt::format("{}{}; go back to those, choose another --output, or give --force-new to make it anew",
                                 refused[0],
                                 refused.size() > 1 ? fmt::format(" (and {} more files so)", refused.size() - 1) : ""));
  std::string answer = states + "\n";
  for (const auto& [path, digest] : ledger_->digests_read())
    answer += path + " " + (digest.empty() ? kMissing : digest) + "\n";
  return answer;
}

void Stage::judge() {
  if (ledger_) return;
  const auto tasks = selected_tasks();
  ledger_ = std::make_shared<Ledger>(study_, study::make_plan(study_), folder_, data_digests(tasks));
  std::istringstream answer(on_root(world_, [&] { return look(tasks); }));
  std::string states, path, digest;
  std::getline(answer, states);
  std::map<std::string, std::string> digests;
  while (answer >> path >> digest) digests[path] = digest == kMissing ? "" : digest;
  ledger_->learn(std::move(digests));
  for (std::size_t i = 0; i < tasks.size(); ++i)
    if (states[i] == 't') todo_.push_back(tasks[i]);
  const auto later = static_cast<std::size_t>(std::count(states.begin(), states.end(), 'l'));
  later_ = later > 0;
  if (world_.root())
    parallel::log_info(fmt::format("{}: {} of {} done, {} to do", stage_, tasks.size() - todo_.size() - later,
                                   tasks.size(), todo_.size() + later));
}

bool Stage::look_again() {
  judge();
  if (!later_) return false;
  ledger_.reset();
  todo_.clear();
  judge();
  return true;
}

const std::vector<study::Task>& Stage::todo() {
  judge();
  return todo_;
}

store::Provenance Stage::provenance(const study::Task& task) {
  judge();
  return ledger_->provenance(task);
}

store::RunRecord Stage::record(const parallel::Comm& comm, const parallel::Stopwatch& watch) {
  store::RunRecord run;
  run.wall_seconds = comm.max(watch.wall_seconds());
  run.cpu_seconds = comm.sum(watch.cpu_seconds());
  run.peak_bytes = comm.max(comm.node().sum(parallel::Stopwatch::peak_proportional_bytes()));
  return run;
}

}  // namespace hullscope::jobs
