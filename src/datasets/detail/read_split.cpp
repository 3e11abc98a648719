// From the name of a set to the samples of one split: synthetic sets, named sets, users' own arrays.
#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>

#include <fmt/format.h>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/array.hpp>
#include <hullscope/datasets/detail/elements.hpp>
#include <hullscope/datasets/detail/readers.hpp>
#include <hullscope/datasets/detail/samples.hpp>
#include <hullscope/datasets/detail/shift.hpp>
#include <hullscope/datasets/detail/synthetic.hpp>
#include <hullscope/datasets/registry.hpp>
#include <hullscope/parallel/progress.hpp>

namespace hullscope::datasets::detail {

namespace {

// ---- named sets

/// What one file of a named set gives: samples, labels or both.
struct Piece {
  std::vector<std::byte> values;
  std::vector<std::int64_t> labels;
};

void require_digest(const std::string& path, const std::string& found, const NamedSet& set, const NamedFile& file) {
  if (found != file.sha256)
    throw DataError(path, "",
                    fmt::format("these are not the bytes of {} ({}): their SHA-256 is {} after unpacking; expected {}",
                                set.name, file.name, found, file.sha256));
}

Piece read_idx_piece(const std::string& path, const NamedSet& set, const NamedFile& file) {
  std::string digest;
  Array array = read_file(path, &digest);
  std::vector<std::int64_t> expected = {file.samples};
  if (file.role == "samples")
    for (const std::int64_t axis : set.sample_shape)
      if (axis != 1 || expected.size() > 1) expected.push_back(axis);  // one channel is no axis of an IDX file
  if (array.type != "u8" || array.shape != expected)
    throw DataError(path, "header",
                    fmt::format("holds {} values of type {}; expected {} bytes ({})", shape_text(array.shape),
                                array.type, shape_text(expected), set.name));
  Piece piece;
  if (file.role == "samples") {
    piece.values = std::move(array.bytes);
  } else {
    piece.labels = as_labels(array);
    for (std::size_t i = 0; i < piece.labels.size(); ++i)
      if (piece.labels[i] >= set.classes)
        throw DataError(path, fmt::format("label {}", i),
                        fmt::format("is {}; expected 0 to {}", piece.labels[i], set.classes - 1));
  }
  require_digest(path, digest, set, file);
  return piece;
}

Piece read_cifar_piece(const std::string& path, const NamedSet& set, const NamedFile& file) {
  CifarRecords records = read_cifar(path);
  if (static_cast<std::int64_t>(records.labels.size()) != file.samples)
    throw DataError(path, "",
                    fmt::format("holds {} records of 3073 bytes; expected {}", records.labels.size(), file.samples));
  require_digest(path, records.digest, set, file);
  return {std::move(records.pixels), std::move(records.labels)};
}

/// Reads the first of the file's places that holds the right bytes; the others are passed over with a warning.
Piece read_piece(const NamedSet& set, const NamedFile& file, const std::string& folder) {
  std::optional<DataError> first;
  const std::vector<std::string> paths = candidates(set, file, folder);
  for (const std::string& path : paths) {
    try {
      return set.format == "idx" ? read_idx_piece(path, set, file) : read_cifar_piece(path, set, file);
    } catch (const DataError& error) {
      if (path != paths.back()) parallel::log_warning(std::string("passed over: ") + error.what());
      if (!first) first = error;
    }
  }
  if (first) throw *first;
  throw EnvironmentError(fmt::format("data set {}: {} is not on this machine (looked in {}); {}", set.name, file.name,
                                     join(search_path(set, folder)), how_to_get(set)));
}

Samples read_named(const NamedSet& set, const SetRequest& request) {
  const std::int64_t all = set.samples(request.split);
  if (request.limit > all)
    throw UsageError(fmt::format("the first {} {} samples of {} are asked for; it has {}", request.limit, request.split,
                                 set.name, all));
  const std::int64_t wanted = request.limit > 0 ? request.limit : all;
  Samples samples;
  samples.pixels = true;
  samples.sample_shape = set.sample_shape;
  samples.classes = set.classes;
  const auto d = static_cast<std::size_t>(samples.features());
  const auto n = static_cast<std::size_t>(wanted);
  for (const NamedFile& file : set.files) {
    if (file.split != request.split) continue;
    if (file.role != "labels" && samples.values.size() >= n * d) continue;
    Piece piece = read_piece(set, file, request.folder);
    if (samples.values.empty()) {
      samples.values = std::move(piece.values);
      samples.values.reserve(n * d);
    } else {
      samples.values.insert(samples.values.end(), piece.values.begin(), piece.values.end());
    }
    samples.labels.insert(samples.labels.end(), piece.labels.begin(), piece.labels.end());
  }
  samples.values.resize(n * d);
  samples.labels.resize(n);
  return samples;
}

// ---- users' own arrays

const std::vector<std::string> kArrayKeys = {"samples",      "labels",       "train_samples",
                                             "train_labels", "test_samples", "test_labels"};

bool is_array_key(const std::string& text) {
  return std::find(kArrayKeys.begin(), kArrayKeys.end(), text) != kArrayKeys.end();
}

/// "samples=A,labels=B": by key. A comma that no key follows belongs to a file's name.
std::map<std::string, std::string> parse_arrays(const std::string& name) {
  std::map<std::string, std::string> arrays;
  std::string key;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t comma = std::min(name.find(',', at), name.size());
    const std::string part = name.substr(at, comma - at);
    const std::size_t equals = part.find('=');
    const std::string found = part.substr(0, std::min(equals, part.size()));
    if (equals != std::string::npos && is_array_key(found)) {
      key = found;
      if (arrays.count(key)) throw UsageError("data set \"" + name + "\": " + key + " is given twice; expected once");
      arrays[key] = part.substr(equals + 1);
    } else if (key.empty()) {
      throw UsageError("data set \"" + name + "\": \"" + found + "\" is unknown; did you mean \"" +
                       nearest_name(found, kArrayKeys) + "\"? Arrays are named by " + join(kArrayKeys));
    } else {
      arrays[key] += "," + part;
    }
    at = comma + 1;
  }
  return arrays;
}

const std::string& array_of(const std::map<std::string, std::string>& arrays, const SetRequest& request,
                            const std::string& split, const std::string& role) {
  auto found = arrays.find(split + "_" + role);
  if (found == arrays.end() && split == "train") found = arrays.find(role);
  if (found == arrays.end())
    throw UsageError("data set \"" + request.name + "\": no " + role + " of the " + split + " split; expected " +
                     split + "_" + role + "=ARRAY" + (split == "train" ? " (or " + role + "=ARRAY)" : ""));
  return found->second;
}

Array read_user_array(const SetRequest& request, const std::string& name) {
  return read_array(array_in_folder(name, request.folder));
}

std::vector<std::int64_t> shape_of_sample(const Array& array) {
  const auto& s = array.shape;
  switch (s.size()) {
    case 1:
      return {1};
    case 2:
      return {s[1]};
    case 3:
      return {1, s[1], s[2]};
    case 4:
      return {s[1], s[2], s[3]};
    default:
      throw DataError(array.file, array.dataset,
                      "samples of shape " + shape_text(s) +
                          "; expected N x d, N x height x width or N x channels x height x width");
  }
}

/// float32, refusing what it cannot hold: pixels, hulls and networks must see the same numbers.
std::vector<std::byte> as_floats(const Array& array) {
  const auto points = as_points(array);
  Matrix<float> floats;
  if (const auto* exact = std::get_if<Matrix<float>>(&points)) {
    floats = *exact;
  } else {
    const auto& doubles = std::get<Matrix<double>>(points);
    floats = doubles.cast<float>();
    for (std::int64_t i = 0; i < doubles.size(); ++i)
      if (static_cast<double>(floats.data()[i]) != doubles.data()[i])
        throw DataError(array.file, array.dataset,
                        fmt::format("row {}, column {} is {}, which float32 cannot hold exactly; expected float32 "
                                    "(mend it with numpy's astype(\"float32\"))",
                                    i / doubles.cols(), i % doubles.cols(), doubles.data()[i]));
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(floats.size()) * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), floats.data(), bytes.size());
  return bytes;
}

std::int64_t count_classes(const Array& array) {
  std::int64_t most = -1;
  for (const std::int64_t label : as_labels(array)) most = std::max(most, label);
  constexpr std::int64_t kMostClasses = 65536;
  if (most >= kMostClasses)
    throw DataError(array.file, array.dataset,
                    fmt::format("the largest label is {}; expected class numbers below {}", most, kMostClasses));
  return most + 1;
}

Samples read_user_arrays(const SetRequest& request) {
  const auto arrays = parse_arrays(request.name);
  Array values = read_user_array(request, array_of(arrays, request, request.split, "samples"));
  const Array labels = read_user_array(request, array_of(arrays, request, request.split, "labels"));
  Samples samples;
  samples.sample_shape = shape_of_sample(values);
  samples.labels = as_labels(labels);
  if (values.shape[0] != labels.shape[0])
    throw DataError(labels.file, labels.dataset,
                    fmt::format("{} labels for {} samples ({}); expected one a sample", labels.shape[0],
                                values.shape[0], values.file));
  if (samples.features() == 0) throw DataError(values.file, values.dataset, "samples of 0 values; expected at least 1");

  // A network has an output for each class of the training split; the test split cannot have others. A set of test
  // samples alone is asked about a network trained on another set.
  const bool alone = request.split == "test" && !arrays.count("train_labels") && !arrays.count("labels");
  samples.classes = request.split == "train" || (alone && request.test_alone)
                        ? count_classes(labels)
                        : count_classes(read_user_array(request, array_of(arrays, request, "train", "labels")));
  for (std::size_t i = 0; i < samples.labels.size(); ++i)
    if (samples.labels[i] >= samples.classes)
      throw DataError(labels.file, labels.dataset,
                      fmt::format("label {} is {}; expected less than {}, the number of classes in the training split",
                                  i, samples.labels[i], samples.classes));
  if (request.limit > values.shape[0])
    throw UsageError(fmt::format("the first {} {} samples are asked for; {} has {}", request.limit, request.split,
                                 values.file, values.shape[0]));
  samples.pixels = values.type == "u8";
  samples.values = samples.pixels ? std::move(values.bytes) : as_floats(values);
  if (request.limit > 0) {
    const std::size_t row = samples.values.size() / samples.labels.size();
    samples.labels.resize(static_cast<std::size_t>(request.limit));
    samples.values.resize(static_cast<std::size_t>(request.limit) * row);
  }
  return samples;
}

[[noreturn]] void refuse_unknown(const std::string& name) {
  std::vector<std::string> valid;
  for (const NamedSet& set : named_sets()) valid.push_back(set.name);
  for (const SyntheticKind& kind : synthetic_kinds()) valid.push_back(kind.name);
  const std::string base = name.substr(0, name.find('?'));
  throw UsageError(
      fmt::format("data set \"{}\" is unknown; did you mean \"{}\"? There are {}, and arrays as "
                  "train_samples=ARRAY,train_labels=ARRAY,test_samples=ARRAY,test_labels=ARRAY",
                  name, nearest_name(base, valid), join(valid)));
}

}  // namespace

static Samples read_unshifted(const SetRequest& request) {
  if (request.split != "train" && request.split != "test")
    throw UsageError("split \"" + request.split + "\"; expected train or test");
  if (request.limit < 0)
    throw UsageError(fmt::format("a limit of {} samples; expected 0 (all) or more", request.limit));
  if (is_synthetic(request.name)) return make_synthetic(request);
  if (const NamedSet* set = find_named_set(request.name)) return read_named(*set, request);
  if (request.name.find('=') != std::string::npos && request.name.find('?') > request.name.find('='))
    return read_user_arrays(request);
  refuse_unknown(request.name);
}

Samples read_split(const SetRequest& request) {
  Samples samples = read_unshifted(request);
  if (!request.shift.empty()) shift_samples(samples, request.shift, request.strength, request.seed);
  return samples;
}

}  // namespace hullscope::datasets::detail
