#include <hullscope/datasets/array.hpp>

#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <limits>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/detail/array_name.hpp>
#include <hullscope/datasets/detail/elements.hpp>
#include <hullscope/datasets/detail/readers.hpp>
#include <hullscope/store/artifact.hpp>

namespace hullscope::datasets {

namespace {

bool is_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// The store refuses shapes that promise more than the file holds.
Array read_hdf5(const std::string& file, const std::string& dataset) {
  const store::ArtifactReader reader(file);
  Array array;
  array.file = file;
  array.dataset = dataset;
  array.shape = reader.shape(dataset);  // throws where the data set is missing
  array.type = detail::type_name(reader.type(dataset), file, dataset);
  switch (reader.type(dataset)) {
    case store::Type::u8:
      array.bytes = bytes_of(reader.read<std::uint8_t>(dataset));
      break;
    case store::Type::i32:
      array.bytes = bytes_of(reader.read<std::int32_t>(dataset));
      break;
    case store::Type::i64:
      array.bytes = bytes_of(reader.read<std::int64_t>(dataset));
      break;
    case store::Type::f32:
      array.bytes = bytes_of(reader.read<float>(dataset));
      break;
    case store::Type::f64:
      array.bytes = bytes_of(reader.read<double>(dataset));
      break;
    case store::Type::text:
      break;  // refused above
  }
  return array;
}

template <class T>
const T* values(const Array& array) {
  return reinterpret_cast<const T*>(array.bytes.data());  // vectors are aligned for every number
}

std::string where(const Array& array) {
  return array.dataset;
}

std::string index_text(std::int64_t i, std::int64_t columns) {
  return "row " + std::to_string(i / columns) + ", column " + std::to_string(i % columns);
}

template <class From, class To>
Matrix<To> matrix_of(const Array& array, std::int64_t rows, std::int64_t columns) {
  Matrix<To> out(rows, columns);
  const From* in = values<From>(array);
  for (std::int64_t i = 0; i < rows * columns; ++i) out.data()[i] = static_cast<To>(in[i]);
  return out;
}

template <class T>
void require_finite(const Array& array, std::int64_t columns) {
  const T* in = values<T>(array);
  for (std::int64_t i = 0; i < array.size(); ++i)
    if (!std::isfinite(in[i]))
      throw DataError(array.file, where(array),
                      index_text(i, columns) + " is " + (std::isnan(in[i]) ? "NaN" : "infinite") +
                          "; expected finite numbers only");
}

/// Are all integers within +-2^24 (float32 holds them exactly)? DataError beyond 2^53, where float64 does not either.
template <class T>
bool fits_float(const Array& array, std::int64_t columns) {
  constexpr std::int64_t kFloat = std::int64_t{1} << 24, kDouble = std::int64_t{1} << 53;
  bool fits = true;
  const T* in = values<T>(array);
  for (std::int64_t i = 0; i < array.size(); ++i) {
    const std::int64_t value = in[i];
    fits = fits && value >= -kFloat && value <= kFloat;
    if (value < -kDouble || value > kDouble)
      throw DataError(array.file, where(array),
                      index_text(i, columns) + " is " + std::to_string(value) +
                          "; expected integers within 2^53, which float64 holds exactly");
  }
  return fits;
}

}  // namespace

std::int64_t Array::size() const {
  std::int64_t n = 1;
  for (const std::int64_t axis : shape) n *= axis;
  return n;
}

namespace detail {

std::pair<std::string, std::string> split_name(const std::string& name) {
  const std::size_t first = name.find(":/");
  for (std::size_t at = first; at != std::string::npos; at = name.find(":/", at + 1))
    if (is_file(name.substr(0, at))) return {name.substr(0, at), name.substr(at + 1)};
  if (first == std::string::npos || is_file(name)) return {name, ""};
  return {name.substr(0, first), name.substr(first + 1)};
}

std::string type_name(store::Type type, const std::string& file, const std::string& dataset) {
  switch (type) {
    case store::Type::u8:
      return "u8";
    case store::Type::i32:
      return "i32";
    case store::Type::i64:
      return "i64";
    case store::Type::f32:
      return "f32";
    case store::Type::f64:
      return "f64";
    case store::Type::text:
      break;
  }
  throw DataError(file, dataset, "holds text; expected numbers");
}

std::vector<std::byte> read_hdf5_rows(const store::ArtifactReader& reader, const std::string& dataset,
                                      std::int64_t first, std::int64_t count) {
  switch (reader.type(dataset)) {
    case store::Type::u8:
      return bytes_of(reader.read_rows<std::uint8_t>(dataset, first, count));
    case store::Type::i32:
      return bytes_of(reader.read_rows<std::int32_t>(dataset, first, count));
    case store::Type::i64:
      return bytes_of(reader.read_rows<std::int64_t>(dataset, first, count));
    case store::Type::f32:
      return bytes_of(reader.read_rows<float>(dataset, first, count));
    case store::Type::f64:
      return bytes_of(reader.read_rows<double>(dataset, first, count));
    case store::Type::text:
      break;
  }
  throw InternalError("rows of a text were asked for");
}

Array read_file(const std::string& path, std::string* file_digest) {
  ByteSource source(path);
  if (file_digest) source.keep_digest();
  unsigned char magic[4] = {};
  source.require(magic, 4, "an IDX or NPY header");
  Array array;
  if (magic[0] == 0 && magic[1] == 0) {
    array = read_idx(source, magic);
  } else if (std::memcmp(magic, "\x93NUM", 4) == 0) {
    array = read_npy(source, magic);
  } else if (std::memcmp(magic, "\x89HDF", 4) == 0) {
    throw DataError(path, "", "this is an HDF5 file; name the data set in it: " + path + ":/NAME");
  } else if (std::memcmp(magic, "PK\x03\x04", 4) == 0) {
    throw DataError(path, "", "this is a ZIP or NPZ archive; unpack it and name one of its NPY files");
  } else {
    throw DataError(path, source.place(0),
                    "neither an IDX file (first bytes 0 0) nor an NPY file (\\x93NUMPY); "
                    "expected FILE.npy, FILE.h5:/NAME or an IDX file, plain or gzip");
  }
  if (file_digest) *file_digest = source.digest();
  return array;
}

}  // namespace detail

std::string array_in_folder(const std::string& name, const std::string& folder) {
  if (folder.empty() || name.empty() || name[0] == '/') return name;
  const std::string inside = folder + "/" + name;
  struct stat info {};
  return ::stat(inside.substr(0, inside.find(":/")).c_str(), &info) == 0 ? inside : name;
}

Array read_array(const std::string& name) {
  const auto [file, dataset] = detail::split_name(name);
  Array array = dataset.empty() ? detail::read_file(file) : read_hdf5(file, dataset);
  array.digest = store::array_digest(array.type, array.shape, array.bytes.data(), array.bytes.size());
  return array;
}

std::variant<Matrix<float>, Matrix<double>> as_points(const Array& array) {
  if (array.shape.empty())
    throw DataError(array.file, where(array), "a single number; expected points, one a row (N x d)");
  const std::int64_t rows = array.shape[0];
  std::int64_t columns = 1;
  for (std::size_t axis = 1; axis < array.shape.size(); ++axis) {
    if (__builtin_mul_overflow(columns, array.shape[axis], &columns) || columns > std::numeric_limits<int>::max())
      throw DataError(array.file, where(array),
                      "points of " + detail::shape_text(array.shape) + "; expected fewer than 2^31 coordinates");
  }
  if (columns == 0 && rows > 0)
    throw DataError(array.file, where(array), "points of 0 coordinates; expected at least 1");
  if (array.type == "u8") return matrix_of<std::uint8_t, float>(array, rows, columns);
  if (array.type == "f32") {
    require_finite<float>(array, columns);
    return matrix_of<float, float>(array, rows, columns);
  }
  if (array.type == "f64") {
    require_finite<double>(array, columns);
    return matrix_of<double, double>(array, rows, columns);
  }
  if (array.type == "i32") {
    if (fits_float<std::int32_t>(array, columns)) return matrix_of<std::int32_t, float>(array, rows, columns);
    return matrix_of<std::int32_t, double>(array, rows, columns);
  }
  if (fits_float<std::int64_t>(array, columns)) return matrix_of<std::int64_t, float>(array, rows, columns);
  return matrix_of<std::int64_t, double>(array, rows, columns);
}

std::vector<std::int64_t> as_labels(const Array& array) {
  if (array.shape.size() != 1)
    throw DataError(array.file, where(array),
                    "labels of shape " + detail::shape_text(array.shape) + "; expected one axis, a label a sample");
  if (array.type != "u8" && array.type != "i32" && array.type != "i64")
    throw DataError(array.file, where(array), "labels of type " + array.type + "; expected integers");
  std::vector<std::int64_t> labels(static_cast<std::size_t>(array.size()));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = array.type == "u8"    ? values<std::uint8_t>(array)[i]
                : array.type == "i32" ? values<std::int32_t>(array)[i]
                                      : values<std::int64_t>(array)[i];
    if (labels[i] < 0)
      throw DataError(
          array.file, where(array),
          "label " + std::to_string(i) + " is " + std::to_string(labels[i]) + "; expected class numbers 0, 1, 2, ...");
  }
  return labels;
}

}  // namespace hullscope::datasets
