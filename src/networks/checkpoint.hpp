// The state of a training between two steps, as a file: whole or not at all, and refused if it is another training's.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hullscope::networks {

/// Per epoch: index 0 is the first epoch.
struct Curves {
  std::vector<double> train_loss, train_accuracy;            ///< accuracy: empty for an autoencoder
  std::vector<double> validation_loss, validation_accuracy;  ///< empty without a validation split
};

/// Sums over one rank's share of the samples seen in the epoch so far.
struct EpochSums {
  double loss = 0, right = 0;
};

struct Checkpoint {
  std::int64_t step = 0;                         ///< steps done
  Curves curves;                                 ///< of the epochs done
  std::vector<EpochSums> sums;                   ///< by rank of the group; their number tells the group's size
  std::vector<float> parameters, m, v, buffers;  ///< flat, Adam's moments beside the weights
};

/// Publishes it atomically under `path`.
void save_checkpoint(const std::string& path, const std::string& task_key, const Checkpoint& checkpoint);

/// The checkpoint under `path`; nothing, with a line in the log, if it is damaged or of another task key; nothing if
/// there is none.
std::optional<Checkpoint> load_checkpoint(const std::string& path, const std::string& task_key);

}  // namespace hullscope::networks
