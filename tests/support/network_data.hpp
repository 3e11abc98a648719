// Small labelled data and the paper's networks, for the tests of networks/.
#pragma once
#include <string>
#include <vector>

#include <hullscope/base/random.hpp>
#include <hullscope/networks/fit.hpp>
#include <hullscope/networks/samples.hpp>

namespace hullscope::tests {

/// Gaussian classes about corners: sample i is a function of i alone.
inline networks::Samples blobs(std::int64_t size, std::int64_t classes, networks::Shape shape) {
  networks::Samples samples;
  samples.size = size;
  samples.classes = classes;
  samples.shape = shape;
  samples.label = [classes](std::int64_t row) { return row % classes; };
  samples.id = [](std::int64_t row) { return row; };
  samples.copy_row = [classes](std::int64_t row, std::span<float> out) {
    RandomStream random(1234, static_cast<std::uint64_t>(row));
    for (std::size_t j = 0; j < out.size(); ++j)
      out[j] =
          static_cast<float>(random.normal() + (static_cast<std::int64_t>(j) % classes == row % classes ? 2.5 : 0));
  };
  return samples;
}

/// The samples as they are, unscaled. `samples` must outlive the result.
inline networks::FitData fit_data(const networks::Samples& samples) {
  networks::FitData data;
  data.size = samples.size;
  for (std::int64_t row = 0; row < samples.size; ++row) data.labels.push_back(samples.label(row));
  data.gather = [&samples](std::span<const std::int64_t> rows, std::span<float> out) {
    const auto each = out.size() / std::max<std::size_t>(rows.size(), 1);
    for (std::size_t i = 0; i < rows.size(); ++i) samples.copy_row(rows[i], out.subspan(i * each, each));
  };
  return data;
}

inline std::vector<std::string> paper_mlp(int width) {
  return {"dense " + std::to_string(width),
          "relu",
          "dropout 0.2",
          "dense 1024",
          "relu",
          "dropout 0.4",
          "dense 128",
          "relu",
          "dropout 0.5"};
}

inline std::vector<std::string> paper_cnn(int blocks) {
  std::vector<std::string> layers;
  const char* dropouts[] = {"dropout 0.2", "dropout 0.3", "dropout 0.4"};
  for (int b = 0; b < blocks; ++b) {
    for (int i = 0; i < 2; ++i) layers.insert(layers.end(), {"conv 3x3 64", "batchnorm", "relu"});
    layers.insert(layers.end(), {"maxpool 2", dropouts[b]});
  }
  layers.insert(layers.end(), {"flatten", "dense 128", "batchnorm", "relu", "dropout 0.5"});
  return layers;
}

}  // namespace hullscope::tests
