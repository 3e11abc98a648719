// Shards: the finished pieces of an artifact in the making, ANY.h5.parts/NNNNNN.h5, one writer each, each published
// whole with a digest. A killed stage loses at most the shard in hand; the same command again reads the others.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace hullscope::store {

using ShardArray = std::variant<std::vector<std::uint8_t>, std::vector<std::int32_t>, std::vector<std::int64_t>,
                                std::vector<float>, std::vector<double>, std::vector<std::string>>;
using Shard = std::map<std::string, ShardArray>;

class ShardSet {
 public:
  /// `artifact`: the final path; shards made under another task key are removed. Not collective (idempotent).
  ShardSet(std::string artifact, std::string task_key);
  /// Is shard i there, whole, and of this key? A damaged one is removed and reported as not done.
  bool done(std::int64_t i) const;
  void publish(std::int64_t i, const Shard& shard) const;
  Shard read(std::int64_t i) const;  ///< throws DataError if damaged
  /// Before shards [begin, end) are read: changes nothing but the time, see store::try_together().
  void try_together(std::int64_t begin, std::int64_t end) const;
  void remove() const;  ///< after the artifact is published; call on one rank

 private:
  std::string folder_, task_key_;
};

/// Are there finished shards of `artifact` that were made under another task key, from other data or with other
/// options? A ShardSet removes them. Not collective.
bool has_foreign_shards(const std::string& artifact, const std::string& task_key);

}  // namespace hullscope::store
