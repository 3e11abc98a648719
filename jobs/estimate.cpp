#include "estimate.hpp"

#include <algorithm>
#include <cstdio>

namespace hullscope::jobs {
namespace {

// Operations a second and core, overheads included.
constexpr double kTraining = 5.0e10;  // float32 forward and backward at batches of 100 to 250
constexpr double kProducts = 7.0e10;  // float32 products of large tiles, with the scan for the nearest
constexpr double kPricing = 7e-10;    // hull: seconds per query, point and coordinate, all rounds together
constexpr double kReduction = 0.5;    // seconds per network and trial

struct Cost {
  double products = 0;      // multiplications of one sample's forward pass
  std::int64_t neural = 0;  // width of the neural space
};

/// Multiplications of the layers; layers that only touch each value once are free.
Cost network_cost(const study::NetworkSpec& network, const DataShape& data) {
  Cost cost;
  std::vector<std::int64_t> shape = data.sample_shape;
  std::int64_t width = data.features;
  for (const auto& layer : network.layers) {
    long n = 0, kernel = 0, kernel2 = 0;
    if (std::sscanf(layer.c_str(), "dense %ld", &n) == 1) {
      cost.products += static_cast<double>(width) * static_cast<double>(n);
      width = n;
    } else if (std::sscanf(layer.c_str(), "conv %ldx%ld %ld", &kernel, &kernel2, &n) == 3 && shape.size() == 3) {
      cost.products += static_cast<double>(shape[0] * shape[1] * shape[2]) * static_cast<double>(kernel * kernel2 * n);
      shape[0] = n;
      width = shape[0] * shape[1] * shape[2];
    } else if (std::sscanf(layer.c_str(), "maxpool %ld", &n) == 1 && n > 0 && shape.size() == 3) {
      shape[1] /= n;
      shape[2] /= n;
      width = shape[0] * shape[1] * shape[2];
    }
  }
  cost.neural = width;
  cost.products += static_cast<double>(width) * static_cast<double>(data.classes);
  return cost;
}

double autoencoder_products(const study::Study& study, std::int64_t neural, std::int64_t dimension) {
  double products = 0;
  std::int64_t width = neural;
  for (const auto hidden : study.encode.hidden) products += static_cast<double>(width * hidden), width = hidden;
  return 2 * (products + static_cast<double>(width * dimension));
}

double training_seconds(double products, double samples, double epochs, double batch) {
  constexpr double kStep = 150e-6;  // a step's fixed cost
  return epochs * (6 * products * samples / kTraining + samples / batch * kStep);
}

double proximity_seconds(const DataShape& data, std::int64_t features) {
  const double pairs = static_cast<double>(data.train) * static_cast<double>(data.test + 5000);
  return pairs * (2 * static_cast<double>(features) + 40) / kProducts;
}

}  // namespace

double estimated_cpu_seconds(const study::Study& study, const study::Task& task, const DataShape& data) {
  Cost network;
  for (const auto& spec : study.networks)
    if (spec.name == task.network) network = network_cost(spec, data);
  const double train = static_cast<double>(data.train), all = train + static_cast<double>(data.test);
  const auto epochs = [](std::int64_t n) { return static_cast<double>(n); };
  const std::int64_t space = task.space == "pixel" ? data.features
                             : task.dimension > 0  ? task.dimension
                                                   : network.neural;
  if (task.stage == "train")
    return training_seconds(network.products, train, epochs(study.train.epochs), epochs(study.train.batch));
  if (task.stage == "extract") return 2 * network.products * all / kTraining;
  if (task.stage == "encode")
    return training_seconds(autoencoder_products(study, network.neural, task.dimension), train,
                            epochs(study.encode.epochs), epochs(study.encode.batch));
  if (task.stage == "hull") return static_cast<double>(data.test) * train * static_cast<double>(space) * kPricing;
  if (task.stage == "proximity") {
    double seconds = 0;
    if (task.space == "pixel") return proximity_seconds(data, data.features);
    for (const auto& measured : study.proximity.spaces) {
      if (measured == "neural") seconds += proximity_seconds(data, network.neural);
      if (measured == "latent")
        for (const auto d : study.encode.dimensions) seconds += proximity_seconds(data, d);
    }
    return seconds;
  }
  return kReduction * static_cast<double>(study.networks.size()) * static_cast<double>(study.train.trials);
}

int useful_ranks(const std::string& stage, int tasks, int ranks) {
  if (stage == "reduce") return 1;
  return stage == "train" || stage == "encode" ? std::max(1, std::min(tasks, ranks)) : ranks;
}

}  // namespace hullscope::jobs
