// How many ranks hold one hull problem's points together, and their blocks of it.
#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::jobs {

/// The ranks of one group, which hold one copy of the points between them; the groups share the queries. All ranks of
/// the program are in a group; neighbours together, so that few nodes hold a group.
struct RankGroup {
  parallel::Comm comm;
  bool spread = false;  ///< each rank holds its block; else every rank sees all points, of which a node has one copy
};

/// The fewest ranks whose blocks of the array `name` take at most `memory` bytes each. memory 0: all of it, as long as
/// a node has room for a copy; else what its ranks' equal shares of 80 % of the free memory hold. together: a solver
/// that works on one query with all ranks of a group, so that a group is all ranks unless `memory` asks for fewer.
/// Throws UsageError if there are not enough ranks. Collective over world.
RankGroup hull_group(const parallel::Comm& world, const std::string& name, double memory, bool together);

/// One rank's rows of an array.
struct ArrayBlock {
  std::variant<Matrix<float>, Matrix<double>> rows;
  std::int64_t first = 0, total = 0, dimension = 0;
  std::string digest, file, dataset;
};

/// Reads the rows that hull::spread_block() names and no others; the group's first rank also passes over the whole file
/// once, for its digest. Collective over the group. Throws as datasets::as_points() does.
ArrayBlock read_block(const parallel::Comm& group, const std::string& name);

}  // namespace hullscope::jobs
