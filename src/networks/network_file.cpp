#include <hullscope/networks/network_file.hpp>

#include <fmt/format.h>

#include <numeric>

#include <hullscope/base/error.hpp>

namespace hullscope::networks {
namespace {

void write_curve(store::ArtifactWriter& writer, const std::string& path, const std::vector<double>& values) {
  if (!values.empty()) writer.write<double>(path, {static_cast<std::int64_t>(values.size())}, values);
}

}  // namespace

void write_parameters(store::ArtifactWriter& writer, const std::vector<NamedArray>& arrays) {
  for (const auto& array : arrays) writer.write<float>("/parameter/" + array.name, array.shape, array.values);
}

void write_network(store::ArtifactWriter& writer, const Model& model, const Scaling& scaling, const Curves& curves) {
  std::vector<std::int64_t> epochs(curves.train_loss.size());
  std::iota(epochs.begin(), epochs.end(), 1);
  writer.write<std::int64_t>("/epoch", {static_cast<std::int64_t>(epochs.size())}, epochs);
  write_curve(writer, "/train_loss", curves.train_loss);
  write_curve(writer, "/train_accuracy", curves.train_accuracy);
  write_curve(writer, "/validation_loss", curves.validation_loss);
  write_curve(writer, "/validation_accuracy", curves.validation_accuracy);
  const auto channels = static_cast<std::int64_t>(scaling.offset.size());
  auto arrays = model.arrays();
  arrays.push_back({"input.offset", {channels}, scaling.offset});
  arrays.push_back({"input.divisor", {channels}, scaling.divisor});
  write_parameters(writer, arrays);
}

NamedArray read_parameter(const store::ArtifactReader& reader, const std::string& path, const std::string& name) {
  const auto place = "/parameter/" + name;
  if (!reader.has(place)) throw DataError(path, place, "this parameter of the network is missing: train it again");
  return {name, reader.shape(place), reader.read<float>(place)};
}

/// The parameters of `model`, which has the study's layers, from the file.
static std::vector<NamedArray> read_arrays(const store::ArtifactReader& reader, const std::string& path,
                                           const Model& model) {
  std::vector<NamedArray> arrays;
  for (const auto& expected : model.arrays()) {
    arrays.push_back(read_parameter(reader, path, expected.name));
    if (arrays.back().shape != expected.shape)
      throw DataError(path, "/parameter/" + expected.name,
                      fmt::format("found the shape {}, expected {} for this study's layers: train it again",
                                  text_of(arrays.back().shape), text_of(expected.shape)));
  }
  return arrays;
}

StoredNetwork read_network(const std::string& path, const Architecture& architecture, const std::string& device) {
  const store::ArtifactReader reader(path, "train");
  StoredNetwork stored{Model(architecture, device), {}};
  stored.model.set_arrays(read_arrays(reader, path, stored.model));
  stored.scaling = {read_parameter(reader, path, "input.offset").values,
                    read_parameter(reader, path, "input.divisor").values};
  return stored;
}

StoredAutoencoder read_autoencoder(const std::string& path, const Architecture& architecture,
                                   const std::string& device) {
  const store::ArtifactReader reader(path, "encode");
  StoredAutoencoder stored{Model(architecture, device)};
  stored.model.set_arrays(read_arrays(reader, path, stored.model));
  const auto divisor = read_parameter(reader, path, "input.divisor").values;
  if (divisor.size() != 1)
    throw DataError(path, "/parameter/input.divisor",
                    fmt::format("found {} values, expected one: make it again", divisor.size()));
  stored.divisor = divisor[0];
  return stored;
}

}  // namespace hullscope::networks
