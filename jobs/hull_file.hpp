// The proofs of a hull file (schema "hull") as its arrays, and back: the one place that knows the packing. Used by the
// jobs that write such files (hull, membership) and by the one that re-proves them (verify).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hullscope/parallel/comm.hpp>
#include <hullscope/proof/proof.hpp>
#include <hullscope/store/artifact.hpp>
#include <hullscope/store/shards.hpp>

namespace hullscope::jobs {

/// The proofs of consecutive queries [first, first + size()), as the arrays of the schema. Offsets count from 0 within
/// this piece; the query numbers of directions are rows of the whole file.
struct HullPiece {
  std::int64_t first = 0;
  std::vector<std::uint8_t> verdict;
  std::vector<double> distance_lower, distance_upper;
  std::vector<std::int32_t> passes;
  std::vector<std::int64_t> support_offset = {0};  ///< size() + 1
  std::vector<std::int64_t> support_index;
  std::vector<double> support_weight;
  std::vector<std::int64_t> direction_query;  ///< ascending
  std::vector<double> direction_vector;       ///< direction_query.size() x d
  std::vector<std::int64_t> exact_query;      ///< ascending
  std::vector<std::string> exact_direction;   ///< d integers in decimal, separated by blanks
  std::int64_t size() const { return static_cast<std::int64_t>(verdict.size()); }
};

/// Packs the proofs of queries first, first + 1, ... of d coordinates. `passes`: one a query, or empty (0).
HullPiece pack_proofs(const std::vector<proof::Proof>& proofs, const std::vector<std::int32_t>& passes,
                      std::int64_t first, std::int64_t d);
/// The reverse. Throws DataError (file: what a message calls it) if the arrays do not fit together.
std::vector<proof::Proof> unpack_proofs(const HullPiece& piece, std::int64_t d, const std::string& file);

/// A piece as a shard (store/shards.hpp), and back.
store::Shard to_shard(const HullPiece& piece);
HullPiece from_shard(const store::Shard& shard);

/// `next` starts where `piece` ends: joins it to the end.
void append(HullPiece& piece, HullPiece next);

/// Collective over comm. Writes all data sets of the proofs: this rank's piece holds the queries that follow those of
/// the rank before (pieces may be empty). total: M; samples: the sample ids of all M queries, on every rank; d: number
/// of coordinates.
/// Attributes are the caller's (see HullAttributes for what `verify` needs).
void write_proofs(store::ArtifactWriter& writer, const parallel::Comm& comm, const HullPiece& piece, std::int64_t total,
                  const std::vector<std::int64_t>& samples, std::int64_t d);

/// Collective over comm, after write_proofs: the proofs against the hull of one class (group /class_hull/LABEL).
void write_class_proofs(store::ArtifactWriter& writer, const parallel::Comm& comm, std::int64_t label,
                        const HullPiece& piece, std::int64_t total, std::int64_t d);
/// Collective over comm: the tables of all class hulls, one column a class. pieces: one a label, `verdict` and both
/// distances of the same queries.
void write_class_tables(store::ArtifactWriter& writer, const std::vector<std::int64_t>& labels,
                        const std::vector<HullPiece>& pieces, std::int64_t total);

/// Root attributes by which `verify` finds the data. Names of arrays are relative to the hull file's folder
/// ("codes.h5:/train/code", "../x.npy"); digests are datasets::Array::digest.
struct HullAttributes {
  std::string points, queries, points_digest, queries_digest;
  std::string subset, subset_digest;            ///< array of row numbers or of a mask (uint8, N entries), or ""
  std::string labels = {}, labels_digest = {};  ///< array of the points' labels where the file has class hulls, or ""
  /// Array of the row of the points that each query is, and is asked without; or "".
  std::string left_out = {}, left_out_digest = {};
};
void write_attributes(store::ArtifactWriter& writer, const HullAttributes& attributes);

/// Reads a hull file in ranges of queries.
class HullFile {
 public:
  explicit HullFile(const std::string& path);
  const HullAttributes& attributes() const { return attributes_; }
  std::int64_t queries() const { return queries_; }
  std::int64_t coordinates() const { return coordinates_; }
  const std::vector<std::int64_t>& samples() const { return samples_; }
  /// Labels of the class hulls; empty if there are none, or none with proofs.
  const std::vector<std::int64_t>& classes() const { return classes_; }
  /// Verdicts by class without proofs: files of format 1.0 have them.
  bool unproved_classes() const { return unproved_classes_; }
  /// Proofs of queries [first, first + count) against the hull of all points, or of class number `c` of classes().
  /// Not thread-safe. Throws DataError if the arrays do not fit together.
  std::vector<proof::Proof> proofs(std::int64_t first, std::int64_t count) const;
  std::vector<proof::Proof> class_proofs(std::size_t c, std::int64_t first, std::int64_t count) const;
  const store::ArtifactReader& reader() const { return reader_; }

 private:
  /// What one hull's proofs rest on beside verdict and distances: the groups support, direction and exact.
  struct Evidence {
    std::string group;  ///< "" or "/class_hull/LABEL"
    std::vector<std::int64_t> offset, direction_query, exact_query;
    std::vector<std::string> exact_direction;
  };
  Evidence read_evidence(const std::string& group) const;
  void read_classes();
  void read_evidence_rows(const Evidence& evidence, std::int64_t count, HullPiece& piece) const;

  store::ArtifactReader reader_;
  std::string path_;
  HullAttributes attributes_;
  std::int64_t queries_ = 0, coordinates_ = 0;
  std::vector<std::int64_t> samples_, classes_;
  bool unproved_classes_ = false;
  Evidence all_;
  std::vector<Evidence> by_class_;  ///< one a class
};

/// Row numbers, or a mask of n entries (is_mask: the array was uint8), as an array of `--subset` holds them, as a mask.
/// Throws UsageError (named `what`) on a row out of range or on an empty subset.
std::vector<std::uint8_t> subset_mask(const std::vector<std::int64_t>& values, bool is_mask, std::int64_t n,
                                      const std::string& what);

/// The labels that points of the subset have (empty: all points), ascending: each is a class with a hull of its own.
std::vector<std::int64_t> labels_present(const std::vector<std::int64_t>& labels,
                                         const std::vector<std::uint8_t>& subset);
/// The points of one class, within the subset.
std::vector<std::uint8_t> class_mask(const std::vector<std::int64_t>& labels, const std::vector<std::uint8_t>& subset,
                                     std::int64_t label);

}  // namespace hullscope::jobs
