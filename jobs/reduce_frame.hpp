// A study's axes and files, as its statistics need them.
#pragma once
#include <string>
#include <vector>

#include "stage.hpp"
#include "trial_data.hpp"

namespace hullscope::jobs {

struct Frame {
  study::Study study;
  StudyFiles files;
  std::vector<std::string> networks, spaces;  ///< spaces: of latent, neural, pixel, those with distances
  std::int64_t dimension;                     ///< d of the space "latent"

  std::string space_name(const std::string& space) const {
    return space == "latent" ? study::latent_name(dimension) : space;
  }
  /// The task that measured distances in `space`, of that network and trial.
  const study::Task* proximity(const std::string& space, const std::string& network, int trial) const {
    return space == "pixel" ? files.find("proximity", "", -1, "pixel") : files.find("proximity", network, trial);
  }
  /// The task that asked that network's and trial's test points of the hull in `name` (latent-08, neural, pixel).
  const study::Task* hull(const std::string& name, const std::string& network, int trial) const {
    return name == "pixel" ? files.find("hull", "", -1, "pixel") : files.find("hull", network, trial, name);
  }
};

/// `tasks`: of the study's plan. `folder`: where their files are.
Frame make_frame(const study::Study& study, std::vector<study::Task> tasks, const std::string& folder);

/// Does the study test the hull in this space (pixel, neural, latent, pca)?
bool tests_hull(const Frame& frame, const std::string& space);

/// A space whose hull the study tests, the baseline pca left out.
struct HullPlace {
  std::string space;       ///< latent, neural, pixel
  std::string name;        ///< latent-08, neural, pixel
  std::int64_t dimension;  ///< of the latent space; else -1
};
/// In the order latent (by d), neural, pixel.
std::vector<HullPlace> hull_places(const Frame& frame);

}  // namespace hullscope::jobs
