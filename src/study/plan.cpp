#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/study/detail/option_table.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::study {
namespace {

const std::vector<std::string> kStages = {"train", "extract", "encode", "hull", "proximity", "reduce"};

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::count(names.begin(), names.end(), name) > 0;
}

Task pixel_task(const Study& study, const std::string& stage) {
  Task task{stage, "input/" + stage, "input/" + stage + ".h5", {}, "", -1, -1, "pixel"};
  for (const std::string split : {"train", "test"}) task.inputs["data/" + split] = data_name(study, task, split);
  return task;
}

/// The tasks of one trial of one network; its hulls before its distances, as the stages run.
void plan_trial(const Study& study, const NetworkSpec& network, int trial, std::vector<Task>& tasks) {
  const std::string base = fmt::format("{}/trial-{:02}", network.name, trial);
  const std::string net = base + "/network.h5", activations = base + "/activations.h5";
  const auto add = [&](Task task) {
    task.network = network.name, task.trial = trial;
    for (auto& [role, path] : task.inputs)
      if (is_data(role)) path = data_name(study, task, role.substr(5));
    tasks.push_back(std::move(task));
  };
  // Where the classifier is, for those who extract and encode.
  const bool arrays = !network.arrays.empty(), own = network.torchscript.empty() && !arrays;
  std::map<std::string, std::string> classifier;
  if (own) classifier["network"] = net;
  if (!network.torchscript.empty()) classifier["data/network"] = "";
  if (own) add({"train", base + "/train", net, {{"data/train", ""}}, "", -1, -1, ""});
  std::map<std::string, std::string> extracted = classifier;
  if (arrays) extracted["data/answers"] = "";
  extracted["data/train"] = extracted["data/test"] = "";
  add({"extract", base + "/extract", activations, extracted, "", -1, -1, "neural"});
  std::map<std::string, std::string> encoded = classifier;
  encoded["activations"] = activations;

  /// The codes of one space, and their hull.
  const auto add_codes = [&](const std::string& space, std::int64_t d, bool with_hull) {
    const std::string folder = base + "/" + space, codes = folder + "/codes.h5";
    const int dimension = static_cast<int>(d);
    add({"encode", folder + "/encode", codes, encoded, "", -1, dimension, space});
    if (with_hull) add({"hull", folder + "/hull", folder + "/hull.h5", {{"codes", codes}}, "", -1, dimension, space});
  };
  std::map<std::string, std::string> measured = {{"activations", activations}};
  for (const auto d : study.encode.dimensions) {
    const std::string space = latent_name(d), codes = base + "/" + space + "/codes.h5";
    add_codes(space, d, holds(study.hull.spaces, "latent"));
    if (holds(study.proximity.spaces, "latent")) measured["codes-" + space.substr(7)] = codes;
  }
  if (holds(study.hull.spaces, "pca"))
    for (const auto d : study.encode.dimensions) add_codes(fmt::format("pca-{:02}", d), d, true);
  if (holds(study.hull.spaces, "neural"))
    add({"hull",
         base + "/hull-neural",
         base + "/hull-neural.h5",
         {{"activations", activations}},
         "",
         -1,
         -1,
         "neural"});
  if (holds(study.proximity.spaces, "neural") || measured.size() > 1)
    add({"proximity", base + "/proximity", base + "/proximity.h5", measured, "", -1, -1, ""});
}

/// The further hulls that the study asks for in the space of `plain`.
std::vector<Task> further_hulls(const Study& study, const Task& plain) {
  std::vector<Task> tasks;
  const auto add = [&](const std::string& hull, std::int64_t points, const std::string& suffix) -> Task& {
    Task task = plain;
    task.hull = hull, task.hull_points = points;
    task.name += "-" + suffix;
    task.output.insert(task.output.size() - std::string(".h5").size(), "-" + suffix);
    return tasks.emplace_back(std::move(task));
  };
  if (study.hull.classes)
    if (Task& task = add("classes", -1, "classes"); !task.network.empty())
      task.inputs["activations"] = fmt::format("{}/trial-{:02}/activations.h5", task.network, task.trial);
  if (const auto n = study.hull.left_out; n > 0) add("left-out", n, fmt::format("left-out-{}", n));
  for (const auto n : study.hull.subsets) add("subset", n, fmt::format("subset-{}", n));
  return tasks;
}

void plan_further_hulls(const Study& study, std::vector<Task>& tasks) {
  std::vector<Task> more;
  for (const Task& task : tasks)
    if (task.stage == "hull" && !task.space.starts_with("pca"))
      for (Task& further : further_hulls(study, task)) more.push_back(std::move(further));
  tasks.insert(tasks.end(), more.begin(), more.end());
}

Task reduce_task(const std::vector<Task>& tasks) {
  Task reduce{"reduce", "reduce", "results.h5", {}, "", -1, -1, ""};
  for (const auto& task : tasks)
    if (task.stage != "train") reduce.inputs[task.output] = task.output;
  return reduce;
}

/// What a network is, beside the files it comes from: these are inputs.
std::string layers_of(const Study& study, const std::string& network) {
  const auto* spec = find_network(study, network);
  if (!spec) return "";
  if (!spec->torchscript.empty())
    return fmt::format("torchscript {} {} {} {}", detail::quoted(spec->layer), spec->scaling,
                       fmt::join(spec->mean, ","), fmt::join(spec->deviation, ","));
  return spec->arrays.empty() ? detail::quoted_list(spec->layers) : "arrays";
}

/// What the task's further test set is, beside its samples: these are inputs.
std::string test_of(const Study& study, const Task& task) {
  for (const TestSplit& split : test_splits(study))
    if (split.name == task.test)
      return fmt::format("test = {} {} {}\n", detail::quoted(split.spec.name),
                         split.spec.shift.empty() ? "" : fmt::format("{} {}", split.spec.shift, split.strength),
                         split.spec.same_classes);
  return "";
}

/// Of a trial's proximity file: the spaces that its inputs do not show.
std::string proximity_spaces(const Study& study, const Task& task) {
  if (task.stage != "proximity" || task.space == "pixel") return "";
  return holds(study.proximity.spaces, "neural") ? "neural" : "no neural";
}

}  // namespace

const NetworkSpec* find_network(const Study& study, const std::string& name) {
  for (const auto& spec : study.networks)
    if (spec.name == name) return &spec;
  return nullptr;
}

DataSource data_source(const Study& study, const Task& task) {
  DataSource source{study.data.set, static_cast<std::uint64_t>(study.seed)};
  const auto* network = find_network(study, task.network);
  const bool features = network && !network->arrays.empty();
  if (network && !network->set.empty()) source.set = network->set;
  if (features) source.set = features_set(*network, task.test.empty() ? "test" : task.test, task.trial);
  if (!task.test.empty() && !features)
    for (const TestSplit& split : test_splits(study))
      if (split.name == task.test) {
        source.test_set = split.spec.set, source.shift = split.spec.shift;
        if (!source.shift.empty()) source.strength = split.strength;
      }
  if (study.data.per_trial && task.trial >= 0)
    source.seed = stream_key(source.seed, fmt::format("data/trial-{:02}", task.trial));
  return source;
}

std::string data_name(const Study& study, const Task& task, const std::string& split) {
  const auto source = data_source(study, task);
  std::string name = "data/" + split;
  if (split == "network" || split == "answers")
    return name + fmt::format(" of {} for trial {:02}", task.network, task.trial) +
           (task.test.empty() ? "" : " and test " + task.test);
  if (split == "test" && !task.test.empty()) name += " " + task.test;
  if (source.set != study.data.set) name += " of " + source.set;
  if (source.seed != static_cast<std::uint64_t>(study.seed)) name += fmt::format(" for trial {:02}", task.trial);
  return name;
}

bool is_data(const std::string& role) {
  return role.starts_with("data/");
}

std::string latent_name(std::int64_t dimension) {
  return fmt::format("latent-{:02}", dimension);
}

std::vector<Task> make_plan(const Study& study) {
  std::vector<Task> tasks;
  if (holds(study.hull.spaces, "pixel")) tasks.push_back(pixel_task(study, "hull"));
  if (holds(study.proximity.spaces, "pixel")) tasks.push_back(pixel_task(study, "proximity"));
  for (const auto& network : study.networks)
    for (int trial = 0; trial < study.train.trials; ++trial) plan_trial(study, network, trial, tasks);
  plan_further_hulls(study, tasks);
  for (Task& task : test_set_tasks(study, tasks)) tasks.push_back(std::move(task));
  if (!study.networks.empty()) tasks.push_back(reduce_task(tasks));
  std::vector<Task> by_stage;
  by_stage.reserve(tasks.size());
  for (const auto& stage : kStages)
    for (auto& task : tasks)
      if (task.stage == stage) by_stage.push_back(std::exchange(task, Task()));
  return by_stage;
}

int algorithm_version(const std::string& stage) {
  static const std::map<std::string, int> versions = {{"train", 1}, {"extract", 1},   {"encode", 1},
                                                      {"hull", 5},  {"proximity", 2}, {"reduce", 4}};
  const auto found = versions.find(stage);
  if (found == versions.end()) throw InternalError("algorithm_version of an unknown stage " + stage);
  return found->second;
}

std::string stream_name(const Study& study, const Task& task) {
  std::string name = data_source(study, task).set;
  if (task.trial >= 0) name += fmt::format("/{}/trial-{:02}", task.network, task.trial);
  if (task.dimension >= 0) name += "/" + latent_name(task.dimension);
  return name;
}

std::string options_hash(const Study& study, const Task& task) {
  const std::string hull = task.hull.empty() ? "" : fmt::format("hull = {} {}\n", task.hull, task.hull_points);
  const std::string test = task.test.empty() ? "" : test_of(study, task);
  return sha256(
      fmt::format("hullscope task options 1\nstage = {}\nalgorithm_version = {}\nseed = {}\nstream = {}\n"
                  "layers = {}\ntrial = {}\ndimension = {}\nspace = {} {}\n{}{}",
                  task.stage, algorithm_version(task.stage), study.seed, stream_name(study, task),
                  layers_of(study, task.network), task.trial, task.dimension, task.space, proximity_spaces(study, task),
                  hull + test, stage_options(study, task.stage)));
}

std::string task_key(const std::string& options_hash, const std::map<std::string, std::string>& input_digests) {
  Digest digest;
  digest.update_text("hullscope task key 1");
  digest.update_text(options_hash);
  for (const auto& [role, content] : input_digests) {
    digest.update_text(role);
    digest.update_text(content);
  }
  return digest.hex();
}

std::string task_toml(const Study& study, const Task& task) {
  if (task.stage == "reduce") return scientific_toml(study);
  std::string out = stage_options(study, "study") + stage_options(study, "data");
  if (task.network.empty()) return out + stage_options(study, task.stage);
  for (const auto& stage : {"train", "encode"}) {
    if (std::string(stage) == "encode" && (task.stage == "train" || task.stage == "extract")) break;
    out += stage_options(study, stage);
  }
  if (task.stage == "hull" || task.stage == "proximity") out += stage_options(study, task.stage);
  for (const TestSplit& split : test_splits(study))
    if (split.name == task.test) out += detail::test_toml(split.spec);
  const auto* network = find_network(study, task.network);
  return out + (network ? detail::network_toml(*network) : "");
}

}  // namespace hullscope::study
