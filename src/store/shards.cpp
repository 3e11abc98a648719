// A shard is made in memory and published as bytes: no file of its name is ever open for writing.
#include <hullscope/store/shards.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

#include "detail/content.hpp"
#include "detail/file_in_progress.hpp"
#include "detail/hdf5.hpp"
#include "detail/types.hpp"

namespace hullscope::store {
using namespace detail;
namespace fs = std::filesystem;

static const char* const kShardFormat = "hullscope-shard";

static std::string shard_path(const std::string& folder, std::int64_t i) {
  char name[32];
  std::snprintf(name, sizeof name, "%06lld.h5", static_cast<long long>(i));
  return folder + "/" + name;
}

/// Reads only attributes.
static bool has_key(const std::string& path, const std::string& key) {
  try {
    const ArtifactReader reader(path);
    return reader.text("/", "format") == kShardFormat && reader.text("/", "task_key") == key;
  } catch (const DataError&) {
    return false;
  }
}

/// Of this key, and its content fits its digest.
static bool is_whole(const std::string& path, const std::string& key) {
  try {
    return has_key(path, key) && ArtifactReader(path).text("/", "content_digest") == compute_content_digest(path);
  } catch (const DataError&) {
    return false;
  }
}

ShardSet::ShardSet(std::string artifact, std::string task_key)
    : folder_(std::move(artifact) + ".parts"), task_key_(std::move(task_key)) {
  std::error_code ignored;  // another rank may be removing the same files
  remove_stale(folder_, "");
  std::vector<fs::path> foreign;
  for (fs::directory_iterator it(folder_, ignored), end; it != end; it.increment(ignored)) {
    const fs::path& path = it->path();
    if (path.extension() == ".h5" && path.filename().string()[0] != '.' && !has_key(path.string(), task_key_))
      foreign.push_back(path);
  }
  for (const fs::path& path : foreign) fs::remove(path, ignored);
}

bool ShardSet::done(std::int64_t i) const {
  const std::string path = shard_path(folder_, i);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return false;
  if (is_whole(path, task_key_)) return true;
  fs::remove(path, ignored);
  return false;
}

static void write_array(hid_t file, const std::string& name, const ShardArray& array) {
  const auto need = [&](bool done) {
    if (!done) throw InternalError("the shard's array " + name + " was refused by HDF5: " + first_error());
  };
  std::visit(
      [&]<class T>(const std::vector<T>& values) {
        const std::vector<std::int64_t> shape{static_cast<std::int64_t>(values.size())};
        if constexpr (std::is_same_v<T, std::string>) {
          const Handle made = create_dataset(file, "/" + name, text_type().get(), shape, 0);
          need(made && write_text_dataset(made.get(), values));
        } else {
          const Handle made = create_dataset(file, "/" + name, file_type(type_of<T>()), shape, 0);
          need(made && (values.empty() || H5Dwrite(made.get(), memory_type(type_of<T>()), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                                   values.data()) >= 0));
        }
      },
      array);
}

void ShardSet::publish(std::int64_t i, const Shard& shard) const {
  const std::string path = shard_path(folder_, i);
  const Handle access = file_access();
  H5Pset_fapl_core(access.get(), 1 << 20, false);
  // An image of a newer file (superblock 3) clears its status flags without renewing the superblock's checksum.
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
  Handle file = create_file(path, access.get());
  if (!file) throw InternalError("HDF5 makes no file in memory: " + first_error());
  for (const auto& [name, array] : shard) write_array(file.get(), name, array);
  const Handle root(H5Gopen2(file.get(), "/", H5P_DEFAULT), H5Gclose);
  const auto put = [&](const char* name, const std::string& value) {
    if (!write_attribute(root.get(), name, value)) throw InternalError("HDF5 refuses an attribute: " + first_error());
  };
  put("format", kShardFormat);
  put("task_key", task_key_);
  put("content_digest", content_digest_of(file.get(), path));
  H5Fflush(file.get(), H5F_SCOPE_GLOBAL);
  const ssize_t size = H5Fget_file_image(file.get(), nullptr, 0);
  std::string bytes(static_cast<std::size_t>(std::max<ssize_t>(size, 0)), '\0');
  if (size <= 0 || H5Fget_file_image(file.get(), bytes.data(), bytes.size()) != size)
    throw InternalError("HDF5 gives no image of a file in memory: " + first_error());
  publish_bytes(path, bytes);
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
