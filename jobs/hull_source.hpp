// What a hull task asks: its points and queries as arrays that `verify` can read again, and who takes part in which
// query's hull.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "hull_file.hpp"
#include "hull_work.hpp"
#include "stage.hpp"

namespace hullscope::jobs {

struct HullSource {
  std::string points, queries;        ///< paths, with a data set's name if in an HDF5 file
  std::vector<std::int64_t> samples;  ///< ids of the queries
  std::vector<std::uint8_t> mask;     ///< rows of the points that take part, or empty for all
  ClassHulls classes;
  std::vector<std::int64_t> leave_out;   ///< row that each query is asked without, or empty
  std::string subset, labels, left_out;  ///< the arrays that say so, or ""

  /// Root attributes of the hull file at `path`; the arrays are read once more for their digests.
  HullAttributes attributes(const std::string& path, const SharedPoints& points, const SharedPoints& queries) const;
};

/// Writes what of it stands in no file yet, as NumPy files beside the hull file: raw samples, and which rows are left
/// out or in a subset. Throws DataError if codes and labels are of other samples. Collective.
HullSource find_hull_source(Stage& stage, const study::Task& task);

/// How many queries the task has. Throws UsageError if it asks for more training points than there are. Collective on
/// the first call for a pixel task.
std::int64_t hull_queries(Stage& stage, const study::Task& task);

}  // namespace hullscope::jobs
