// Training: Adam on mini-batches, shared by the ranks of a group; checkpoints; the same bits after a kill.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <hullscope/networks/checkpoint.hpp>
#include <hullscope/networks/model.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/progress.hpp>

namespace hullscope::networks {

/// What is learned from. Rows 0 ... size-1.
struct FitData {
  std::int64_t size = 0;
  /// Writes the values of these rows, scaled, one after the other.
  std::function<void(std::span<const std::int64_t> rows, std::span<float> out)> gather;
  /// Class of each row: the loss is the cross-entropy. Empty: the sample itself is to be reproduced (mean squared
  /// error).
  std::vector<std::int64_t> labels;
};

struct FitOptions {
  std::int64_t epochs = 1, batch = 128;
  double rate = 1e-3;
  double validation = 0;  ///< share of the rows kept apart, drawn by the stream; its curves are recorded
  std::uint64_t seed = 0;
  std::string stream;      ///< name of the random streams: "mnist/mlp-256/trial-00/train"
  std::string checkpoint;  ///< path; "": none
  std::string task_key;
  double checkpoint_seconds = 60;          ///< between checkpoints; 0: one after every epoch
  parallel::Progress* progress = nullptr;  ///< counts epochs; of one rank of the group, null on the others
};

/// Initialises `model` by the streams and trains it. Collective over `group`; every rank ends with the same weights.
/// Each batch is cut into contiguous parts, one a rank; gradients are summed by one all-reduce a step; batch norm sees
/// the whole batch. Batch order, masks and initial weights are functions of (seed, stream, epoch or step, row): with
/// one rank a group the bits do not depend on how many ranks or groups there are; with more they are fixed for a group
/// size. Resumes from the checkpoint if it is there; on a signal (parallel/stop.hpp) writes one and throws Interrupted
/// on every rank of the group. Throws EnvironmentError if the loss is no longer finite.
Curves fit(Model& model, const FitData& data, const FitOptions& options, const parallel::Comm& group);

/// The order of the rows in one epoch: a permutation of `rows`, by Fisher and Yates.
std::vector<std::int64_t> epoch_order(std::vector<std::int64_t> rows, std::uint64_t key, std::int64_t epoch);

/// Cuts `total` rows into those kept for validation (round(share * total) of them) and the rest, each in rising order.
void split_rows(std::int64_t total, double share, std::uint64_t key, std::vector<std::int64_t>& train,
                std::vector<std::int64_t>& validation);

/// One step of training at the given rows, without the update: the mean loss and its gradient by every parameter
/// (names and shapes of Model::arrays(), buffers left out). For tests and inspection. Collective over `group`.
struct LossAndGradient {
  double loss = 0;
  std::vector<NamedArray> gradient;
};
LossAndGradient loss_and_gradient(Model& model, const FitData& data, std::span<const std::int64_t> rows,
                                  std::uint32_t step, std::uint64_t mask_key, const parallel::Comm& group);

}  // namespace hullscope::networks
