// Apart from model.cpp because LibTorch's serialisation headers are heavy.
#include <ATen/ops/from_blob.h>
#include <torch/serialize/output-archive.h>

#include <map>
#include <sstream>

#include <hullscope/networks/detail/chain.hpp>
#include <hullscope/networks/model.hpp>

namespace hullscope::networks {

std::string torch_archive(const Model& model) {
  auto unit = std::make_shared<torch::jit::CompilationUnit>();
  torch::serialize::OutputArchive archive(unit);
  std::vector<std::pair<std::string, torch::serialize::OutputArchive>> layers;
  for (const auto& array : model.arrays()) {
    const auto dot = array.name.find('.');
    const auto layer = array.name.substr(0, dot), name = array.name.substr(dot + 1);
    if (layers.empty() || layers.back().first != layer)
      layers.emplace_back(layer, torch::serialize::OutputArchive(unit));
    auto tensor = at::from_blob(const_cast<float*>(array.values.data()), array.shape, at::kFloat).clone();
    layers.back().second.write(name, tensor, name.starts_with("running_"));
  }
  for (auto& [name, layer] : layers) archive.write(name, layer);
  std::ostringstream bytes;
  archive.save_to(bytes);
  return std::move(bytes).str();
}

}  // namespace hullscope::networks
