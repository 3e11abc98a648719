// hullscope extract: the neural space of all training and test points, one activations.h5 a trial, and one more for
// each further test set. The network is one that the study has trained, or was made elsewhere.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include <hullscope/base/error.hpp>
#include <hullscope/networks/activations.hpp>
#include <hullscope/networks/blocks.hpp>
#include <hullscope/networks/compute.hpp>
#include <hullscope/networks/network_file.hpp>
#include <hullscope/networks/torchscript.hpp>
#include <hullscope/parallel/stop.hpp>

#include "outside.hpp"
#include "stage.hpp"

namespace hullscope::jobs {
namespace {

std::vector<std::int64_t> counting(std::int64_t n) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

template <class T>
std::span<const T> flat(const Matrix<T>& m) {
  return {m.data(), static_cast<std::size_t>(m.size())};
}

/// One split: its samples, and what the network says of this rank's rows of them.
struct Split {
  std::string name;  ///< "train", "test"
  networks::Samples samples;
  networks::Activations found;
};

/// Writes one split; returns its accuracy. Collective.
double write_split(store::ArtifactWriter& writer, const parallel::Comm& world, const Split& split) {
  const auto& part = split.found;
  const auto n = split.samples.size, rows = static_cast<std::int64_t>(part.predicted.size());
  std::vector<std::int64_t> ids, labels;
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    ids.push_back(split.samples.id(part.first + i));
    labels.push_back(split.samples.label(part.first + i));
    right += labels.back() == part.predicted[static_cast<std::size_t>(i)];
  }
  const auto path = [&](const char* name) { return "/" + split.name + "/" + name; };
  writer.write_rows<std::int64_t>(path("sample"), {n}, part.first, ids);
  writer.write_rows<float>(path("activation"), {n, part.activation.cols()}, part.first, flat(part.activation));
  if (part.logit.cols() > 0)
    writer.write_rows<float>(path("logit"), {n, part.logit.cols()}, part.first, flat(part.logit));
  writer.write_rows<std::int64_t>(path("predicted"), {n}, part.first, part.predicted);
  writer.write_rows<std::int64_t>(path("label"), {n}, part.first, labels);
  return n == 0 ? 0 : static_cast<double>(world.sum(right)) / static_cast<double>(n);
}

/// A task's data before the network; what kind of network it is decides what happens to them.
struct Work {
  Stage& stage;
  const study::Task& task;
  const study::NetworkSpec& spec;
  networks::Samples train;
  std::vector<Split> splits;  ///< those to be extracted: train and test, or the further test set
  std::int64_t features = 0;  ///< of the neural space
  std::string neural_shape = "";
  Head head = {};

  void extract(const networks::Evaluation& network, const networks::Scaling& scaling) {
    features = network.neural;
    for (auto& split : splits)
      split.found = networks::extract(network, scaling, split.samples, stage.world(), stage.study().run.threads);
  }
};

void extract_own(Work& work) {
  const auto architecture = networks::make_classifier(work.spec, work.train.shape, work.train.classes);
  const auto network = networks::read_network(work.stage.path(work.task.inputs.at("network")), architecture);
  work.extract(networks::evaluation_of(network.model), network.scaling);
}

/// The first training samples, scaled, to try a network on.
Matrix<float> examples_of(const networks::Samples& train, const networks::Scaling& scaling) {
  Matrix<float> examples(std::min<std::int64_t>(train.size, 4), networks::elements(train.shape));
  for (Eigen::Index i = 0; i < examples.rows(); ++i)
    train.copy_row(i, {examples.row(i).data(), static_cast<std::size_t>(examples.cols())});
  scaling.apply({examples.data(), static_cast<std::size_t>(examples.size())}, train.shape);
  return examples;
}

void extract_torchscript(Work& work) {
  const auto& spec = work.spec;
  const auto scaling =
      networks::normalised(networks::make_scaling(spec.scaling, work.train), spec.mean, spec.deviation);
  networks::ForeignNetwork network(outside_file(work.stage.study(), work.task, spec.torchscript), spec.layer,
                                   networks::resolve_device(work.stage.study().train.device));
  network.try_on(view(examples_of(work.train, scaling)), work.train.shape, work.train.classes);
  work.neural_shape = networks::shape_text(network.neural_shape());
  work.extract(network.evaluation(), scaling);
}

/// The samples are the neural space; what was answered stands in arrays.
void extract_arrays(Work& work, const std::vector<datasets::LabelledSet>& sets) {
  const auto& study = work.stage.study();
  work.features = networks::elements(work.train.shape);
  work.head = read_head(study, work.task);
  for (std::size_t i = 0; i < work.splits.size(); ++i) {
    auto& split = work.splits[i];
    const auto answers = read_answers(study, work.task, split.name, sets[i], work.train.classes);
    const auto [first_block, last_block] = networks::blocks_of_rank(work.stage.world(), sets[i].size());
    const auto first = std::min(first_block * networks::kBlockRows, sets[i].size()),
               rows = std::min(last_block * networks::kBlockRows, sets[i].size()) - first;
    split.found.first = first;
    split.found.activation = sets[i].rows(first, rows);
    if (answers.logit.rows() > 0) split.found.logit = answers.logit.middleRows(first, rows);
    split.found.predicted.assign(answers.predicted.begin() + first, answers.predicted.begin() + first + rows);
  }
}

/// Labels of a further test set: those of a foreign one are none of the classes.
void judge_labels(const study::Study& study, const study::Task& task, Work& work) {
  for (const auto& further : study::test_splits(study)) {
    if (further.name != task.test || !further.spec.shift.empty()) continue;
    auto& samples = work.splits[0].samples;
    if (!further.spec.same_classes) {
      samples.label = [](std::int64_t) { return std::int64_t{-1}; };
      continue;
    }
    for (std::int64_t i = 0; i < samples.size; ++i)
      if (samples.label(i) >= work.train.classes)
        throw UsageError(fmt::format(
            "test set {}: label {} is {}, expected less than {}, the number of classes of the training set; leave "
            "same_classes out if it is foreign",
            task.test, i, samples.label(i), work.train.classes));
  }
}

/// Collective.
void extract_task(Stage& stage, const study::Task& task) {
  const parallel::Stopwatch watch;
  const auto& world = stage.world();
  const auto* spec = study::find_network(stage.study(), task.network);
  if (!spec) throw InternalError("a task of the network " + task.network + ", which the study does not have");
  const auto train_set = stage.data(task, "train", world), test_set = stage.data(task, "test", world);
  Work work{stage, task, *spec, networks::samples_of(train_set), {}};
  const auto test = networks::samples_of(test_set);
  if (work.train.shape != test.shape)
    throw UsageError(fmt::format(
        "samples of the training set have the shape {}, those of the test set {}{}: expected the same",
        networks::text_of(work.train.shape), task.test.empty() ? "" : task.test + " ", networks::text_of(test.shape)));
  if (spec->layers.empty() && work.train.classes < 2)
    throw UsageError(fmt::format("network {}: the training set has {} classes, expected at least two", task.network,
                                 work.train.classes));
  std::vector<datasets::LabelledSet> sets;
  if (task.test.empty()) work.splits.push_back({"train", work.train, {}}), sets.push_back(train_set);
  work.splits.push_back({"test", test, {}}), sets.push_back(test_set);
  if (!task.test.empty()) judge_labels(stage.study(), task, work);
  if (!spec->layers.empty())
    extract_own(work);
  else if (!spec->torchscript.empty())
    extract_torchscript(work);
  else
    extract_arrays(work, sets);

  store::ArtifactWriter writer(world, stage.path(task.output), stage.provenance(task));
  writer.write<std::int64_t>("/feature", {work.features}, counting(work.features));
  writer.write<std::int64_t>("/class", {work.train.classes}, counting(work.train.classes));
  std::string accuracies;
  for (const auto& split : work.splits) {
    const double accuracy = write_split(writer, world, split);
    writer.attribute("/", "accuracy_" + split.name, accuracy);
    accuracies += fmt::format("{}{:.4f} on the {} set", accuracies.empty() ? "" : ", ", accuracy,
                              split.name == "train" ? "training" : "test");
  }
  if (!work.neural_shape.empty()) writer.attribute("/", "neural_shape", work.neural_shape);
  if (task.test.empty() && work.head.weight.size() > 0) {
    writer.write<float>("/head/weight", {work.train.classes, work.features}, flat(work.head.weight));
    writer.write<float>("/head/bias", {work.train.classes}, work.head.bias);
  }
  writer.publish(Stage::record(world, watch));
  parallel::log_info(fmt::format("{}: accuracy {}", task.name, accuracies));
}

int run(const parallel::Comm& world, const std::vector<std::string>& arguments) {
  Stage stage(world, arguments, "extract");
  const auto& tasks = stage.todo();
  if (tasks.empty()) return kExitDone;
  networks::keep_freed_memory();
  parallel::Progress progress(world, stage.folder(), "extract", "networks", static_cast<std::int64_t>(tasks.size()));
  for (const auto& task : tasks) {
    if (parallel::stop_agreed(world))
      throw Interrupted("extract: stopped by a signal; the same command does what is left");
    extract_task(stage, task);
    if (world.root()) progress.add(1);
  }
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
