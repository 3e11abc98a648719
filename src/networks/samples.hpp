// Samples with labels, however they are stored, and the scaling that a network's input layer gets.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <hullscope/datasets/labelled_set.hpp>
#include <hullscope/networks/layers.hpp>

namespace hullscope::networks {

/// What networks need to know of a data set. The functions may be called by several threads at once.
struct Samples {
  std::int64_t size = 0, classes = 0;
  Shape shape;                                                           ///< of one sample
  bool pixels = false;                                                   ///< values 0 ... 255
  std::function<void(std::int64_t row, std::span<float> out)> copy_row;  ///< raw values
  std::function<std::int64_t(std::int64_t row)> label, id;
};

/// A view of `set`, which must outlive it (copies of a LabelledSet share their state).
Samples samples_of(const datasets::LabelledSet& set);

/// x -> (x - offset) / divisor, one of each a channel of images, one a feature of vectors.
struct Scaling {
  std::vector<float> offset, divisor;

  /// In place, whole samples one after the other.
  void apply(std::span<float> samples, const Shape& shape) const;
};

/// `kind` as in study_file.hpp. "unit": pixels / 255, other values as they are. "standard": mean 0 and variance 1 over
/// the training set, a channel (images) or a feature (vectors) at a time; a constant one is only centred. "none".
Scaling make_scaling(const std::string& kind, const Samples& train);

/// `scaling`, then (x - mean) / deviation: one value a channel (a feature of vectors), or one for all; empty: none.
/// Throws UsageError on another number of values.
Scaling normalised(const Scaling& scaling, const std::vector<double>& mean, const std::vector<double>& deviation);

}  // namespace hullscope::networks
