// What an HDF5 file really holds, read with distrust: a claim is compared with the bytes that are there before anything
// is allocated. And the content digest over it. Private to store/.
#pragma once
#include <hdf5.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hullscope/base/digest.hpp>

#include "hdf5.hpp"

namespace hullscope::store::detail {

/// One data set of an open file. Everything throws DataError with the file and the path inside it.
class StoredDataset {
 public:
  /// Refuses external and virtual data sets, unknown types, and more elements than the stored bytes can hold.
  StoredDataset(hid_t file, std::string file_name, std::string path);

  hid_t id() const { return dataset_.get(); }
  const Kind& kind() const { return kind_; }
  Type type() const { return canonical(kind_); }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  std::int64_t rows() const { return shape_.empty() ? 1 : shape_[0]; }  ///< a scalar is one row of one element
  std::int64_t row_elements() const;

  /// Rows [first, first + count), converted to `as` (which must hold the kind) into `out`.
  void read(Type as, std::int64_t first, std::int64_t count, void* out) const;
  std::vector<std::string> read_text(std::int64_t first, std::int64_t count) const;
  /// Adds type, shape and values.
  void add_to(Digest& digest) const;

 private:
  [[noreturn]] void fail(const std::string& sentence) const;
  void check_claims() const;
  Handle select(std::int64_t first, std::int64_t count, Handle& memory) const;
  void read_variable_text(hid_t memory, hid_t selection, std::int64_t n, std::vector<std::string>& texts) const;
  void read_fixed_text(hid_t memory, hid_t selection, std::int64_t n, std::vector<std::string>& texts) const;

  std::string file_name_, path_;
  Handle dataset_, type_;
  Kind kind_;
  std::vector<std::int64_t> shape_;
  hsize_t file_size_ = 0;
};

/// An attribute: numbers as little-endian bytes, or texts.
struct StoredAttribute {
  std::string type;  ///< type_name(), or "u64"
  std::vector<std::int64_t> shape;
  std::string bytes;
  std::vector<std::string> texts;
};
/// Throws DataError if it is missing or of an unknown type.
StoredAttribute read_attribute(hid_t object, const std::string& name, const std::string& file_name,
                               const std::string& path);
std::vector<std::string> attribute_names(hid_t object);  ///< sorted

/// Every group and data set by path ("/" first). True: a data set. Strict: without /run; throws DataError on links that
/// are not hard, on an object that stands under two names, on anything that is neither group nor data set, and on
/// damage. Not strict: with /run; leaves these out.
std::map<std::string, bool> objects_of(hid_t file, const std::string& file_name, bool strict = true);

/// The header of a value: type name, number of dimensions, lengths.
void add_header(Digest& digest, const std::string& type, const std::vector<std::int64_t>& shape);

/// The content digest as docs/file-format.md defines it.
std::string content_digest_of(hid_t file, const std::string& file_name);

/// Opens a file for reading. Throws DataError in words for a missing, empty, truncated or foreign file and
/// EnvironmentError if it may not be read.
Handle open_for_reading(const std::string& path);

}  // namespace hullscope::store::detail
