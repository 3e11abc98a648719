// Is a file whole and valid? And the digests.
#include <hdf5_hl.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include <hullscope/base/error.hpp>
#include <hullscope/store/array_digest.hpp>
#include <hullscope/store/artifact.hpp>

#include "detail/content.hpp"
#include "detail/hdf5.hpp"
#include "detail/probe.hpp"
#include "detail/schema_check.hpp"

namespace hullscope::store {
namespace detail {

std::vector<std::string> split_names(std::string_view dimensions) {
  std::vector<std::string> names;
  while (!dimensions.empty()) {
    const auto comma = dimensions.find(',');
    names.emplace_back(dimensions.substr(0, comma));
    dimensions = comma == std::string_view::npos ? "" : dimensions.substr(comma + 1);
  }
  return names;
}

std::string group_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}
std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string scale_path(const std::string& dataset, const std::string& dimension,
                       const std::function<bool(const std::string&)>& exists) {
  for (std::string group = group_of(dataset);; group = group_of(group)) {
    const std::string path = group + "/" + dimension;
    if (exists(path)) return path;
    if (group.empty()) return "";
  }
}

namespace {

class SchemaCheck {
 public:
  SchemaCheck(hid_t file, std::string file_name, const Format& format)
      : file_(file), file_name_(std::move(file_name)), format_(format), objects_(objects_of(file, file_name_)) {
    const StoredAttribute version = read_attribute(file, "format_version", file_name_, "/");
    same_version_ = version.texts.size() == 1 && version.texts[0] == kFormatVersion;
  }

  std::vector<std::string> run() {
    for (const Field& field : format_.fields)
      if (!field.optional && field.path.find('*') == std::string_view::npos && !is_dataset(std::string(field.path)))
        add(std::string(field.path), "is missing");
    for (const auto& [path, dataset] : objects_)
      if (dataset) guarded(path);
    return std::move(faults_);
  }

 private:
  void add(const std::string& path, const std::string& sentence) {
    faults_.push_back(DataError(file_name_, path, sentence).what());
  }
  bool is_dataset(const std::string& path) const {
    const auto it = objects_.find(path);
    return it != objects_.end() && it->second;
  }
  void guarded(const std::string& path) {
    try {
      check(path);
    } catch (const DataError& error) {
      faults_.emplace_back(error.what());
    }
  }
  void check(const std::string& path);
  void check_index_scale(const StoredDataset& dataset, const std::string& path);
  void check_text(const StoredDataset& dataset, const std::string& path, const char* name, std::string_view expected);
  void check_scale(const StoredDataset& dataset, const std::string& path, unsigned axis, const std::string& dimension);

  hid_t file_;
  std::string file_name_;
  const Format& format_;
  std::map<std::string, bool> objects_;
  bool same_version_ = false;  ///< words may differ between versions of the format
  std::vector<std::string> faults_;
};

void SchemaCheck::check(const std::string& path) {
  const StoredDataset dataset(file_, file_name_, path);
  const Field* const field = find_field(format_, path);
  if (!field) return check_index_scale(dataset, path);
  if (dataset.type() != field->type)
    add(path, std::string("holds ") + type_name(dataset.type()) + "; expected " + type_name(field->type));
  check_text(dataset, path, "units", field->units);
  if (same_version_) check_text(dataset, path, "long_name", field->long_name);
  const auto names = split_names(field->dimensions);
  const bool any = field->dimensions == "*";
  if (!any && names.size() != dataset.shape().size())
    return add(path, "has " + std::to_string(dataset.shape().size()) + " dimensions; expected " +
                         (names.empty() ? "a scalar" : std::string(field->dimensions)));
  for (unsigned axis = 0; axis < dataset.shape().size(); ++axis)
    check_scale(dataset, path, axis, any ? "" : names[axis]);
}

/// A scale that the table does not list counts 0, 1, 2, ... along a dimension.
void SchemaCheck::check_index_scale(const StoredDataset& dataset, const std::string& path) {
  if (H5DSis_scale(dataset.id()) <= 0 || dataset.type() != Type::i64 || dataset.shape().size() != 1)
    return add(path, "is not part of a file of stage " + std::string(format_.stage));
  std::vector<std::int64_t> values(static_cast<std::size_t>(dataset.rows()));
  dataset.read(Type::i64, 0, dataset.rows(), values.data());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] != static_cast<std::int64_t>(i))
      return add(path,
                 "holds " + std::to_string(values[i]) + " at " + std::to_string(i) + "; expected an index from 0");
}

void SchemaCheck::check_text(const StoredDataset& dataset, const std::string& path, const char* name,
                             std::string_view expected) {
  const StoredAttribute found = read_attribute(dataset.id(), name, file_name_, path);
  if (found.texts.size() != 1 || found.texts[0] != expected)
    add(path, std::string("has the ") + name + " \"" + (found.texts.empty() ? "" : found.texts[0]) + "\"; expected \"" +
                  std::string(expected) + "\"");
}

/// `dimension` "": any scale will do.
void SchemaCheck::check_scale(const StoredDataset& dataset, const std::string& path, unsigned axis,
                              const std::string& dimension) {
  const auto exists = [&](const std::string& candidate) { return is_dataset(candidate); };
  const std::string wanted = dimension.empty() ? "" : scale_path(path, dimension, exists);
  if (!dimension.empty() && wanted.empty())
    return add(path, "has no dimension scale \"" + dimension + "\" beside or above it");
  if (wanted == path) {  // the scale itself
    if (H5DSis_scale(dataset.id()) <= 0) add(path, "is not marked as a dimension scale");
    return;
  }
  struct Search {
    std::set<haddr_t> addresses;
    bool fits;
    std::int64_t length;
  } search{{}, true, dataset.shape()[axis]};
  const auto take = [](hid_t, unsigned, hid_t scale, void* data) -> herr_t {
    auto& s = *static_cast<Search*>(data);
    H5O_info_t info;
    if (H5Oget_info(scale, &info) < 0) return -1;
    s.addresses.insert(info.addr);
    const Handle space(H5Dget_space(scale), H5Sclose);
    s.fits &= shape_of(space.get()) == std::vector<std::int64_t>{s.length};
    return 0;
  };
  if (H5DSiterate_scales(dataset.id(), axis, nullptr, take, &search) < 0 || search.addresses.empty())
    return add(path, "has no dimension scale attached to dimension " + std::to_string(axis));
  H5O_info_t info;
  if (!wanted.empty() && (H5Oget_info_by_name(file_, wanted.c_str(), &info, H5P_DEFAULT) < 0 ||
                          search.addresses != std::set<haddr_t>{info.addr}))
    add(path, "has another scale than " + wanted + " attached to dimension " + std::to_string(axis));
  if (!search.fits) add(path, "and its dimension scale differ in length along dimension " + std::to_string(axis));
}

}  // namespace

std::vector<std::string> schema_faults(hid_t file, const std::string& file_name, const Format& format) {
  return SchemaCheck(file, file_name, format).run();
}

}  // namespace detail

using namespace detail;

std::vector<std::string> check_artifact(const std::string& path) {
  std::vector<std::string> faults;
  try {
    const std::string stage = ArtifactReader(path).provenance().stage;
    const ArtifactReader reader(path, stage.empty() ? "any" : stage);  // its sentence says what is foreign
    const auto& table = formats();
    const auto format = std::find_if(table.begin(), table.end(), [&](const Format& f) { return f.stage == stage; });
    if (format == table.end())
      throw DataError(path, "/", "is of the unknown stage \"" + stage + "\"; use the hullscope that wrote it");
    const Handle file = open_for_reading(path);
    if (const std::string found = content_digest_of(file.get(), path); found != reader.content_digest())
      faults.push_back(DataError(path, "/",
                                 "its content was changed: content_digest says " + reader.content_digest() +
                                     ", the content gives " + found)
                           .what());
    for (const std::string& fault : schema_faults(file.get(), path, *format)) faults.push_back(fault);
  } catch (const Error& error) {
    faults.emplace_back(error.what());
  }
  return faults;
}

std::string compute_content_digest(const std::string& path) {
  const Handle file = open_for_reading(path);
  return content_digest_of(file.get(), path);
}

std::string dataset_digest(const std::string& path, const std::string& dataset) {
  const Handle file = open_for_reading(path);
  Digest digest;
  StoredDataset(file.get(), path, dataset).add_to(digest);
  return digest.hex();
}

std::string array_digest(const std::string& type_name, const std::vector<std::int64_t>& shape, const void* bytes,
                         std::size_t size) {
  Digest digest;
  add_header(digest, type_name, shape);
  digest.update(bytes, size);
  return digest.hex();
}

ArrayDigest::ArrayDigest(const std::string& type_name, const std::vector<std::int64_t>& shape) {
  add_header(digest_, type_name, shape);
}

void try_together(const std::vector<std::string>& paths) {
  probe_together(paths);
}

bool is_done(const std::string& path, const std::string& task_key, bool* other_key) {
  if (other_key) *other_key = false;
  try {
    const ArtifactReader reader(path);
    if (reader.content_digest().empty() || reader.text("/", "format") != "hullscope") return false;
    const bool same = reader.provenance().task_key == task_key &&
                      std::atoi(reader.text("/", "format_version").c_str()) == std::atoi(kFormatVersion.data());
    if (other_key) *other_key = !same;
    return same;
  } catch (const DataError&) {
    return false;  // missing, torn or foreign: not done, which is all that is asked
  }
}

}  // namespace hullscope::store
