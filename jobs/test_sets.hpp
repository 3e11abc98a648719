// The points of a further test set in the spaces of a trial: its activations are a file of their own, its codes are
// made here by the trial's autoencoder (or principal axes), as codes.h5 holds them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>

#include "stage.hpp"

namespace hullscope::jobs {

/// Codes of activations (n x features) by the encoder in `codes_file`: hidden dense layers with ReLU, then the
/// bottleneck; or principal axes. Summed in double, a row by itself, so that a code depends on nothing but its row.
/// Throws DataError if an array is missing or does not fit.
Matrix<float> encode_activations(const std::string& codes_file, MatrixView<float> activations);

/// Ids and points of the task's further test set in one space ("neural", "latent-08", "pca-08"), as the trial's files
/// have them. `codes_file`: of that space; "" for neural.
struct TestSetPoints {
  std::vector<std::int64_t> sample;
  Matrix<float> points;
};
TestSetPoints read_test_set(const Stage& stage, const study::Task& task, const std::string& codes_file);

}  // namespace hullscope::jobs
