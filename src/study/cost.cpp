#include <algorithm>
#include <cstdio>
#include <utility>

#include <hullscope/study/cost.hpp>

namespace hullscope::study {
namespace {

// Bytes of a process that has loaded LibTorch, or only MPI and HDF5.
constexpr double kTorchProcess = 220e6, kPlainProcess = 70e6;

// Operations a second and core, overheads included.
constexpr double kTraining = 5.0e10;  // float32 forward and backward at batches of 100 to 250
constexpr double kProducts = 7.0e10;  // float32 products of large tiles, with the scan for the nearest
constexpr double kPricing = 7e-10;    // hull: seconds per query, point and coordinate, all rounds together
constexpr double kReduction = 0.5;    // seconds per network and trial

}  // namespace

/// Multiplications of the layers; layers that only touch each value once are free.
CostModel::Network CostModel::network_cost(const NetworkSpec& network, const DataShape& data) {
  Network cost;
  std::vector<std::int64_t> shape = data.sample_shape;
  std::int64_t width = data.features;
  for (const auto& layer : network.layers) {
    long n = 0, kernel = 0, kernel2 = 0;
    if (std::sscanf(layer.c_str(), "dense %ld", &n) == 1) {
      cost.products += static_cast<double>(width) * static_cast<double>(n);
      cost.parameters += static_cast<double>(width) * static_cast<double>(n);
      width = n;
    } else if (std::sscanf(layer.c_str(), "conv %ldx%ld %ld", &kernel, &kernel2, &n) == 3 && shape.size() == 3) {
      cost.products += static_cast<double>(shape[0] * shape[1] * shape[2]) * static_cast<double>(kernel * kernel2 * n);
      cost.parameters += static_cast<double>(shape[0] * kernel * kernel2 * n);
      shape[0] = n;
      width = shape[0] * shape[1] * shape[2];
    } else if (std::sscanf(layer.c_str(), "maxpool %ld", &n) == 1 && n > 0 && shape.size() == 3) {
      shape[1] /= n;
      shape[2] /= n;
      width = shape[0] * shape[1] * shape[2];
    }
    cost.values += static_cast<double>(width);
  }
  cost.neural = width;
  cost.products += static_cast<double>(width) * static_cast<double>(data.classes);
  return cost;
}

double CostModel::autoencoder_products(std::int64_t neural, std::int64_t dimension) const {
  double products = 0;
  std::int64_t width = neural;
  for (const auto hidden : study_.encode.hidden) products += static_cast<double>(width * hidden), width = hidden;
  return 2 * (products + static_cast<double>(width * dimension));
}

static double training_seconds(double products, double samples, double epochs, double batch) {
  constexpr double kStep = 150e-6;  // a step's fixed cost
  return epochs * (6 * products * samples / kTraining + samples / batch * kStep);
}

static double proximity_seconds(const DataShape& data, std::int64_t features) {
  const double pairs = static_cast<double>(data.train) * static_cast<double>(data.test + 5000);
  return pairs * (2 * static_cast<double>(features) + 40) / kProducts;
}

CostModel::CostModel(const Study& study, DataShape data) : study_(study), data_(std::move(data)) {
  for (const auto& spec : study.networks) networks_[spec.name] = network_cost(spec, data_);
}

const CostModel::Network& CostModel::network_of(const Task& task) const {
  static const Network none;  // tasks of the data set itself
  const auto found = networks_.find(task.network);
  return found == networks_.end() ? none : found->second;
}

double CostModel::cpu_seconds(const Task& task) const {
  const auto& network = network_of(task);
  const double train = static_cast<double>(data_.train), all = train + static_cast<double>(data_.test);
  const auto epochs = [](std::int64_t n) { return static_cast<double>(n); };
  const std::int64_t space = task.space == "pixel" ? data_.features
                             : task.dimension > 0  ? task.dimension
                                                   : network.neural;
  if (task.stage == "train")
    return training_seconds(network.products, train, epochs(study_.train.epochs), epochs(study_.train.batch));
  if (task.stage == "extract") return 2 * network.products * (task.test.empty() ? all : all - train) / kTraining;
  if (task.stage == "encode" && !task.test.empty())
    return 2 * autoencoder_products(network.neural, task.dimension) * (all - train) / kTraining;
  if (task.stage == "encode")
    return training_seconds(autoencoder_products(network.neural, task.dimension), train, epochs(study_.encode.epochs),
                            epochs(study_.encode.batch));
  if (task.stage == "hull") {
    const double test = static_cast<double>(data_.test), asked = static_cast<double>(task.hull_points);
    const double pairs = task.hull == "left-out"  ? asked * train
                         : task.hull == "subset"  ? test * asked
                         : task.hull == "classes" ? 2 * test * train
                                                  : test * train;
    return pairs * static_cast<double>(space) * kPricing;
  }
  if (task.stage == "proximity") {
    double seconds = 0;
    if (task.space == "pixel") return proximity_seconds(data_, data_.features);
    for (const auto& measured : study_.proximity.spaces) {
      if (measured == "neural") seconds += proximity_seconds(data_, network.neural);
      if (measured == "latent")
        for (const auto d : study_.encode.dimensions) seconds += proximity_seconds(data_, d);
    }
    return seconds;
  }
  return kReduction * static_cast<double>(study_.networks.size()) * static_cast<double>(study_.train.trials);
}

double CostModel::memory_bytes(const Task& task, std::int64_t ranks) const {
  const auto& network = network_of(task);
  const double r = static_cast<double>(ranks), n = static_cast<double>(data_.train + data_.test);
  const double set = 4 * n * static_cast<double>(data_.features), neural = 4 * n * static_cast<double>(network.neural);
  const double space = task.space == "pixel" ? set : task.dimension > 0 ? 4 * n * task.dimension : neural;
  // a model, its gradient and Adam's two moments; a batch's values forward and backward, and the workspace of both
  const auto trained = [](double parameters, double values, std::int64_t batch) {
    return 16 * parameters + 12 * values * static_cast<double>(batch);
  };
  if (task.stage == "train")
    return set + r * (kTorchProcess + trained(network.parameters, network.values, study_.train.batch));
  if (task.stage == "extract") return set + 2 * neural + r * (kTorchProcess + 12 * network.values * 256);
  if (task.stage == "encode")
    return r * (kTorchProcess + 2 * neural +
                trained(autoencoder_products(network.neural, task.dimension), 0, study_.encode.batch));
  if (task.stage == "hull") return 2 * space + r * kPlainProcess;
  if (task.stage == "proximity") return 2 * std::max(space, neural) + set / 2 + r * kPlainProcess;
  return 100e6 + 1e6 * static_cast<double>(study_.networks.size()) * static_cast<double>(study_.train.trials);
}

int useful_ranks(const std::string& stage, int tasks, int ranks) {
  if (stage == "reduce") return 1;
  return stage == "train" || stage == "encode" ? std::max(1, std::min(tasks, ranks)) : ranks;
}

}  // namespace hullscope::study
