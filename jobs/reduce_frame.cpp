#include "reduce_frame.hpp"

#include <algorithm>

namespace hullscope::jobs {

Frame make_frame(const Stage& stage) {
  const study::Study& study = stage.study();
  Frame frame{study, {stage.folder(), study::make_plan(study)}, {}, {}, 0};
  for (const auto& network : study.networks) frame.networks.push_back(network.name);
  for (const char* space : {"latent", "neural", "pixel"})
    if (std::count(study.proximity.spaces.begin(), study.proximity.spaces.end(), space) &&
        (std::string(space) != "latent" || !study.encode.dimensions.empty()))
      frame.spaces.push_back(space);
  const auto& grid = study.encode.dimensions;
  const bool there = std::count(grid.begin(), grid.end(), study.reduce.dimension) > 0;
  frame.dimension = there || grid.empty() ? study.reduce.dimension : *std::max_element(grid.begin(), grid.end());
  return frame;
}

}  // namespace hullscope::jobs
