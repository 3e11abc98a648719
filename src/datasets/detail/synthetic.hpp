// Synthetic sets: every sample is a function of (seed, set, split, sample id) alone, so that any rank makes the same.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <hullscope/datasets/detail/samples.hpp>

namespace hullscope::datasets::detail {

/// A parameter of a synthetic set, "KEY=VALUE" after "?" and "&" in its name.
struct Parameter {
  std::string key;
  double default_value, least, most;
  bool integer;
  std::string meaning;
};

struct SyntheticKind {
  std::string name, meaning;
  std::vector<Parameter> parameters;
};

/// gaussian-classes, circle, gaussian, ball, cube.
const std::vector<SyntheticKind>& synthetic_kinds();

/// Is "NAME" of "NAME?key=value&..." one of them?
bool is_synthetic(const std::string& name);

/// Makes a split. Throws UsageError on an unknown parameter (nearest valid one named), a value that is no number or
/// out of range, a parameter given twice, or an unknown split.
Samples make_synthetic(const SetRequest& request);

/// The ten (or so) Gaussian classes of the paper's Fig. 2D before any sample is drawn.
struct GaussianClasses {
  std::int64_t classes, dimension, ambient;
  std::vector<double> latent_centres;  ///< classes x dimension, standard normal
  std::vector<double> centres;         ///< classes x ambient: the latent ones in a random subspace
  double noise;                        ///< standard deviation of the isotropic noise
};
GaussianClasses gaussian_classes(const std::string& name, std::uint64_t seed);

/// The noise at which the nearest-centre rule (Bayes' rule for equal isotropic classes) is right with the given
/// probability, measured on `draws` standard normal draws of the stream `key`, equally many a class.
double noise_for_accuracy(const std::vector<double>& latent_centres, std::int64_t classes, std::int64_t dimension,
                          double accuracy, std::uint64_t key, std::int64_t draws);

}  // namespace hullscope::datasets::detail
