// The few things of HDF5's C API that this room needs, with RAII and our errors. Private to store/.
// Not thread-safe (nor is Debian's HDF5): one thread of a process at a time.
#pragma once
#include <hdf5.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <hullscope/store/schema.hpp>

namespace hullscope::store::detail {

/// An HDF5 identifier that closes itself.
class Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}
  Handle& operator=(Handle&& other) noexcept {
    reset();
    id_ = std::exchange(other.id_, -1);
    closer_ = other.closer_;
    return *this;
  }
  ~Handle() { reset(); }
  explicit operator bool() const { return id_ >= 0; }
  hid_t get() const { return id_; }
  /// Closes it now; false if HDF5 could not, and then the destructor tries again.
  bool reset() {
    if (id_ >= 0 && closer_(id_) >= 0) id_ = -1;
    return id_ < 0;
  }
  /// Gives up ownership without closing.
  void leak() { id_ = -1; }

 private:
  hid_t id_ = -1;
  Closer closer_ = nullptr;
};

/// HDF5 started, its own printing of errors off. Call before anything else.
void start();

/// The innermost message of HDF5's last failure: the system's words where it holds them. Forgets it.
std::string first_error();
/// Forgets failures that were expected, so that first_error() does not tell of them.
void clear_errors();

/// What a stored type is: text, or a number of so many bits. `known` is false for everything else.
struct Kind {
  bool known = false, text = false, variable_length = false, boolean = false, floating = false, is_signed = false;
  int bits = 0;
};
Kind kind_of(hid_t type);
/// Can every value of this kind be held exactly by a number of type `to`? (Unsigned 64-bit into i64: value by value.)
bool holds(Type to, const Kind& kind);
/// The smallest of our types that holds the kind.
Type canonical(const Kind& kind);

const char* type_name(Type type);  ///< "u8", "i32", "i64", "f32", "f64", "text"
std::size_t type_size(Type type);  ///< bytes of one number
hid_t memory_type(Type type);      ///< native; not owned
hid_t file_type(Type type);        ///< little-endian; not owned. Numbers only
Handle text_type();                ///< variable-length UTF-8

std::vector<std::int64_t> shape_of(hid_t space);
Handle make_space(const std::vector<std::int64_t>& shape);
std::int64_t product(const std::vector<std::int64_t>& shape);  ///< number of elements; -1 if it overflows

/// A new file with checksummed metadata (format of HDF5 1.10) and without object times. `access` comes from the caller.
Handle create_file(const std::string& path, hid_t access);
/// File access: no locks (whole files appear by rename; some cluster file systems refuse locks), strong close.
Handle file_access();

/// Creates the groups above `path` that are missing. False on failure.
bool make_groups(hid_t file, const std::string& path);
inline constexpr std::int64_t kChunkBytes = 1 << 20;
/// A contiguous data set, chunked by rows above kChunkBytes; deflate 0 = no compression.
Handle create_dataset(hid_t file, const std::string& path, hid_t type, const std::vector<std::int64_t>& shape,
                      int deflate);

using AttributeValue = std::variant<double, std::int64_t, std::uint64_t, std::string>;
/// False on failure.
bool write_attribute(hid_t object, const std::string& name, const AttributeValue& value);

/// Throws InternalError if a string holds a NUL. False on failure.
bool write_text_dataset(hid_t dataset, const std::vector<std::string>& values);

}  // namespace hullscope::store::detail
