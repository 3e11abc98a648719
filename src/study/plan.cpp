#include <fmt/format.h>

#include <algorithm>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/study/detail/option_table.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::study {
namespace {

const std::vector<std::string> kStages = {"train", "extract", "encode", "hull", "proximity", "reduce"};

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::count(names.begin(), names.end(), name) > 0;
}

const std::map<std::string, std::string> kData = {{"data/train", "data/train"}, {"data/test", "data/test"}};

Task pixel_task(const std::string& stage) {
  return {stage, "input/" + stage, "input/" + stage + ".h5", kData, "", -1, -1, "pixel"};
}

/// The tasks of one trial of one network; its hulls before its distances, as the stages run.
void plan_trial(const Study& study, const NetworkSpec& network, int trial, std::vector<Task>& tasks) {
  const std::string base = fmt::format("{}/trial-{:02}", network.name, trial);
  const std::string net = base + "/network.h5", activations = base + "/activations.h5";
  const auto add = [&](Task task) {
    task.network = network.name, task.trial = trial;
    tasks.push_back(std::move(task));
  };
  add({"train", base + "/train", net, {{"data/train", "data/train"}}, "", -1, -1, ""});
  auto inputs = kData;
  inputs["network"] = net;
  add({"extract", base + "/extract", activations, inputs, "", -1, -1, "neural"});

  std::map<std::string, std::string> measured = {{"activations", activations}};
  for (const auto d : study.encode.dimensions) {
    const std::string space = latent_name(d), folder = base + "/" + space, codes = folder + "/codes.h5";
    const int dimension = static_cast<int>(d);
    add({"encode",
         folder + "/encode",
         codes,
         {{"network", net}, {"activations", activations}},
         "",
         -1,
         dimension,
         space});
    if (holds(study.hull.spaces, "latent"))
      add({"hull", folder + "/hull", folder + "/hull.h5", {{"codes", codes}}, "", -1, dimension, space});
    if (holds(study.proximity.spaces, "latent")) measured["codes-" + space.substr(7)] = codes;
  }
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

Task reduce_task(const std::vector<Task>& tasks) {
  Task reduce{"reduce", "reduce", "results.h5", {}, "", -1, -1, ""};
  for (const auto& task : tasks)
    if (task.stage != "train") reduce.inputs[task.output] = task.output;
  return reduce;
}

std::string layers_of(const Study& study, const std::string& network) {
  for (const auto& spec : study.networks)
    if (spec.name == network) return detail::quoted_list(spec.layers);
  return "";
}

/// Of a trial's proximity file: the spaces that its inputs do not show.
std::string proximity_spaces(const Study& study, const Task& task) {
  if (task.stage != "proximity" || task.space == "pixel") return "";
  return holds(study.proximity.spaces, "neural") ? "neural" : "no neural";
}

}  // namespace

std::string latent_name(std::int64_t dimension) {
  return fmt::format("latent-{:02}", dimension);
}

std::vector<Task> make_plan(const Study& study) {
  std::vector<Task> tasks;
  if (holds(study.hull.spaces, "pixel")) tasks.push_back(pixel_task("hull"));
  if (holds(study.proximity.spaces, "pixel")) tasks.push_back(pixel_task("proximity"));
  for (const auto& network : study.networks)
    for (int trial = 0; trial < study.train.trials; ++trial) plan_trial(study, network, trial, tasks);
  if (!study.networks.empty()) tasks.push_back(reduce_task(tasks));
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) {
    const auto place = [](const Task& t) {
      return std::find(kStages.begin(), kStages.end(), t.stage) - kStages.begin();
    };
    return place(a) < place(b);
  });
  return tasks;
}

int algorithm_version(const std::string& stage) {
  static const std::map<std::string, int> versions = {{"train", 1}, {"extract", 1},   {"encode", 1},
                                                      {"hull", 1},  {"proximity", 1}, {"reduce", 1}};
  const auto found = versions.find(stage);
  if (found == versions.end()) throw InternalError("algorithm_version of an unknown stage " + stage);
  return found->second;
}

std::string stream_name(const Study& study, const Task& task) {
  std::string name = study.data.set;
  if (task.trial >= 0) name += fmt::format("/{}/trial-{:02}", task.network, task.trial);
  if (task.dimension >= 0) name += "/" + latent_name(task.dimension);
  return name;
}

std::string options_hash(const Study& study, const Task& task) {
  return sha256(fmt::format(
      "hullscope task options 1\nstage = {}\nalgorithm_version = {}\nseed = {}\nstream = {}\n"
      "layers = {}\ntrial = {}\ndimension = {}\nspace = {} {}\n{}",
      task.stage, algorithm_version(task.stage), study.seed, stream_name(study, task), layers_of(study, task.network),
      task.trial, task.dimension, task.space, proximity_spaces(study, task), stage_options(study, task.stage)));
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
  return out + fmt::format("\n[[network]]\nname = {}\nlayers = {}\n", detail::quoted(task.network),
                           layers_of(study, task.network));
}

}  // namespace hullscope::study
