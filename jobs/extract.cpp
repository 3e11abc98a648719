// hullscope extract: the neural space of all training and test points, one activations.h5 a trial.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include <hullscope/base/error.hpp>
#include <hullscope/networks/activations.hpp>
#include <hullscope/networks/network_file.hpp>
#include <hullscope/parallel/stop.hpp>

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

/// Writes one split; returns its accuracy. Collective.
double write_split(store::ArtifactWriter& writer, const parallel::Comm& world, const std::string& split,
                   const networks::Samples& samples, const networks::Activations& part) {
  const auto n = samples.size, rows = static_cast<std::int64_t>(part.predicted.size());
  std::vector<std::int64_t> ids, labels;
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    ids.push_back(samples.id(part.first + i));
    labels.push_back(samples.label(part.first + i));
    right += labels.back() == part.predicted[static_cast<std::size_t>(i)];
  }
  const auto path = [&](const char* name) { return "/" + split + "/" + name; };
  writer.write_rows<std::int64_t>(path("sample"), {n}, part.first, ids);
  writer.write_rows<float>(path("activation"), {n, part.activation.cols()}, part.first, flat(part.activation));
  writer.write_rows<float>(path("logit"), {n, part.logit.cols()}, part.first, flat(part.logit));
  writer.write_rows<std::int64_t>(path("predicted"), {n}, part.first, part.predicted);
  writer.write_rows<std::int64_t>(path("label"), {n}, part.first, labels);
  return n == 0 ? 0 : static_cast<double>(world.sum(right)) / static_cast<double>(n);
}

/// Collective.
void extract_task(Stage& stage, const study::Task& task) {
  const parallel::Stopwatch watch;
  const auto& world = stage.world();
  const auto train_set = stage.data(task, "train", world), test_set = stage.data(task, "test", world);
  const auto train = networks::samples_of(train_set), test = networks::samples_of(test_set);
  if (train.shape != test.shape)
    throw UsageError(
        fmt::format("samples of the training set have the shape {}, those of the test set {}: expected the same",
                    networks::text_of(train.shape), networks::text_of(test.shape)));
  const auto& specs = stage.study().networks;
  const auto spec = std::find_if(specs.begin(), specs.end(), [&](const auto& s) { return s.name == task.network; });
  const auto architecture = networks::make_classifier(*spec, train.shape, train.classes);
  const auto network = networks::read_network(stage.path(task.inputs.at("network")), architecture);
  const auto threads = stage.study().run.threads;
  const auto in_train = networks::extract(network.model, network.scaling, train, world, threads);
  const auto in_test = networks::extract(network.model, network.scaling, test, world, threads);

  store::ArtifactWriter writer(world, stage.path(task.output), stage.provenance(task));
  const auto features = networks::elements(architecture.inner_shape());
  writer.write<std::int64_t>("/feature", {features}, counting(features));
  writer.write<std::int64_t>("/class", {train.classes}, counting(train.classes));
  const double accuracy_train = write_split(writer, world, "train", train, in_train);
  const double accuracy_test = write_split(writer, world, "test", test, in_test);
  writer.attribute("/", "accuracy_train", accuracy_train);
  writer.attribute("/", "accuracy_test", accuracy_test);
  writer.publish(Stage::record(world, watch));
  parallel::log_info(fmt::format("{}: accuracy {:.4f} on the training set, {:.4f} on the test set", task.name,
                                 accuracy_train, accuracy_test));
}

int run(const parallel::Comm& world, const std::vector<std::string>& arguments) {
  Stage stage(world, arguments, "extract");
  const auto& tasks = stage.todo();
  if (tasks.empty()) return kExitDone;
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
