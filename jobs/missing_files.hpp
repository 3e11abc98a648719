// What a study lacks where some of its tasks have failed, and the part of it that is whole (reduce.partial).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hullscope/store/artifact.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::jobs {

struct MissingFile {
  study::Task task;    ///< that makes it
  std::string reason;  ///< in words
};

/// The files that `reduce` would take and that are not among `there`, its inputs by role. `plan`: of the study.
std::vector<MissingFile> missing_files(const study::Task& reduce, const std::map<std::string, store::Input>& there,
                                       const std::vector<study::Task>& plan, const std::string& folder);

/// A study of the trials that are whole: as many of each network, and at least the fewest that carry a verdict if some
/// network has so many. Networks with fewer are left out.
struct WholePart {
  study::Study study;                             ///< its networks, number of trials and spaces are what is left
  std::vector<study::Task> tasks;                 ///< theirs, the whole trials of each network numbered anew from 0
  std::vector<std::vector<std::int64_t>> trials;  ///< by network and new number, the number in the study
};

/// Spaces of pixels that lack a file of the data set's own are left out too. Throws EnvironmentError if no trial of any
/// network is whole.
WholePart whole_part(const study::Study& study, const std::vector<study::Task>& plan,
                     const std::vector<MissingFile>& missing, std::size_t fewest_trials);

/// /missing/* and /whole_trial. Collective.
void write_missing(store::ArtifactWriter& writer, const std::vector<MissingFile>& missing, const WholePart& part);

}  // namespace hullscope::jobs
