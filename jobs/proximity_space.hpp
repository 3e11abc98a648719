// One space of a proximity task: what its points are called, and where they come from.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>

#include "stage.hpp"

namespace hullscope::jobs {

/// Sample ids and true classes of the rows of one split, in the order in which this task takes them.
struct Rows {
  std::vector<std::int64_t> id, label;
  std::int64_t size() const { return static_cast<std::int64_t>(id.size()); }
};

/// Training rows stand by class (proximity::order_by_class), test rows as in the file that holds the labels. A space
/// joins its own file to them by sample id.
struct Space {
  std::string name;  ///< "pixel", "neural", "latent-08"
  std::int64_t dimension = 0;
  std::function<void(std::span<float>)> fill_train;  ///< writes N x d values
  std::function<Matrix<float>()> read_test;          ///< M x d
};

struct ProximityInputs {
  Rows train, test;
  std::vector<std::int64_t> predicted;  ///< classes of the test rows by the network; empty for pixels
  std::vector<Space> spaces;
};

/// The file that holds the activations, labels and predictions of a trial's test rows.
std::string test_activations(const Stage& stage, const study::Task& task);

/// 1 - largest softmax probability of each test row, from the logits beside the activations, in the order of the rows.
/// Computed as a sum of the other classes' probabilities, so that it keeps its digits near 0.
std::vector<double> softmax_risk(const std::string& activations);

/// Reads ids, labels and shapes, no points. Collective if the task is that of the pixels.
/// Throws DataError where the files of a task do not hold the same samples.
ProximityInputs open_inputs(Stage& stage, const study::Task& task);

}  // namespace hullscope::jobs
