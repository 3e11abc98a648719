// A simple cost model: CPU seconds of a task, for `--dry-run` and for what is asked of Slurm. Counts of operations over
// rates measured on one core with AVX-512 (Fashion-MNIST, the quickstart's networks); within a factor of three
// elsewhere, and said to be an estimate.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <hullscope/study/plan.hpp>

namespace hullscope::study {

/// Of the data set, as the plan program reports it.
struct DataShape {
  std::int64_t train = 0, test = 0, features = 0, classes = 0;
  std::vector<std::int64_t> sample_shape;
};

/// Estimates for the tasks of one study, which must outlive it.
class CostModel {
 public:
  CostModel(const Study& study, DataShape data);
  double cpu_seconds(const Task& task) const;
  /// Bytes that a node needs while `ranks` ranks of it do the task, libraries included; from the peaks of the
  /// quickstart, on the generous side.
  double memory_bytes(const Task& task, std::int64_t ranks) const;

 private:
  struct Network {
    double products = 0;      ///< multiplications of one sample's forward pass
    double parameters = 0;    ///< weights
    double values = 0;        ///< all layers' outputs of one sample
    std::int64_t neural = 0;  ///< width of the neural space
  };
  static Network network_cost(const NetworkSpec& network, const DataShape& data);
  const Network& network_of(const Task& task) const;
  double autoencoder_products(std::int64_t neural, std::int64_t dimension) const;

  const Study& study_;
  DataShape data_;
  std::unordered_map<std::string, Network> networks_;
};

/// How many of a stage's ranks can work at once: trainings and autoencoders are one rank's each.
int useful_ranks(const std::string& stage, int tasks, int ranks);

}  // namespace hullscope::study
