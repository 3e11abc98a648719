#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

#include "detail/content.hpp"
#include "detail/hdf5.hpp"
#include "detail/types.hpp"

namespace hullscope::store {
using namespace detail;

struct ArtifactReader::State {
  std::string path;
  Handle file;
  Provenance provenance;
  std::string digest;

  Handle object(const std::string& name) const {
    clear_errors();
    Handle opened(H5Oopen(file.get(), name.c_str(), H5P_DEFAULT), H5Oclose);
    if (!opened) throw DataError(path, name, "is missing or damaged (" + first_error() + ")");
    return opened;
  }
  std::string text(const std::string& name, const std::string& attribute) const {
    const StoredAttribute value = read_attribute(object(name).get(), attribute, path, name);
    if (value.texts.size() != 1) throw DataError(path, name, "the attribute \"" + attribute + "\" is not one text");
    return value.texts[0];
  }
  bool is_ours() const;
  void read_provenance();
  void read_inputs(const std::string& digests);
  void check_origin(const std::string& stage) const;
};

/// Other people's files may have an attribute "format" of any type.
bool ArtifactReader::State::is_ours() const {
  const Handle attribute(H5Aopen(file.get(), "format", H5P_DEFAULT), H5Aclose);
  const Handle type(attribute ? H5Aget_type(attribute.get()) : -1, H5Tclose);
  return type && kind_of(type.get()).text && text("/", "format") == "hullscope";
}

static std::map<std::string, std::string> parse_texts(const std::string& json, const std::string& file,
                                                      const std::string& attribute) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  std::map<std::string, std::string> texts;
  bool valid = parsed.is_object();
  for (auto it = parsed.begin(); valid && it != parsed.end(); ++it) {
    valid = it.value().is_string();
    if (valid) texts[it.key()] = it.value().get<std::string>();
  }
  if (!valid) throw DataError(file, "/", "the attribute \"" + attribute + "\" is not a JSON object of texts");
  return texts;
}

/// `inputs` holds the digests by role (digested), /run's `input_paths` where they were (not digested).
void ArtifactReader::State::read_inputs(const std::string& digests) {
  for (const auto& [role, input_digest] : parse_texts(digests, path, "inputs"))
    provenance.inputs[role].digest = input_digest;
  if (H5Lexists(file.get(), "/run", H5P_DEFAULT) <= 0) return;
  for (const auto& [role, place] : parse_texts(text("/run", "input_paths"), path, "input_paths"))
    if (provenance.inputs.contains(role)) provenance.inputs[role].path = place;
}

void ArtifactReader::State::read_provenance() {
  provenance.stage = text("/", "stage");
  provenance.study_toml = text("/", "study_toml");
  provenance.options_hash = text("/", "options_hash");
  provenance.task_key = text("/", "task_key");
  digest = text("/", "content_digest");
  const StoredAttribute seed = read_attribute(file.get(), "seed", path, "/");
  if (seed.type != "u64" || seed.bytes.size() != 8) throw DataError(path, "/", "the attribute \"seed\" is no u64");
  std::memcpy(&provenance.seed, seed.bytes.data(), 8);
  read_inputs(text("/", "inputs"));
}

static int major_of(const std::string& version) {
  return std::atoi(version.c_str());
}

void ArtifactReader::State::check_origin(const std::string& stage) const {
  if (!is_ours())
    throw DataError(
        path, "/",
        "was not written by hullscope (no attribute format = hullscope); expected the file of stage \"" + stage + "\"");
  const std::string version = text("/", "format_version");
  const int found = major_of(version), ours = major_of(std::string(kFormatVersion));
  if (found != ours)
    throw DataError(path, "/",
                    "has format version " + version + ", this program reads " + std::to_string(ours) + ".x; " +
                        (found > ours ? "use a newer hullscope" : "make the file again with this hullscope"));
  const std::string other = text("/", "stage");
  if (!stage.empty() && other != stage)
    throw DataError(path, "/", "is a file of stage \"" + other + "\"; expected one of stage \"" + stage + "\"");
}

ArtifactReader::ArtifactReader(const std::string& path, const std::string& stage) : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->file = open_for_reading(path);
  const bool ours = state_->is_ours();
  if (!stage.empty()) state_->check_origin(stage);
  if (!stage.empty() || ours) state_->read_provenance();
}
ArtifactReader::~ArtifactReader() = default;
ArtifactReader::ArtifactReader(ArtifactReader&&) noexcept = default;

const Provenance& ArtifactReader::provenance() const {
  return state_->provenance;
}
const std::string& ArtifactReader::content_digest() const {
  return state_->digest;
}

bool ArtifactReader::has(const std::string& path) const {
  if (path == "/") return true;
  // H5Lexists asks for one link at a time: the groups above must be there first.
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    if (H5Lexists(state_->file.get(), path.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) return false;
  return H5Oexists_by_name(state_->file.get(), path.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> ArtifactReader::list(const std::string& group) const {
  const Handle opened = state_->object(group);
  if (H5Iget_type(opened.get()) != H5I_GROUP) throw DataError(state_->path, group, "is a data set; expected a group");
  std::vector<std::string> names;
  const auto take = [](hid_t, const char* name, const H5L_info_t*, void* all) -> herr_t {
    static_cast<std::vector<std::string>*>(all)->emplace_back(name);
    return 0;
  };
  if (H5Literate(opened.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &names) < 0)
    throw DataError(state_->path, group, "its members cannot be listed (" + first_error() + "); the file is damaged");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> ArtifactReader::datasets() const {
  std::vector<std::string> paths;
  for (const auto& [path, is_dataset] : objects_of(state_->file.get(), state_->path))
    if (is_dataset) paths.push_back(path);
  return paths;
}

std::vector<std::int64_t> ArtifactReader::shape(const std::string& path) const {
  return StoredDataset(state_->file.get(), state_->path, path).shape();
}

Type ArtifactReader::type(const std::string& path) const {
  return StoredDataset(state_->file.get(), state_->path, path).type();
}

template <class T>
static std::vector<T> read_checked(const StoredDataset& dataset, const std::string& file, const std::string& path,
                                   std::int64_t first, std::int64_t count) {
  if (!holds(type_of<T>(), dataset.kind()))
    throw DataError(file, path,
                    std::string("holds ") + type_name(dataset.type()) + ", which " + type_name(type_of<T>()) +
                        " cannot hold exactly; expected " + type_name(type_of<T>()) + " or narrower");
  if (first < 0 || count < 0 || first > dataset.rows() - count)
    throw DataError(file, path,
                    "has " + std::to_string(dataset.rows()) + " rows; rows " + std::to_string(first) + " to " +
                        std::to_string(first + count) + " were expected");
  std::vector<T> values(static_cast<std::size_t>(count * dataset.row_elements()));
  dataset.read(type_of<T>(), first, count, values.data());
  return values;
}

template <class T>
std::vector<T> ArtifactReader::read(const std::string& path) const {
  const StoredDataset dataset(state_->file.get(), state_->path, path);
  return read_checked<T>(dataset, state_->path, path, 0, dataset.rows());
}

template <class T>
std::vector<T> ArtifactReader::read_rows(const std::string& path, std::int64_t first, std::int64_t count) const {
  const StoredDataset dataset(state_->file.get(), state_->path, path);
  return read_checked<T>(dataset, state_->path, path, first, count);
}

template <class T>
Matrix<T> ArtifactReader::read_matrix(const std::string& path) const {
  const StoredDataset dataset(state_->file.get(), state_->path, path);
  if (dataset.shape().size() != 2)
    throw DataError(state_->path, path,
                    "has " + std::to_string(dataset.shape().size()) + " dimensions; expected 2, one sample a row");
  if (!holds(type_of<T>(), dataset.kind())) read_checked<T>(dataset, state_->path, path, 0, 0);  // throws
  Matrix<T> matrix(dataset.shape()[0], dataset.shape()[1]);
  dataset.read(type_of<T>(), 0, dataset.rows(), matrix.data());
  return matrix;
}

std::vector<std::string> ArtifactReader::read_text(const std::string& path) const {
  const StoredDataset dataset(state_->file.get(), state_->path, path);
  return dataset.read_text(0, dataset.rows());
}

double ArtifactReader::number(const std::string& object, const std::string& attribute) const {
  const StoredAttribute value = read_attribute(state_->object(object).get(), attribute, state_->path, object);
  const auto as = [&]<class T>(T stored) {
    std::memcpy(&stored, value.bytes.data(), sizeof stored);
    return static_cast<double>(stored);
  };
  const bool one = value.texts.empty() && value.shape.empty();
  if (one && value.type == "u8") return as(std::uint8_t{});
  if (one && value.type == "i32") return as(std::int32_t{});
  if (one && value.type == "i64") return as(std::int64_t{});
  if (one && value.type == "u64") return as(std::uint64_t{});
  if (one && value.type == "f32") return as(float{});
  if (one && value.type == "f64") return as(double{});
  throw DataError(state_->path, object, "the attribute \"" + attribute + "\" is not one number");
}

std::string ArtifactReader::text(const std::string& object, const std::string& attribute) const {
  return state_->text(object, attribute);
}

#define HULLSCOPE_READ(T)                                                                                     \
  template std::vector<T> ArtifactReader::read<T>(const std::string&) const;                                  \
  template std::vector<T> ArtifactReader::read_rows<T>(const std::string&, std::int64_t, std::int64_t) const; \
  template Matrix<T> ArtifactReader::read_matrix<T>(const std::string&) const;
HULLSCOPE_READ(std::uint8_t)
HULLSCOPE_READ(std::int32_t)
HULLSCOPE_READ(std::int64_t)
HULLSCOPE_READ(float)
HULLSCOPE_READ(double)
#undef HULLSCOPE_READ

}  // namespace hullscope::store
