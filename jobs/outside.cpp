#include "outside.hpp"

#include <fmt/format.h>

#include <filesystem>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/datasets/array.hpp>
#include <hullscope/datasets/array_rows.hpp>

namespace hullscope::jobs {
namespace {

const study::NetworkSpec& spec_of(const study::Study& study, const study::Task& task) {
  const auto* spec = study::find_network(study, task.network);
  if (!spec) throw InternalError("a task of the network " + task.network + ", which the study does not have");
  return *spec;
}

/// Name of the split among the keys of the study file.
std::string split_key(const study::Task& task, const std::string& split) {
  return split == "test" && !task.test.empty() ? task.test : split;
}

/// The array as float32 numbers of this shape; `what`: "logits".
Matrix<float> read_floats(const std::string& name, const std::string& what, std::int64_t rows, std::int64_t columns) {
  const auto array = datasets::read_array(name);
  const auto points = datasets::as_points(array);
  Matrix<float> values;
  std::visit([&](const auto& found) { values = found.template cast<float>(); }, points);
  if (values.rows() != rows || values.cols() != columns)
    throw DataError(
        array.file, array.dataset,
        fmt::format("{} of shape {} x {}, expected {} x {}", what, values.rows(), values.cols(), rows, columns));
  return values;
}

std::int64_t largest(const Matrix<float>& logits, Eigen::Index row) {
  Eigen::Index best = 0;
  for (Eigen::Index c = 1; c < logits.cols(); ++c)
    if (logits(row, c) > logits(row, best)) best = c;
  return best;
}

std::vector<std::int64_t> read_predictions(const std::string& name, std::int64_t size, std::int64_t classes) {
  const auto array = datasets::read_array(name);
  auto predicted = datasets::as_labels(array);
  if (static_cast<std::int64_t>(predicted.size()) != size)
    throw DataError(array.file, array.dataset,
                    fmt::format("{} predictions for {} samples, expected one a sample", predicted.size(), size));
  for (std::size_t i = 0; i < predicted.size(); ++i)
    if (predicted[i] >= classes)
      throw DataError(array.file, array.dataset,
                      fmt::format("prediction {} is {}, expected less than {}, the number of "
                                  "classes in the training labels",
                                  i, predicted[i], classes));
  return predicted;
}

Matrix<float> logits_of(const Head& head, const datasets::LabelledSet& features) {
  const Matrix<double> weight = head.weight.cast<double>();
  Matrix<float> logits(features.size(), weight.rows());
  for (std::int64_t i = 0; i < features.size(); ++i) {
    const Matrix<float> row = features.rows(i, 1);
    const Vector<double> products = weight * row.row(0).cast<double>().transpose();
    for (Eigen::Index c = 0; c < weight.rows(); ++c)
      logits(i, c) = static_cast<float>(products(c) + static_cast<double>(head.bias[static_cast<std::size_t>(c)]));
  }
  return logits;
}

}  // namespace

std::string outside_file(const study::Study& study, const study::Task& task, const std::string& name) {
  return datasets::array_in_folder(study::file_of_trial(name, task.trial), study.data.folder);
}

std::string outside_digest(const study::Study& study, const study::Task& task, const std::string& role) {
  const auto& spec = spec_of(study, task);
  if (role == "data/network") {
    const std::string file = outside_file(study, task, spec.torchscript);
    if (!std::filesystem::is_regular_file(file))
      throw DataError(file, "",
                      fmt::format("there is no such file, expected the TorchScript module of network {}", spec.name));
    return sha256_of_file(file);
  }
  Digest digest;
  for (const auto& [kind, table] : spec.arrays) {
    if (kind == "features" || kind == "labels") continue;  // the data
    for (const auto& [key, name] : table) {
      const bool own = kind == "head" || (key == "train" && task.test.empty()) || key == split_key(task, "test");
      if (!own) continue;
      digest.update_text(kind + "/" + (key == task.test ? "test" : key));
      digest.update_text(datasets::digest_of_array(outside_file(study, task, name)));
    }
  }
  return digest.hex();
}

Head read_head(const study::Study& study, const study::Task& task) {
  const auto& spec = spec_of(study, task);
  if (!spec.arrays.count("head")) return {};
  const auto weight = datasets::read_array(outside_file(study, task, spec.array("head", "weight")));
  if (weight.shape.size() != 2)
    throw DataError(weight.file, weight.dataset,
                    fmt::format("a weight of {} axes, expected 2: classes x features", weight.shape.size()));
  Head head{read_floats(outside_file(study, task, spec.array("head", "weight")), "a weight", weight.shape[0],
                        weight.shape[1]),
            {}};
  const auto bias = read_floats(outside_file(study, task, spec.array("head", "bias")), "a bias", weight.shape[0], 1);
  head.bias.assign(bias.data(), bias.data() + bias.size());
  return head;
}

Answers read_answers(const study::Study& study, const study::Task& task, const std::string& split,
                     const datasets::LabelledSet& features, std::int64_t classes) {
  const auto& spec = spec_of(study, task);
  const auto file_of = [&](const char* kind) {
    const auto& name = spec.array(kind, split_key(task, split));
    return name.empty() ? "" : outside_file(study, task, name);
  };
  Answers answers;
  if (const auto logits = file_of("logits"); !logits.empty()) {
    answers.logit = read_floats(logits, "logits", features.size(), classes);
  } else if (const Head head = read_head(study, task); head.weight.size() > 0) {
    if (head.weight.cols() != features.features() || head.weight.rows() != classes)
      throw DataError(outside_file(study, task, spec.array("head", "weight")), "",
                      fmt::format("a weight of shape {} x {}, expected {} x {}: classes x features", head.weight.rows(),
                                  head.weight.cols(), classes, features.features()));
    answers.logit = logits_of(head, features);
  }
  if (const auto predictions = file_of("predictions"); !predictions.empty())
    answers.predicted = read_predictions(predictions, features.size(), classes);
  else
    for (Eigen::Index i = 0; i < answers.logit.rows(); ++i) answers.predicted.push_back(largest(answers.logit, i));
  return answers;
}

}  // namespace hullscope::jobs
