#include "content.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <set>

#include <hullscope/base/error.hpp>

#include "file_in_progress.hpp"
#include "probe.hpp"

namespace hullscope::store::detail {

static_assert(std::endian::native == std::endian::little, "digests are over little-endian values in memory");

// ---------------------------------------------------------------------------------------------------- data sets

StoredDataset::StoredDataset(hid_t file, std::string file_name, std::string path)
    : file_name_(std::move(file_name)), path_(std::move(path)) {
  clear_errors();
  dataset_ = Handle(H5Dopen2(file, path_.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset_) {
    const std::string reason = first_error();
    Handle object(H5Oopen(file, path_.c_str(), H5P_DEFAULT), H5Oclose);
    if (object && H5Iget_type(object.get()) == H5I_GROUP) fail("is a group; expected a data set, name one inside it");
    fail("the data set is missing or damaged (" + reason + ")");
  }
  type_ = Handle(H5Dget_type(id()), H5Tclose);
  kind_ = type_ ? kind_of(type_.get()) : Kind{};
  if (!kind_.known) fail("holds neither numbers of 8 to 64 bits nor text; store it as one of these");
  const Handle space(H5Dget_space(id()), H5Sclose);
  const H5S_class_t space_class = H5Sget_simple_extent_type(space.get());
  if (space_class != H5S_SIMPLE && space_class != H5S_SCALAR) fail("has an empty data space; expected an array");
  shape_ = shape_of(space.get());
  H5Fget_filesize(file, &file_size_);
  check_claims();
}

void StoredDataset::fail(const std::string& sentence) const {
  throw DataError(file_name_, path_, sentence);
}

std::int64_t StoredDataset::row_elements() const {
  return shape_.empty() ? 1 : product(std::vector<std::int64_t>(shape_.begin() + 1, shape_.end()));
}

/// Deflate shrinks by at most 1032 to 1 (zlib's documentation), so a data set that claims more is lying or was never
/// filled; the other usual filters shrink less on real data.
static constexpr hsize_t kMostCompression = 1032;

void StoredDataset::check_claims() const {
  const std::int64_t n = product(shape_);
  hsize_t bytes = 0;
  if (n < 0 || __builtin_mul_overflow(static_cast<hsize_t>(n), H5Tget_size(type_.get()), &bytes))
    fail("claims more elements than a machine can address; the file is damaged");
  const Handle creation(H5Dget_create_plist(id()), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(creation.get());
  if (layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(creation.get()) != 0))
    fail("keeps its values in other files; copy them into a plain data set");
  if (bytes == 0) return;

  const hsize_t stored = H5Dget_storage_size(id());
  const auto told = [&] { return std::to_string(bytes) + " bytes by its shape, but "; };
  if (stored > file_size_ || (layout == H5D_CONTIGUOUS && stored > 0 && H5Dget_offset(id()) > file_size_ - stored))
    fail("has " + told() + "the whole file has only " + std::to_string(file_size_) + "; it is damaged or cut off");
  const bool filtered = layout == H5D_CHUNKED && H5Pget_nfilters(creation.get()) > 0;
  if (filtered ? bytes / kMostCompression > stored : bytes > stored)
    fail("has " + told() + std::to_string(stored) + " are stored; write all of it");
  if (layout != H5D_CHUNKED) return;

  hsize_t chunk[H5S_MAX_RANK] = {};
  const int rank = H5Pget_chunk(creation.get(), H5S_MAX_RANK, chunk);
  hsize_t chunk_bytes = H5Tget_size(type_.get());
  bool overflow = false;
  for (int i = 0; i < rank; ++i) overflow |= __builtin_mul_overflow(chunk_bytes, chunk[i], &chunk_bytes);
  if (overflow || chunk_bytes / kMostCompression > std::max<hsize_t>(stored, 1024))
    fail("has chunks larger than all that is stored; the file is damaged");
}

Handle StoredDataset::select(std::int64_t first, std::int64_t count, Handle& memory) const {
  if (first < 0 || count < 0 || first > rows() || count > rows() - first)
    throw InternalError("rows " + std::to_string(first) + " to " + std::to_string(first + count) + " of " + path_ +
                        " in " + file_name_ + " were asked for, of " + std::to_string(rows()));
  Handle space(H5Dget_space(id()), H5Sclose);
  memory = make_space({count * row_elements()});
  if (shape_.empty()) return space;
  std::vector<hsize_t> start(shape_.size(), 0), size(shape_.begin(), shape_.end());
  start[0] = static_cast<hsize_t>(first);
  size[0] = static_cast<hsize_t>(count);
  H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr);
  return space;
}

void StoredDataset::read(Type as, std::int64_t first, std::int64_t count, void* out) const {
  Handle memory;
  const Handle selection = select(first, count, memory);
  const std::int64_t n = count * row_elements();
  if (n == 0) return;
  const bool large_unsigned = as == Type::i64 && !kind_.floating && !kind_.is_signed && kind_.bits == 64;
  // An enumeration (h5py's bool) is read as it stands, one byte; the others HDF5 converts.
  const hid_t type = kind_.boolean ? type_.get() : large_unsigned ? H5T_NATIVE_UINT64 : memory_type(as);
  clear_errors();
  std::vector<std::uint8_t> bytes(kind_.boolean ? static_cast<std::size_t>(n) : 0);
  void* const target = kind_.boolean ? bytes.data() : out;
  if (H5Dread(id(), type, memory.get(), selection.get(), H5P_DEFAULT, target) < 0)
    fail("cannot be read (" + first_error() + "); the file is damaged");
  if (kind_.boolean && as != Type::u8) {
    const Handle space = make_space({n});
    std::vector<std::uint8_t> wide(static_cast<std::size_t>(n) * type_size(as));
    std::copy(bytes.begin(), bytes.end(), wide.begin());
    H5Tconvert(H5T_NATIVE_UINT8, memory_type(as), static_cast<std::size_t>(n), wide.data(), nullptr, H5P_DEFAULT);
    std::memcpy(out, wide.data(), wide.size());
  } else if (kind_.boolean) {
    std::memcpy(out, bytes.data(), bytes.size());
  }
  if (large_unsigned) {
    const auto* const values = static_cast<const std::int64_t*>(out);
    if (std::any_of(values, values + n, [](std::int64_t v) { return v < 0; }))
      fail("holds an unsigned number above 2^63 - 1; expected numbers that fit 64 signed bits");
  }
}

void StoredDataset::read_variable_text(hid_t memory, hid_t selection, std::int64_t n,
                                       std::vector<std::string>& texts) const {
  std::vector<char*> pointers(static_cast<std::size_t>(n), nullptr);
  const Handle type(H5Tcopy(type_.get()), H5Tclose);
  if (H5Dread(id(), type.get(), memory, selection, H5P_DEFAULT, pointers.data()) < 0)
    fail("cannot be read (" + first_error() + "); the file is damaged");
  for (const char* text : pointers) texts.emplace_back(text ? text : "");
  H5Dvlen_reclaim(type.get(), memory, H5P_DEFAULT, pointers.data());
}

/// A fixed-length string without its padding.
static std::string without_padding(std::string text, H5T_str_t padding) {
  if (padding == H5T_STR_NULLTERM) return text.substr(0, text.find('\0'));
  const char pad = padding == H5T_STR_SPACEPAD ? ' ' : '\0';
  return text.substr(0, text.find_last_not_of(pad) + 1);
}

void StoredDataset::read_fixed_text(hid_t memory, hid_t selection, std::int64_t n,
                                    std::vector<std::string>& texts) const {
  const std::size_t size = H5Tget_size(type_.get());
  std::string bytes(static_cast<std::size_t>(n) * size, '\0');
  if (H5Dread(id(), type_.get(), memory, selection, H5P_DEFAULT, bytes.data()) < 0)
    fail("cannot be read (" + first_error() + "); the file is damaged");
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
    texts.push_back(without_padding(bytes.substr(i * size, size), H5Tget_strpad(type_.get())));
}

std::vector<std::string> StoredDataset::read_text(std::int64_t first, std::int64_t count) const {
  if (!kind_.text) fail(std::string("holds ") + type_name(type()) + "; expected text");
  std::vector<std::string> texts;
  std::size_t total = 0;
  // In small blocks: many entries may point at one long text, which only a hostile file would do.
  const std::int64_t block = std::max<std::int64_t>(1, 64 / std::max<std::int64_t>(1, row_elements()));
  for (std::int64_t at = first; at < first + count; at += block) {
    Handle memory;
    const std::int64_t n = std::min(block, first + count - at);
    const Handle selection = select(at, n, memory);
    if (n * row_elements() == 0) continue;
    clear_errors();
    const std::size_t before = texts.size();
    if (kind_.variable_length)
      read_variable_text(memory.get(), selection.get(), n * row_elements(), texts);
    else
      read_fixed_text(memory.get(), selection.get(), n * row_elements(), texts);
    for (std::size_t i = before; i < texts.size(); ++i) total += texts[i].size();
    if (kind_.variable_length && total > file_size_) fail("holds more text than the file has bytes; it is damaged");
  }
  return texts;
}

static void add_number(Digest& digest, std::int64_t value) {
  digest.update(&value, sizeof value);
}

void add_header(Digest& digest, const std::string& type, const std::vector<std::int64_t>& shape) {
  digest.update_text(type);
  add_number(digest, static_cast<std::int64_t>(shape.size()));
  for (const std::int64_t n : shape) add_number(digest, n);
}

void StoredDataset::add_to(Digest& digest) const {
  add_header(digest, type_name(type()), shape_);
  constexpr std::int64_t kBlock = 8 << 20;  // bytes read at once
  const auto row_bytes = static_cast<std::int64_t>(type_size(type())) * row_elements();
  const std::int64_t block =
      kind_.text ? 4096 : std::max<std::int64_t>(1, kBlock / std::max<std::int64_t>(1, row_bytes));
  std::vector<std::uint8_t> buffer;
  for (std::int64_t first = 0; first < rows() && row_elements() > 0; first += block) {
    const std::int64_t n = std::min(block, rows() - first);
    if (kind_.text) {
      for (const std::string& text : read_text(first, n)) digest.update_text(text);
    } else {
      buffer.resize(static_cast<std::size_t>(n * row_bytes));
      read(type(), first, n, buffer.data());
      digest.update(buffer.data(), buffer.size());
    }
  }
}

// --------------------------------------------------------------------------------------------------- attributes

std::vector<std::string> attribute_names(hid_t object) {
  std::vector<std::string> names;
  const auto take = [](hid_t, const char* name, const H5A_info_t*, void* all) -> herr_t {
    static_cast<std::vector<std::string>*>(all)->emplace_back(name);
    return 0;
  };
  H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &names);
  std::sort(names.begin(), names.end());
  return names;
}

static void read_attribute_texts(hid_t attribute, hid_t type, hid_t space, std::size_t n, bool variable,
                                 StoredAttribute& result, bool& failed) {
  if (variable) {
    std::vector<char*> pointers(n, nullptr);
    failed = H5Aread(attribute, type, pointers.data()) < 0;
    if (failed) return;
    for (const char* text : pointers) result.texts.emplace_back(text ? text : "");
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
    return;
  }
  const std::size_t size = H5Tget_size(type);
  std::string bytes(n * size, '\0');
  failed = H5Aread(attribute, type, bytes.data()) < 0;
  for (std::size_t i = 0; i < n && !failed; ++i)
    result.texts.push_back(without_padding(bytes.substr(i * size, size), H5Tget_strpad(type)));
}

StoredAttribute read_attribute(hid_t object, const std::string& name, const std::string& file_name,
                               const std::string& path) {
  const auto fail = [&](const std::string& sentence) { throw DataError(file_name, path, sentence); };
  clear_errors();
  if (H5Aexists(object, name.c_str()) <= 0) fail("has no attribute \"" + name + "\"");
  const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  if (!attribute) fail("the attribute \"" + name + "\" cannot be read (" + first_error() + "); the file is damaged");
  const Handle type(H5Aget_type(attribute.get()), H5Tclose), space(H5Aget_space(attribute.get()), H5Sclose);
  const Kind kind = kind_of(type.get());
  StoredAttribute result;
  result.shape = shape_of(space.get());
  const std::int64_t n = product(result.shape);
  constexpr std::int64_t kMost = 1 << 20;  // elements; ours have one
  if (n < 0 || n > kMost || H5Tget_size(type.get()) > (64u << 20) || H5Sget_simple_extent_type(space.get()) == H5S_NULL)
    fail("the attribute \"" + name + "\" claims an impossible size; the file is damaged");
  bool failed = false;
  if (kind.text) {
    result.type = type_name(Type::text);
    read_attribute_texts(attribute.get(), type.get(), space.get(), static_cast<std::size_t>(n), kind.variable_length,
                         result, failed);
  } else if (kind.known && !kind.boolean) {
    const bool u64 = !kind.floating && !kind.is_signed && kind.bits == 64;
    const Type as = canonical(kind);
    result.type = u64 ? "u64" : type_name(as);
    result.bytes.resize(static_cast<std::size_t>(n) * type_size(as));
    failed = H5Aread(attribute.get(), u64 ? H5T_NATIVE_UINT64 : memory_type(as), result.bytes.data()) < 0;
  } else {
    fail("the attribute \"" + name + "\" is neither number nor text");
  }
  if (failed) fail("the attribute \"" + name + "\" cannot be read (" + first_error() + "); the file is damaged");
  return result;
}

// ------------------------------------------------------------------------------------------------------ objects

namespace {

struct Walk {
  hid_t file;
  const std::string& file_name;
  bool strict;
  std::map<std::string, bool> objects;
  std::set<haddr_t> seen;

  void add(const std::string& path, int depth);
  void add_members(hid_t group, const std::string& path, int depth);
};

void Walk::add(const std::string& path, int depth) {
  if (depth > 32 && strict) throw DataError(file_name, path, "stands more than 32 groups deep; the file is damaged");
  const Handle object(H5Oopen(file, path.c_str(), H5P_DEFAULT), H5Oclose);
  H5O_info_t info;
  const bool opened = object && H5Oget_info(object.get(), &info) >= 0;
  if (!opened && !strict) return;
  if (!opened) throw DataError(file_name, path, "cannot be opened (" + first_error() + "); the file is damaged");
  const bool is_new = seen.insert(info.addr).second;
  const bool is_ours = info.type == H5O_TYPE_GROUP || info.type == H5O_TYPE_DATASET;
  if (!strict && !(is_new && is_ours)) return;
  if (!is_new) throw DataError(file_name, path, "is a second name of another object");
  if (!is_ours) throw DataError(file_name, path, "is neither a group nor a data set");
  objects[path] = info.type == H5O_TYPE_DATASET;
  if (info.type == H5O_TYPE_GROUP && depth <= 32) add_members(object.get(), path, depth);
}

void Walk::add_members(hid_t group, const std::string& path, int depth) {
  std::vector<std::pair<std::string, H5L_type_t>> links;
  const auto take = [](hid_t, const char* name, const H5L_info_t* info, void* all) -> herr_t {
    static_cast<decltype(links)*>(all)->emplace_back(name, info->type);
    return 0;
  };
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &links) < 0 && strict)
    throw DataError(file_name, path, "its members cannot be listed (" + first_error() + "); the file is damaged");
  for (const auto& [name, type] : links) {
    const std::string member = (path == "/" ? "" : path) + "/" + name;
    const bool hard = type == H5L_TYPE_HARD;
    if (strict ? member == "/run" : !hard) continue;
    if (!hard) throw DataError(file_name, member, "is a soft or external link; expected the object");
    add(member, depth + 1);
  }
}

}  // namespace

std::map<std::string, bool> objects_of(hid_t file, const std::string& file_name, bool strict) {
  clear_errors();
  Walk walk{file, file_name, strict, {}, {}};
  walk.add("/", 0);
  return std::move(walk.objects);
}

/// Attributes that say where things stand in the file, not what they are: those of dimension scales, and the digest.
static bool is_scientific(const std::string& attribute) {
  static const std::set<std::string> outside = {
      "content_digest", "CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates"};
  return !outside.contains(attribute);
}

std::string content_digest_of(hid_t file, const std::string& file_name) {
  Digest digest;
  for (const auto& [path, is_dataset] : objects_of(file, file_name)) {
    digest.update_text(path);
    const Handle object(H5Oopen(file, path.c_str(), H5P_DEFAULT), H5Oclose);
    std::vector<std::string> names = attribute_names(object.get());
    std::erase_if(names, [](const std::string& name) { return !is_scientific(name); });
    add_number(digest, static_cast<std::int64_t>(names.size()));
    for (const std::string& name : names) {
      const StoredAttribute attribute = read_attribute(object.get(), name, file_name, path);
      digest.update_text(name);
      add_header(digest, attribute.type, attribute.shape);
      digest.update(attribute.bytes.data(), attribute.bytes.size());
      for (const std::string& text : attribute.texts) digest.update_text(text);
    }
    digest.update_text(is_dataset ? "dataset" : "group");
    if (is_dataset) StoredDataset(file, file_name, path).add_to(digest);
  }
  return digest.hex();
}

Handle open_for_reading(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    throw DataError(path, "", std::string(std::strerror(errno)) + "; expected an HDF5 file, check the name");
  if (!S_ISREG(info.st_mode)) throw DataError(path, "", "is not a plain file; expected an HDF5 file");
  if (access(path.c_str(), R_OK) != 0) throw EnvironmentError("cannot read " + path + ": " + reason_of(errno));
  if (info.st_size == 0) throw DataError(path, "offset 0", "is empty (0 bytes); expected an HDF5 file");
  start();
  if (H5Fis_hdf5(path.c_str()) <= 0) {
    clear_errors();
    throw DataError(path, "offset 0", "is not an HDF5 file; expected the signature \\x89HDF");
  }
  if (!survives_probe(path, info))
    throw DataError(path, "", "is damaged so badly that the HDF5 library crashes on it; make the file again");
  clear_errors();
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, file_access().get()), H5Fclose);
  if (!file) throw DataError(path, "", "is an HDF5 file that is cut off or damaged (" + first_error() + ")");
  return file;
}

}  // namespace hullscope::store::detail
