#include <hullscope/store/shards.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <utility>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

#include "detail/content.hpp"
#include "detail/file_in_progress.hpp"
#include "detail/hdf5.hpp"
#include "detail/probe.hpp"
#include "detail/types.hpp"

namespace hullscope::store {
using namespace detail;
namespace fs = std::filesystem;

static const std::string kShardFormat = "hullscope-shard";

static std::string shard_path(const std::string& folder, std::int64_t i) {
  char name[32];
  std::snprintf(name, sizeof name, "%06lld.h5", static_cast<long long>(i));
  return folder + "/" + name;
}

static bool is_of(const ArtifactReader& shard, const std::string& key) {
  return shard.text("/", "format") == kShardFormat && shard.text("/", "task_key") == key;
}

/// Reads only attributes.
static bool has_key(const std::string& path, const std::string& key) {
  try {
    return is_of(ArtifactReader(path), key);
  } catch (const DataError&) {
    return false;
  }
}

/// Of this key, and its content fits its digest.
static bool is_whole(const std::string& path, const std::string& key) {
  try {
    const ArtifactReader shard(path);
    return is_of(shard, key) && shard.text("/", "content_digest") == compute_content_digest(path);
  } catch (const DataError&) {
    return false;
  }
}

/// A stage asks several times which shards are done, of hundreds perhaps. What was found whole once needs no second
/// look.
class FoundWhole {
 public:
  bool knows(const std::string& path, const std::string& key) const {
    struct stat info;
    return stat(path.c_str(), &info) == 0 && found_.contains({identity_of(info), key});
  }
  void note(const std::string& path, const std::string& key) {
    struct stat info;
    if (stat(path.c_str(), &info) == 0) found_.emplace(identity_of(info), key);
  }

 private:
  std::set<std::pair<Identity, std::string>> found_;
};

static FoundWhole found_whole;  // by this process

bool has_foreign_shards(const std::string& artifact, const std::string& task_key) {
  std::error_code none;
  for (fs::directory_iterator it(artifact + ".parts", none), end; it != end; it.increment(none)) {
    const fs::path& path = it->path();
    if (path.extension() != ".h5" || path.filename().string()[0] == '.') continue;
    try {
      const ArtifactReader reader(path.string());
      if (reader.text("/", "format") == kShardFormat && reader.text("/", "task_key") != task_key) return true;
    } catch (const DataError&) {  // damaged: not worth keeping
    }
  }
  return false;
}

ShardSet::ShardSet(std::string artifact, std::string task_key)
    : folder_(std::move(artifact) + ".parts"), task_key_(std::move(task_key)) {
  std::error_code ignored;  // another rank may be removing the same files
  remove_stale(folder_, "");
  std::vector<std::string> shards;
  for (fs::directory_iterator it(folder_, ignored), end; it != end; it.increment(ignored))
    if (it->path().extension() == ".h5" && it->path().filename().string()[0] != '.')
      shards.push_back(it->path().string());
  probe_together(shards);
  for (const std::string& path : shards)
    if (!found_whole.knows(path, task_key_) && !has_key(path, task_key_)) fs::remove(path, ignored);
}

bool ShardSet::done(std::int64_t i) const {
  const std::string path = shard_path(folder_, i);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return false;
  if (found_whole.knows(path, task_key_)) return true;
  if (is_whole(path, task_key_)) return found_whole.note(path, task_key_), true;
  fs::remove(path, ignored);
  return false;
}

static bool write_array(hid_t file, const std::string& path, const ShardArray& array) {
  return std::visit(
      [&]<class T>(const std::vector<T>& values) {
        const std::vector<std::int64_t> shape{static_cast<std::int64_t>(values.size())};
        if constexpr (std::is_same_v<T, std::string>) {
          const Handle made = create_dataset(file, path, text_type().get(), shape, 0);
          return made && write_text_dataset(made.get(), values);
        } else {
          constexpr Type type = type_of<T>();
          const Handle made = create_dataset(file, path, file_type(type), shape, 0);
          return made && (values.empty() ||
                          H5Dwrite(made.get(), memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
        }
      },
      array);
}

/// More than the shard's file will hold.
static std::uint64_t bytes_of(const Shard& shard) {
  std::uint64_t bytes = 64 << 10;
  for (const auto& [name, array] : shard) {
    bytes += 4096 + name.size();
    const std::uint64_t size = std::visit([](const auto& values) { return values.size() * sizeof(values[0]); }, array);
    bytes += size + (size > kChunkBytes ? kChunkBytes : 0);  // the last chunk is whole
    if (const auto* texts = std::get_if<std::vector<std::string>>(&array))
      for (const std::string& text : *texts) bytes += text.size() + 64;
  }
  return bytes;
}

void ShardSet::publish(std::int64_t i, const Shard& shard) const {
  const std::string path = shard_path(folder_, i);
  Handle file;
  FileInProgress in_progress(path);
  in_progress.reserve(bytes_of(shard));
  const auto need = [&](bool done) {
    if (!done)
      throw EnvironmentError("cannot write " + path + ": " + first_error() +
                             "; free some space, or choose another output folder");
  };
  file = create_file(in_progress.path(), file_access().get());
  need(static_cast<bool>(file));
  for (const auto& [name, array] : shard) need(write_array(file.get(), "/" + name, array));
  Handle root(H5Gopen2(file.get(), "/", H5P_DEFAULT), H5Gclose);
  need(write_attribute(root.get(), "format", kShardFormat));
  need(write_attribute(root.get(), "task_key", task_key_));
  need(write_attribute(root.get(), "content_digest", content_digest_of(file.get(), path)));
  root.reset();
  need(H5Fflush(file.get(), H5F_SCOPE_GLOBAL) >= 0 && file.reset());
  in_progress.publish();
}

void ShardSet::try_together(std::int64_t begin, std::int64_t end) const {
  std::vector<std::string> paths;
  for (std::int64_t i = begin; i < end; ++i) paths.push_back(shard_path(folder_, i));
  probe_together(paths);
}

Shard ShardSet::read(std::int64_t i) const {
  const std::string path = shard_path(folder_, i);
  if (!is_whole(path, task_key_)) throw DataError(path, "/", "is damaged or of another task; run the stage again");
  const ArtifactReader reader(path);
  Shard shard;
  for (const std::string& name : reader.list("/")) {
    const auto read = [&]<class T>(T) { shard[name] = reader.read<T>("/" + name); };
    switch (reader.type("/" + name)) {
      case Type::u8:
        read(std::uint8_t{});
        break;
      case Type::i32:
        read(std::int32_t{});
        break;
      case Type::i64:
        read(std::int64_t{});
        break;
      case Type::f32:
        read(float{});
        break;
      case Type::f64:
        read(double{});
        break;
      case Type::text:
        shard[name] = reader.read_text("/" + name);
    }
  }
  return shard;
}

void ShardSet::remove() const {
  std::error_code error;
  fs::remove_all(folder_, error);
  if (error) throw EnvironmentError("cannot remove " + folder_ + ": " + reason_of(error.value()));
}

}  // namespace hullscope::store
