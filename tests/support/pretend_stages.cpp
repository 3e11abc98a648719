// Writes what the stages before proximity and reduce would have written for a small study, without training anything:
// pretended activations, codes and verdicts that are functions of (sample id, name). Rows of codes and hull files stand
// in another order than those of the activations, so that a join by position shows.
// Usage: pretend_stages STUDY.toml --output DIR. With HULLSCOPE_PRETEND_UNDECIDED some verdicts are undecided.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>

#include "stage.hpp"

namespace hullscope::jobs {
namespace {

using store::ArtifactWriter;
constexpr std::int64_t kUnits = 6;

std::vector<std::int64_t> counting(std::int64_t n, bool reversed = false) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  if (reversed) std::reverse(values.begin(), values.end());
  return values;
}

RandomStream random_of(const std::string& what, const study::Task& task, std::int64_t sample) {
  return {stream_key(1, what + "/" + task.network + "/" + std::to_string(task.trial)),
          static_cast<std::uint64_t>(sample)};
}

// Values of the rows `order` of the set. Some samples are all zero, some repeat one of their own split or of the other.
std::vector<float> points(const std::string& what, const std::string& split, const study::Task& task,
                          const datasets::LabelledSet& set, const std::vector<std::int64_t>& order, std::int64_t d) {
  std::vector<float> values;
  for (const std::int64_t i : order) {
    const std::int64_t id = set.sample_id(i);
    auto random = random_of(what + (id % 20 == 3 ? "" : split), task, id % 3 == 0 ? id % 190 : id);
    for (std::int64_t k = 0; k < d; ++k) {
      const double v = random.normal() + (set.label(i) == k ? 1 : 0);
      values.push_back(set.sample_id(i) % 97 == 5 ? 0.0f : static_cast<float>(std::max(0.0, v)));
    }
  }
  return values;
}

std::vector<std::int64_t> predictions(const std::string& what, double accuracy, const study::Task& task,
                                      const datasets::LabelledSet& set, const std::vector<std::int64_t>& order) {
  std::vector<std::int64_t> predicted;
  for (const std::int64_t i : order) {
    auto random = random_of("predicted" + what, task, set.sample_id(i));
    predicted.push_back(random.uniform() < accuracy ? set.label(i) : (set.label(i) + 1) % set.classes());
  }
  return predicted;
}

std::vector<std::int64_t> ids(const datasets::LabelledSet& set, const std::vector<std::int64_t>& order) {
  std::vector<std::int64_t> values;
  for (const std::int64_t i : order) values.push_back(set.sample_id(i));
  return values;
}

void write_train(ArtifactWriter& writer) {
  writer.write<std::int64_t>("/epoch", {1}, std::vector<std::int64_t>{1});
  writer.write<double>("/train_loss", {1}, std::vector<double>{0.5});
  writer.write<double>("/train_accuracy", {1}, std::vector<double>{0.9});
}

void write_extract(Stage& stage, const study::Task& task, ArtifactWriter& writer) {
  const std::int64_t classes = stage.data("train").classes();
  writer.write<std::int64_t>("/feature", {kUnits}, counting(kUnits));
  writer.write<std::int64_t>("/class", {classes}, counting(classes));
  for (const std::string split : {"train", "test"}) {
    const auto& set = stage.data(split);
    const std::int64_t n = set.size();
    const auto order = counting(n);
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < n; ++i) labels.push_back(set.label(i));
    writer.write<std::int64_t>("/" + split + "/sample", {n}, ids(set, order));
    writer.write<float>("/" + split + "/activation", {n, kUnits}, points("neural", split, task, set, order, kUnits));
    writer.write<float>("/" + split + "/logit", {n, classes}, points("logit", split, task, set, order, classes));
    writer.write<std::int64_t>("/" + split + "/predicted", {n}, predictions("", 0.85, task, set, order));
    writer.write<std::int64_t>("/" + split + "/label", {n}, labels);
  }
}

void write_encode(Stage& stage, const study::Task& task, ArtifactWriter& writer) {
  const std::int64_t d = task.dimension;
  writer.write<std::int64_t>("/bottleneck", {d}, counting(d));
  writer.write<std::int64_t>("/epoch", {1}, std::vector<std::int64_t>{1});
  writer.write<double>("/train_loss", {1}, std::vector<double>{0.5});
  for (const std::string split : {"train", "test"}) {
    const auto& set = stage.data(split);
    const std::int64_t n = set.size();
    const auto order = counting(n, true);
    writer.write<std::int64_t>("/" + split + "/sample", {n}, ids(set, order));
    writer.write<float>("/" + split + "/code", {n, d}, points("code", split, task, set, order, d));
    writer.write<std::int64_t>("/" + split + "/hybrid_predicted", {n},
                               predictions(std::to_string(d), 0.8 + 0.01 * static_cast<double>(d), task, set, order));
  }
  writer.write_text("/split", {"train", "test"});
  writer.write<double>("/unexplained_variance", {2}, std::vector<double>{0.1, 0.1 + 0.01 * static_cast<double>(d)});
  writer.write<std::int64_t>("/dead_outputs", {}, std::vector<std::int64_t>{0});
}

/// Verdicts against the hull of each class.
void write_class_hulls(Stage& stage, const study::Task& task, const std::vector<std::int64_t>& samples,
                       ArtifactWriter& writer) {
  const auto& train = stage.data("train");
  std::set<std::int64_t> present;
  for (std::int64_t i = 0; i < train.size(); ++i) present.insert(train.label(i));
  const std::vector<std::int64_t> classes(present.begin(), present.end());
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(samples.size()),
                                           static_cast<std::int64_t>(classes.size())};
  std::vector<std::uint8_t> verdict;
  std::vector<double> lower, upper;
  for (const std::int64_t sample : samples)
    for (const std::int64_t c : classes) {
      auto random = random_of("class hull" + task.space + std::to_string(c), task, sample);
      verdict.push_back(random.uniform() < 0.3 ? 1 : 2);
      lower.push_back(verdict.back() == 1 ? 0 : 1e-12);
      upper.push_back(verdict.back() == 1 ? 0 : random.uniform());
    }
  writer.write<std::int64_t>("/class", {shape[1]}, classes);
  writer.write<std::uint8_t>("/class_hull/verdict", shape, verdict);
  writer.write<double>("/class_hull/distance_lower", shape, lower);
  writer.write<double>("/class_hull/distance_upper", shape, upper);
}

void write_hull(Stage& stage, const study::Task& task, ArtifactWriter& writer) {
  const bool left_out = task.hull == "left-out";  // asked by training points
  const auto& set = stage.data(left_out ? "train" : "test");
  const std::int64_t m = left_out ? std::min(task.hull_points, set.size()) : set.size();
  const auto order = counting(m, true);
  const std::string hull = task.hull == "classes" ? "" : task.hull + std::to_string(task.hull_points);
  const bool undecided = std::getenv("HULLSCOPE_PRETEND_UNDECIDED") != nullptr;
  std::vector<std::uint8_t> verdict;
  std::vector<double> lower, upper;
  for (const std::int64_t i : order) {
    auto random = random_of("hull" + task.space + (task.hull.empty() ? "" : hull), task, set.sample_id(i));
    verdict.push_back(undecided && random.uniform() < 0.1 ? 0 : random.uniform() < 0.6 ? 1 : 2);
    const bool outside = verdict.back() == 2;
    lower.push_back(outside ? 1e-12 : 0);
    upper.push_back(outside ? (random.uniform() < 0.3 ? 1e-9 : random.uniform()) : 0);
  }
  writer.write<std::int64_t>("/sample", {m}, ids(set, order));
  writer.write<std::uint8_t>("/verdict", {m}, verdict);
  writer.write<double>("/distance_lower", {m}, lower);
  writer.write<double>("/distance_upper", {m}, upper);
  writer.write<std::int32_t>("/passes", {m}, std::vector<std::int32_t>(verdict.size(), 1));
  const std::vector<std::int64_t> none;
  writer.write<std::int64_t>("/support/boundary", {m + 1}, counting(m + 1));
  writer.write<std::int64_t>("/support/offset", {m + 1}, std::vector<std::int64_t>(verdict.size() + 1, 0));
  writer.write<std::int64_t>("/support/entry", {0}, none);
  writer.write<std::int64_t>("/support/index", {0}, none);
  writer.write<double>("/support/weight", {0}, std::vector<double>());
  writer.write<std::int64_t>("/coordinate", {1}, counting(1));
  writer.write<std::int64_t>("/direction/query", {0}, none);
  writer.write<double>("/direction/vector", {0, 1}, std::vector<double>());
  writer.write<std::int64_t>("/exact/query", {0}, none);
  writer.write_text("/exact/direction", {});
  writer.attribute("/", "scale", 1.5);
  if (task.hull == "classes") write_class_hulls(stage, task, ids(set, order), writer);
}

void write_stage(const parallel::Comm& world, const std::vector<std::string>& arguments, const std::string& name) {
  Stage stage(world, arguments, name);
  for (const study::Task& task : stage.todo()) {
    ArtifactWriter writer(world, stage.path(task.output), stage.provenance(task));
    if (name == "train") write_train(writer);
    if (name == "extract") write_extract(stage, task, writer);
    if (name == "encode") write_encode(stage, task, writer);
    if (name == "hull") write_hull(stage, task, writer);
    writer.publish({});
  }
}

int run(const parallel::Comm& world, const std::vector<std::string>& arguments) {
  for (const char* stage : {"train", "extract", "encode", "hull"}) write_stage(world, arguments, stage);
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
