#include "reduce_frame.hpp"

#include <algorithm>

namespace hullscope::jobs {

Frame make_frame(const study::Study& study, std::vector<study::Task> tasks, const std::string& folder) {
  Frame frame{study, {folder, std::move(tasks)}, {}, {}, 0};
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

bool tests_hull(const Frame& frame, const std::string& space) {
  const auto& spaces = frame.study.hull.spaces;
  return std::count(spaces.begin(), spaces.end(), space) > 0;
}

std::vector<HullPlace> hull_places(const Frame& frame) {
  std::vector<HullPlace> places;
  if (tests_hull(frame, "latent"))
    for (const std::int64_t d : frame.study.encode.dimensions) places.push_back({"latent", study::latent_name(d), d});
  for (const char* space : {"neural", "pixel"})
    if (tests_hull(frame, space)) places.push_back({space, space, -1});
  return places;
}

}  // namespace hullscope::jobs
