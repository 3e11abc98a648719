// Named data sets: what data/*.toml says of them, where their files are on this machine, and how to fetch them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hullscope::datasets {

/// A file of a named set. It is accepted packed (gzip) or not; what counts is the SHA-256 after unpacking.
struct NamedFile {
  std::string name;         ///< "train-images-idx3-ubyte"; packed: the same with ".gz"
  std::string split, role;  ///< "train" or "test"; "samples", "labels" or "both" (CIFAR records)
  std::int64_t samples = 0;
  std::int64_t size = 0;         ///< bytes, unpacked
  std::string sha256;            ///< of these
  std::int64_t packed_size = 0;  ///< of the official .gz; 0: there is none
  std::string packed_sha256;
};

struct NamedSet {
  std::string name, title, licence, citation, homepage;
  std::string format;                      ///< "idx" or "cifar-10"
  std::vector<std::int64_t> sample_shape;  ///< {channels, height, width}
  std::int64_t classes = 0;
  std::vector<std::string> folders;     ///< where packages of the system put it
  std::vector<std::string> subfolders;  ///< other names of its folder inside a searched one
  std::string package;                  ///< the Debian package, or ""
  std::vector<std::string> addresses;   ///< tried in order; each holds the files (packed), or is the archive
  std::string archive_sha256;           ///< of a .tar.gz, if the addresses are archives; else ""
  std::int64_t archive_size = 0;
  std::vector<NamedFile> files;  ///< a split's files in the order of its samples
  std::int64_t samples(const std::string& split) const;
};

/// Reads a manifest. Throws DataError (file, key) on a missing, unknown or ill-typed key.
NamedSet parse_manifest(const std::string& toml, const std::string& file);

/// The sets of the data folder, by name. The folder is looked for beside the program (installed tree), then where it
/// was built from. Throws EnvironmentError if it is nowhere.
const std::vector<NamedSet>& named_sets();
/// nullptr if there is none of that name.
const NamedSet* find_named_set(const std::string& name);

/// Where a set's files are looked for, in order: `folder`, each of HULLSCOPE_DATA (colon-separated) with its
/// sub-folders of the set's name, the cache of fetch(), the package's folder.
std::vector<std::string> search_path(const NamedSet& set, const std::string& folder);

/// All places where a file of the set is there, in the order of the search path; packed and unpacked.
std::vector<std::string> candidates(const NamedSet& set, const NamedFile& file, const std::string& folder);

/// Empty if the file holds the right bytes, packed or not; else what is wrong with it.
std::string fault_of(const NamedFile& file, const std::string& path);

/// The folder in which all files of the set are found first, "" if one is missing. Quick: only small files are checked.
std::string found_folder(const NamedSet& set, const std::string& folder);

/// The default folder of fetch(): $XDG_CACHE_HOME/hullscope/NAME, else ~/.cache/hullscope/NAME; "" without a home.
std::string cache_folder(const NamedSet& set);

/// One sentence: how a user gets the set.
std::string how_to_get(const NamedSet& set);

/// A synthetic set for lists: its name, what it is, and a line for each parameter.
struct SyntheticSet {
  std::string name, meaning;
  std::vector<std::string> parameters;
};
std::vector<SyntheticSet> synthetic_sets();
bool is_synthetic_set(const std::string& name);

/// Downloads what is not there yet into `folder` by curl or wget, checks it, and moves it there whole or not at all.
/// Returns one line a file. Throws EnvironmentError (exit 1) if nothing could be fetched or the bytes are not the
/// set's.
std::vector<std::string> fetch(const NamedSet& set, const std::string& folder);

}  // namespace hullscope::datasets
