#include <hullscope/datasets/registry.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/detail/byte_source.hpp>
#include <hullscope/datasets/detail/synthetic.hpp>

namespace hullscope::datasets {

namespace fs = std::filesystem;

namespace {

/// One table of a manifest: every key is asked for once, and what was not asked for is an error.
class Keys {
 public:
  Keys(const toml::table& table, std::string file, std::string where)
      : table_(table), file_(std::move(file)), where_(std::move(where)) {}

  std::string text(const std::string& key, bool optional = false) {
    return value<std::string>(key, "a text", optional).value_or("");
  }
  std::int64_t integer(const std::string& key, bool optional = false) {
    const std::int64_t number = value<std::int64_t>(key, "an integer", optional).value_or(0);
    if (number < 0) fail(key, "is negative; expected 0 or more");
    return number;
  }
  template <class T>
  std::vector<T> list(const std::string& key, bool optional = false) {
    std::vector<T> values;
    const toml::array* array = known(key, optional) ? table_[key].as_array() : nullptr;
    if (!array && table_.contains(key)) fail(key, "is not a list");
    if (array)
      for (const toml::node& node : *array) {
        const auto item = node.value_exact<T>();
        if (!item) fail(key, "holds an entry of the wrong type");
        values.push_back(*item);
      }
    return values;
  }
  void allow(const std::string& key) { known_.push_back(key); }
  void end() const {
    for (const auto& [key, node] : table_) {
      const std::string name(key.str());
      if (std::find(known_.begin(), known_.end(), name) == known_.end())
        fail(name, "is unknown; did you mean \"" + nearest_name(name, known_) + "\"?");
    }
  }
  [[noreturn]] void fail(const std::string& key, const std::string& sentence) const {
    throw DataError(file_, where_ + key, sentence);
  }

 private:
  bool known(const std::string& key, bool optional) {
    known_.push_back(key);
    if (!optional && !table_.contains(key)) fail(key, "is missing");
    return table_.contains(key);
  }
  template <class T>
  std::optional<T> value(const std::string& key, const char* kind, bool optional) {
    if (!known(key, optional)) return std::nullopt;
    const std::optional<T> found = table_[key].value_exact<T>();
    if (!found) fail(key, std::string("is not ") + kind);
    return found;
  }

  const toml::table& table_;
  std::string file_, where_;
  std::vector<std::string> known_;
};

void require_sha256(const Keys& keys, const std::string& key, const std::string& text) {
  if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    keys.fail(key, "is not a SHA-256 (64 lower-case hexadecimal digits)");
}

NamedFile parse_file(const toml::table& table, const std::string& file, std::size_t place) {
  Keys keys(table, file, fmt::format("file[{}].", place));
  NamedFile named;
  named.name = keys.text("name");
  named.split = keys.text("split");
  named.role = keys.text("role");
  named.samples = keys.integer("samples");
  named.size = keys.integer("size");
  named.sha256 = keys.text("sha256");
  named.packed_size = keys.integer("packed_size", true);
  named.packed_sha256 = keys.text("packed_sha256", true);
  keys.end();
  if (named.split != "train" && named.split != "test") keys.fail("split", "is neither train nor test");
  if (named.role != "samples" && named.role != "labels" && named.role != "both")
    keys.fail("role", "is none of samples, labels, both");
  if (named.name.empty() || named.name.find('/') != std::string::npos) keys.fail("name", "is not a file's name");
  require_sha256(keys, "sha256", named.sha256);
  if (named.packed_size > 0) require_sha256(keys, "packed_sha256", named.packed_sha256);
  return named;
}

fs::path program_folder() {
  std::error_code ignored;  // without /proc the compiled-in folders remain
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

/// The installed tree that this program stands in, the source tree it was built from, the prefix it was built for.
std::vector<fs::path> manifest_folders() {
  const fs::path program = program_folder();  // PREFIX/bin, or PREFIX/libexec/hullscope
  return {program / "../share/hullscope/data", program / "../../share/hullscope/data", HULLSCOPE_SOURCE_DATA,
          HULLSCOPE_INSTALLED_DATA};
}

std::vector<NamedSet> read_manifests() {
  std::vector<std::string> looked;
  for (const fs::path& folder : manifest_folders()) {
    looked.push_back(folder.lexically_normal().string());
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored)) continue;
    std::vector<NamedSet> sets;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() != ".toml") continue;
      std::ifstream stream(entry.path());
      std::stringstream text;
      text << stream.rdbuf();
      sets.push_back(parse_manifest(text.str(), entry.path().string()));
    }
    if (sets.empty()) continue;
    std::sort(sets.begin(), sets.end(), [](const NamedSet& a, const NamedSet& b) { return a.name < b.name; });
    return sets;
  }
  throw EnvironmentError("the manifests of the named data sets are missing (looked in " + join(looked) +
                         "); install hullscope again");
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::int64_t NamedSet::samples(const std::string& split) const {
  std::int64_t n = 0;
  for (const NamedFile& file : files)
    if (file.split == split && file.role != "labels") n += file.samples;
  return n;
}

NamedSet parse_manifest(const std::string& text, const std::string& file) {
  toml::table table;
  try {
    table = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    throw DataError(file, fmt::format("line {}", error.source().begin.line), std::string(error.description()));
  }
  Keys keys(table, file, "");
  NamedSet set;
  set.name = keys.text("name");
  set.title = keys.text("title");
  set.licence = keys.text("licence");
  set.citation = keys.text("citation");
  set.homepage = keys.text("homepage");
  set.format = keys.text("format");
  set.sample_shape = keys.list<std::int64_t>("sample_shape");
  set.classes = keys.integer("classes");
  set.addresses = keys.list<std::string>("addresses");
  set.package = keys.text("package", true);
  set.folders = keys.list<std::string>("folders", true);
  set.subfolders = keys.list<std::string>("subfolders", true);
  set.archive_sha256 = keys.text("archive_sha256", true);
  set.archive_size = keys.integer("archive_size", true);
  keys.allow("file");
  keys.end();
  if (set.format != "idx" && set.format != "cifar-10") keys.fail("format", "is neither idx nor cifar-10");
  if (set.sample_shape.size() != 3 || *std::min_element(set.sample_shape.begin(), set.sample_shape.end()) < 1)
    keys.fail("sample_shape", "is not [channels, height, width], all above 0");
  if (!set.archive_sha256.empty()) require_sha256(keys, "archive_sha256", set.archive_sha256);
  const toml::array* files = table["file"].as_array();
  if (!files || files->empty()) keys.fail("file", "is missing; expected [[file]] tables");
  for (std::size_t i = 0; i < files->size(); ++i) {
    const toml::table* entry = (*files)[i].as_table();
    if (!entry) keys.fail("file", "is not a list of tables");
    set.files.push_back(parse_file(*entry, file, i));
  }
  return set;
}

const std::vector<NamedSet>& named_sets() {
  static const std::vector<NamedSet> sets = read_manifests();
  return sets;
}

const NamedSet* find_named_set(const std::string& name) {
  for (const NamedSet& set : named_sets())
    if (set.name == name) return &set;
  return nullptr;
}

std::vector<std::string> search_path(const NamedSet& set, const std::string& folder) {
  std::vector<std::string> given, path;
  if (!folder.empty()) given.push_back(folder);
  std::stringstream list(environment("HULLSCOPE_DATA"));
  for (std::string item; std::getline(list, item, ':');)
    if (!item.empty()) given.push_back(item);

  std::vector<std::string> names = set.subfolders;
  names.insert(names.begin(), set.name);
  for (const std::string& base : given) {
    for (const std::string& name : names) path.push_back(base + "/" + name);
    for (const std::string& name : set.subfolders) path.push_back(base + "/" + set.name + "/" + name);
    path.push_back(base);
  }
  if (!cache_folder(set).empty()) path.push_back(cache_folder(set));
  path.insert(path.end(), set.folders.begin(), set.folders.end());
  return path;
}

std::vector<std::string> candidates(const NamedSet& set, const NamedFile& file, const std::string& folder) {
  std::vector<std::string> found;
  for (const std::string& place : search_path(set, folder))
    for (const char* ending : {"", ".gz"}) {
      const std::string path = place + "/" + file.name + ending;
      std::error_code ignored;
      if (fs::is_regular_file(path, ignored)) found.push_back(path);
    }
  return found;
}

std::string fault_of(const NamedFile& file, const std::string& path) {
  try {
    const std::string digest = detail::unpacked_digest(path);
    return digest == file.sha256 ? "" : "other bytes: SHA-256 " + digest + " after unpacking, expected " + file.sha256;
  } catch (const Error& error) {
    return std::string("damaged or unreadable: ") + error.what();
  }
}

std::string found_folder(const NamedSet& set, const std::string& folder) {
  constexpr std::int64_t kSmall = 1 << 20;  // the labels: enough to tell sets with equal file names apart
  std::string place;
  for (const NamedFile& file : set.files) {
    std::vector<std::string> paths = candidates(set, file, folder);
    if (file.size <= kSmall)
      std::erase_if(paths, [&](const std::string& path) { return !fault_of(file, path).empty(); });
    if (paths.empty()) return "";
    if (place.empty() || file.size <= kSmall) place = fs::path(paths[0]).parent_path().string();
  }
  return place;
}

std::vector<SyntheticSet> synthetic_sets() {
  std::vector<SyntheticSet> sets;
  for (const detail::SyntheticKind& kind : detail::synthetic_kinds()) {
    sets.push_back({kind.name, kind.meaning, {}});
    for (const detail::Parameter& parameter : kind.parameters)
      sets.back().parameters.push_back(
          fmt::format("{:<24} {}", fmt::format("{}={}", parameter.key, parameter.default_value), parameter.meaning));
  }
  return sets;
}

bool is_synthetic_set(const std::string& name) {
  return detail::is_synthetic(name);
}

std::string cache_folder(const NamedSet& set) {
  const std::string cache = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (!cache.empty()) return cache + "/hullscope/" + set.name;
  return home.empty() ? "" : home + "/.cache/hullscope/" + set.name;
}

std::string how_to_get(const NamedSet& set) {
  return (set.package.empty() ? "" : "apt-get install " + set.package + ", or ") + "hullscope datasets fetch " +
         set.name + ", or name its folder in HULLSCOPE_DATA or in the study's data.folder";
}

}  // namespace hullscope::datasets
