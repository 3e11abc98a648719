// What `hull` and `membership` share: points and queries of which a node holds one copy, the queries in shards over all
// ranks and threads, and the file at the end.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <hullscope/hull/membership.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/store/artifact.hpp>
#include <hullscope/store/shards.hpp>

#include "hull_file.hpp"
#include "spread.hpp"

namespace hullscope::jobs {

/// A point set in node-shared memory, or spread by rows over the ranks of a group, and what names it.
class SharedPoints {
 public:
  /// Collective: one rank of each node reads the array (datasets::read_array) and converts it (datasets::as_points).
  static SharedPoints read(const parallel::Comm& world, const std::string& name);
  /// Collective: each rank of a group over which points are spread reads its block; else read() over `world`.
  static SharedPoints read(const parallel::Comm& world, const RankGroup& group, const std::string& name);

  PointsView view() const;  ///< all rows, or this rank's block
  bool spread() const { return block_.has_value(); }
  std::int64_t size() const { return n_; }  ///< all rows
  std::int64_t dimension() const { return d_; }
  /// Rows [first, last) as doubles, which is exact.
  Matrix<double> rows(std::int64_t first, std::int64_t last) const;
  const std::string& digest() const { return digest_; }
  const std::string& file() const { return file_; }
  /// "file" or "file:/dataset", the file relative to `folder`.
  std::string relative_name(const std::string& folder) const;

 private:
  SharedPoints() = default;
  std::optional<parallel::SharedBytes> bytes_;
  std::optional<ArrayBlock> block_;
  std::string type_, digest_, file_, dataset_;
  std::int64_t n_ = 0, d_ = 0;
};

/// The queries' classes: one hull more for each label (`membership --labels`).
struct ClassHulls {
  std::vector<std::int64_t> labels;              ///< ascending
  std::vector<std::vector<std::uint8_t>> masks;  ///< one a label
};

/// One file in the making.
struct HullWork {
  const RankGroup& group;
  const SharedPoints& points;
  const SharedPoints& queries;
  hull::MembershipOptions options;
  std::vector<std::uint8_t> mask;  ///< rows of the points that take part, or empty for all
  ClassHulls classes;              ///< may be empty
  std::int64_t shard = 250;        ///< queries a shard
  int threads = 1;
  store::ShardSet shards;

  /// The row of the points that each query is asked without, or empty.
  std::vector<std::int64_t> leave_out = {};

  std::int64_t shard_count() const { return (queries.size() + shard - 1) / shard; }
};

/// Of the work's points, whose masks it then knows. Collective.
hull::Membership make_membership(const parallel::Comm& world, const HullWork& work);

/// Which shards are done, as '0' and '1'; the same on every rank. Collective.
std::string done_shards(const parallel::Comm& world, const HullWork& work);

/// Collective. Computes and publishes the shards that are not done; leaves at a shard's boundary on a signal. Throws
/// Interrupted then, on all ranks.
void find_shards(const parallel::Comm& world, const HullWork& work, const hull::Membership& membership,
                 const std::string& done, parallel::Progress& progress);

struct HullSummary {
  std::int64_t queries = 0, inside = 0, outside = 0, undecided = 0, within_eps = 0, exact = 0;
  std::array<std::int64_t, 3> by_class = {};  ///< verdicts against class hulls: undecided, inside, outside
  double scale = 0;
  double computed = 0;    ///< coordinate products that pricing computed, over N d a query (one look at all points)
  double peak_bytes = 0;  ///< of the node that took most memory
};

/// Collective. Gathers the shards, writes the file and publishes it, and removes the shards. `samples`: the queries'
/// ids; `attributes`: where `verify` finds the data. Takes the membership: what it has prepared is freed first.
HullSummary write_hull_file(const parallel::Comm& world, const HullWork& work, hull::Membership membership,
                            const std::string& path, const store::Provenance& provenance,
                            const std::vector<std::int64_t>& samples, const HullAttributes& attributes,
                            const parallel::Stopwatch& watch);

}  // namespace hullscope::jobs
