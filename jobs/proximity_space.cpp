#include "proximity_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_map>

#include <hullscope/base/error.hpp>
#include <hullscope/proximity/nearest.hpp>

namespace hullscope::jobs {
namespace {

constexpr std::int64_t kRowsARead = 4096;  // of a training set that is copied into the node's window

using Places = std::unordered_map<std::int64_t, std::int64_t>;  // sample id -> row in a task's order

std::shared_ptr<const Places> places_of(const Rows& rows) {
  auto places = std::make_shared<Places>();
  for (std::int64_t i = 0; i < rows.size(); ++i) (*places)[rows.id[static_cast<std::size_t>(i)]] = i;
  return places;
}

Rows by_class(const Rows& rows) {
  Rows sorted;
  for (const std::int64_t i : proximity::order_by_class(rows.id, rows.label)) {
    sorted.id.push_back(rows.id[static_cast<std::size_t>(i)]);
    sorted.label.push_back(rows.label[static_cast<std::size_t>(i)]);
  }
  return sorted;
}

// Rows of a file's data set to their places, by the ids beside them.
void read_joined(const std::string& file, const std::string& split, const std::string& dataset, const Places& places,
                 std::int64_t dimension, std::span<float> out) {
  const store::ArtifactReader reader(file);
  const auto ids = reader.read<std::int64_t>("/" + split + "/sample");
  const auto n = static_cast<std::int64_t>(ids.size());
  if (n != static_cast<std::int64_t>(places.size()))
    throw DataError(file, "/" + split + "/sample",
                    fmt::format("found {} samples, expected the {} that have labels", n, places.size()));
  for (std::int64_t first = 0; first < n; first += kRowsARead) {
    const std::int64_t count = std::min(kRowsARead, n - first);
    const auto values = reader.read_rows<float>("/" + split + "/" + dataset, first, count);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto place = places.find(ids[static_cast<std::size_t>(first + i)]);
      if (place == places.end())
        throw DataError(file, "/" + split + "/sample",
                        fmt::format("found sample {}, which has no label", ids[static_cast<std::size_t>(first + i)]));
      std::copy_n(values.data() + i * dimension, dimension, out.data() + place->second * dimension);
    }
  }
}

/// `tests`: the file of the test points.
Space space_of_file(const std::string& name, const std::string& file, const std::string& tests,
                    const std::string& dataset, std::shared_ptr<const Places> train,
                    std::shared_ptr<const Places> test) {
  Space space;
  space.name = name;
  const auto shape = store::ArtifactReader(file).shape("/train/" + dataset);
  if (shape.size() != 2)
    throw DataError(file, "/train/" + dataset, fmt::format("found {} axes, expected 2", shape.size()));
  const std::int64_t d = space.dimension = shape[1];
  space.fill_train = [=](std::span<float> out) { read_joined(file, "train", dataset, *train, d, out); };
  space.read_test = [=] {
    Matrix<float> points(static_cast<Eigen::Index>(test->size()), d);
    const auto there = store::ArtifactReader(tests).shape("/test/" + dataset);
    if (there.size() != 2 || there[1] != d)
      throw DataError(tests, "/test/" + dataset,
                      fmt::format("found the shape {}, expected {} columns as the training points have",
                                  fmt::join(there, " x "), d));
    read_joined(tests, "test", dataset, *test, d, {points.data(), static_cast<std::size_t>(points.size())});
    return points;
  };
  return space;
}

Rows rows_of_set(const datasets::LabelledSet& set) {
  Rows rows;
  for (std::int64_t i = 0; i < set.size(); ++i) rows.id.push_back(set.sample_id(i)), rows.label.push_back(set.label(i));
  return rows;
}

/// Labels of a foreign test set are none of the classes.
std::vector<std::int64_t> labels_of(const study::Study& study, const study::Task& task,
                                    std::vector<std::int64_t> labels) {
  for (const auto& split : study::test_splits(study))
    if (split.name == task.test && split.spec.shift.empty() && !split.spec.same_classes)
      std::fill(labels.begin(), labels.end(), -1);
  return labels;
}

ProximityInputs open_pixels(Stage& stage, const study::Task& task) {
  const datasets::LabelledSet train = stage.data("train"), test = stage.data(task, "test", stage.world());
  ProximityInputs inputs{by_class(rows_of_set(train)), rows_of_set(test), {}, {}};
  inputs.test.label = labels_of(stage.study(), task, std::move(inputs.test.label));
  if (train.features() != test.features())
    throw UsageError(fmt::format("training samples of {} have {} features and test samples {}; both need the same",
                                 train.name(), train.features(), test.features()));
  Space space;
  space.name = "pixel";
  const std::int64_t d = space.dimension = train.features();
  space.fill_train = [train, d, places = places_of(inputs.train)](std::span<float> out) {
    for (std::int64_t i = 0; i < train.size(); ++i)
      train.copy_row(
          i, out.subspan(static_cast<std::size_t>(places->at(train.sample_id(i)) * d), static_cast<std::size_t>(d)));
  };
  space.read_test = [test] { return test.rows(0, test.size()); };
  inputs.spaces.push_back(std::move(space));
  return inputs;
}

ProximityInputs open_trial(const Stage& stage, const study::Task& task) {
  const std::string activations = stage.path(task.inputs.at("activations"));
  ProximityInputs inputs;
  {
    const store::ArtifactReader reader(activations, "extract");
    const std::string asked = test_activations(stage, task);
    const store::ArtifactReader queries(asked, task.test.empty() ? "extract" : "extract-test");
    inputs.train = by_class({reader.read<std::int64_t>("/train/sample"), reader.read<std::int64_t>("/train/label")});
    inputs.test = {queries.read<std::int64_t>("/test/sample"), queries.read<std::int64_t>("/test/label")};
    inputs.predicted = queries.read<std::int64_t>("/test/predicted");
    if (inputs.predicted.size() != inputs.test.id.size())
      throw DataError(asked, "/test/predicted",
                      fmt::format("found {} predictions, expected the {} samples of the test set",
                                  inputs.predicted.size(), inputs.test.id.size()));
  }
  const auto train = places_of(inputs.train), test = places_of(inputs.test);
  const auto& wanted = stage.study().proximity.spaces;
  if (std::find(wanted.begin(), wanted.end(), "neural") != wanted.end())
    inputs.spaces.push_back(
        space_of_file("neural", activations, test_activations(stage, task), "activation", train, test));
  for (const auto& [role, path] : task.inputs)
    if (role.starts_with("codes-")) {
      const std::string dimension = role.substr(6);
      const auto& tests = task.test.empty() ? path : task.inputs.at("queries-" + dimension);
      inputs.spaces.push_back(
          space_of_file("latent-" + dimension, stage.path(path), stage.path(tests), "code", train, test));
    }
  return inputs;
}

}  // namespace

std::string test_activations(const Stage& stage, const study::Task& task) {
  return stage.path(task.inputs.at(task.test.empty() ? "activations" : "queries"));
}

std::vector<double> softmax_risk(const std::string& activations) {
  const auto logits = store::ArtifactReader(activations).read_matrix<float>("/test/logit");
  std::vector<double> risk;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    Eigen::Index largest = 0;
    if (logits.cols() > 0) logits.row(i).maxCoeff(&largest);
    double others = 0;
    for (Eigen::Index c = 0; c < logits.cols(); ++c)
      if (c != largest) others += std::exp(static_cast<double>(logits(i, c)) - static_cast<double>(logits(i, largest)));
    risk.push_back(others / (1 + others));
  }
  return risk;
}

ProximityInputs open_inputs(Stage& stage, const study::Task& task) {
  ProximityInputs inputs = task.space == "pixel" ? open_pixels(stage, task) : open_trial(stage, task);
  for (const Rows* rows : {&inputs.train, &inputs.test}) {
    auto ids = rows->id;
    std::sort(ids.begin(), ids.end());
    const auto twice = std::adjacent_find(ids.begin(), ids.end());
    if (twice != ids.end())
      throw DataError(task.name, "sample", fmt::format("found sample {} twice, expected each id once", *twice));
  }
  return inputs;
}

}  // namespace hullscope::jobs
