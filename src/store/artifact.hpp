// Reading and writing artifacts: whole HDF5 files with provenance, digest, units and dimension scales. The only room
// that knows HDF5; no HDF5 type appears here.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/store/schema.hpp>

namespace hullscope::store {

/// A file that an artifact was made from. `path` is relative to the artifact's folder.
struct Input {
  std::string path;
  std::string digest;  ///< content digest
};

/// The scientific root attributes; all of them enter the content digest.
struct Provenance {
  std::string stage;
  std::string study_toml;               ///< resolved study file, or "" for the hull test alone
  std::string options_hash;             ///< sha256 of the stage's own options and its algorithm_version
  std::map<std::string, Input> inputs;  ///< by role, e.g. "activations", "points", "queries"
  std::uint64_t seed = 0;
  std::string task_key;  ///< sha256 of options_hash and the inputs' digests; "done" means: this key is on disk
};

/// Measurements of the run that made a file; stored under /run, outside the digest.
struct RunRecord {
  double wall_seconds = 0, cpu_seconds = 0;  ///< of all ranks
  std::int64_t peak_bytes = 0;               ///< proportional set size, summed over the ranks of a node, largest node
  std::vector<std::pair<std::string, double>> more = {};  ///< what only this stage measures, by name
};

/// Writes one artifact. All members are collective over `comm`, in the same order on every rank.
/// Nothing appears under `path` before publish() has ended; a writer destroyed before that removes its temporary file.
class ArtifactWriter {
 public:
  /// Throws EnvironmentError if the folder cannot be written.
  ArtifactWriter(const parallel::Comm& comm, std::string path, Provenance provenance);
  ~ArtifactWriter();
  ArtifactWriter(const ArtifactWriter&) = delete;
  ArtifactWriter& operator=(const ArtifactWriter&) = delete;

  /// Rows [first_row, first_row + n) of a data set of `shape` (T: uint8_t, int32_t, int64_t, float, double), written
  /// by this rank through parallel HDF5; ranks may have no rows, and may call again with more of them. Type,
  /// dimensions, units and long_name come from the schema (InternalError if the path is not in it). Scales may come in
  /// any order; those that only count are made where they are missing.
  template <class T>
  void write_rows(const std::string& path, const std::vector<std::int64_t>& shape, std::int64_t first_row,
                  std::span<const T> rows);
  /// A small data set that every rank has whole (an empty shape: a scalar). `dimensions` overrides the schema's "*".
  template <class T>
  void write(const std::string& path, const std::vector<std::int64_t>& shape, std::span<const T> values,
             const std::string& dimensions = "");
  /// A text of several dimensions takes its shape from its scales.
  void write_text(const std::string& path, const std::vector<std::string>& values);
  /// Deflate (1..9) with shuffle for the data sets written from now on; 0, the default: none, as it rarely pays for
  /// floating-point numbers. Set it the same on every rank.
  void set_compression(int level);
  /// A scientific attribute (digested) of the root ("/") or of a data set or group.
  void attribute(const std::string& object, const std::string& name, double value);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void attribute(const std::string& object, const std::string& name, const std::string& value);

  /// Digest, /run, fsync, rename, fsync of the folder. Returns the content digest.
  std::string publish(const RunRecord& run);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads one artifact, or any HDF5 file. Not collective; every rank may open it for itself.
class ArtifactReader {
 public:
  /// Throws DataError if it is missing, torn, not HDF5, of another stage or of a newer major format version.
  /// An empty stage accepts any HDF5 file.
  explicit ArtifactReader(const std::string& path, const std::string& stage = "");
  ~ArtifactReader();
  ArtifactReader(ArtifactReader&&) noexcept;

  const Provenance& provenance() const;
  const std::string& content_digest() const;  ///< as stored, not recomputed
  bool has(const std::string& path) const;
  std::vector<std::string> list(const std::string& group) const;  ///< names in it, sorted
  std::vector<std::string> datasets() const;                      ///< paths of all data sets but /run's, sorted
  std::vector<std::int64_t> shape(const std::string& path) const;
  Type type(const std::string& path) const;
  /// Whole, or rows [first, first + count). Throws DataError (path inside the file) on a missing data set or on a
  /// type that T cannot hold exactly.
  template <class T>
  std::vector<T> read(const std::string& path) const;
  template <class T>
  std::vector<T> read_rows(const std::string& path, std::int64_t first, std::int64_t count) const;
  template <class T>
  Matrix<T> read_matrix(const std::string& path) const;
  std::vector<std::string> read_text(const std::string& path) const;
  double number(const std::string& object, const std::string& attribute) const;
  std::string text(const std::string& object, const std::string& attribute) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The digest of one data set's type, shape and values, as `points_digest` uses it: independent of chunks and filters.
std::string dataset_digest(const std::string& path, const std::string& dataset);
/// The same for an array in memory, e.g. read from NPY. `type_name`: "u8", "i32", "i64", "f32", "f64".
std::string array_digest(const std::string& type_name, const std::vector<std::int64_t>& shape, const void* bytes,
                         std::size_t size);

/// Files that will be opened soon, one by one: what damage might do to this process is tried on all of them in one
/// child process instead of one a file. Changes nothing but the time. Those that are not there are passed over.
void try_together(const std::vector<std::string>& paths);

/// True if `path` is a whole artifact of this task key. Reads only attributes. A torn or foreign file is "not done";
/// a whole file with another key is reported through `other_key`.
bool is_done(const std::string& path, const std::string& task_key, bool* other_key = nullptr);

/// Empty if the file is a whole and valid artifact (digest recomputed, schema compared, scales and attributes there);
/// else one sentence per fault.
std::vector<std::string> check_artifact(const std::string& path);

/// Recomputes the content digest: SHA-256 over every group and data set but /run, sorted by path, each with its
/// scientific attributes, type, shape and values; independent of ranks, chunks and filters. docs/file-format.md gives
/// every byte, and the same in Python. Throws DataError.
std::string compute_content_digest(const std::string& path);

/// Writes bytes under `path` whole or not at all (temporary name, fsync, rename, fsync of the folder).
void publish_bytes(const std::string& path, std::string_view bytes);

}  // namespace hullscope::store
