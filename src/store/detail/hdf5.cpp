#include "hdf5.hpp"

#include <algorithm>
#include <limits>

#include <hullscope/base/error.hpp>

namespace hullscope::store::detail {

/// The reason of the last failure; HDF5 forgets it with the next call, which may be the closing of a handle.
static std::string last_reason;

static herr_t remember(hid_t stack, void*) {
  const auto take = [](unsigned n, const H5E_error2_t* error, void*) -> herr_t {
    if (n == 0 && error->desc) last_reason = error->desc;
    return 0;
  };
  return H5Ewalk2(stack, H5E_WALK_UPWARD, take, nullptr);
}

void start() {
  static const bool started = [] {
    // Every file is closed by its owner. At exit HDF5 would close what an error left open, collectively, and hang.
    H5dont_atexit();
    H5open();
    H5Eset_auto2(H5E_DEFAULT, remember, nullptr);
    return true;
  }();
  (void)started;
}

void clear_errors() {
  last_reason.clear();
}

std::string first_error() {
  std::string message = std::exchange(last_reason, {});
  const std::string mark = "error message = '";
  if (const auto at = message.find(mark); at != std::string::npos) {
    const auto first = at + mark.size();
    message = message.substr(first, message.find('\'', first) - first);
  }
  return message.empty() ? "HDF5 gives no reason" : message;
}

static bool is_half(hid_t type) {
  std::size_t sign, exponent_at, exponent, mantissa_at, mantissa;
  return H5Tget_size(type) == 2 && H5Tget_fields(type, &sign, &exponent_at, &exponent, &mantissa_at, &mantissa) >= 0 &&
         sign == 15 && exponent_at == 10 && exponent == 5 && mantissa_at == 0 && mantissa == 10 &&
         H5Tget_ebias(type) == 15;
}

static Kind floating_kind(hid_t type) {
  const auto is = [&](hid_t other) { return H5Tequal(type, other) > 0; };
  if (is(H5T_IEEE_F32LE) || is(H5T_IEEE_F32BE)) return {.known = true, .floating = true, .is_signed = true, .bits = 32};
  if (is(H5T_IEEE_F64LE) || is(H5T_IEEE_F64BE)) return {.known = true, .floating = true, .is_signed = true, .bits = 64};
  if (is_half(type)) return {.known = true, .floating = true, .is_signed = true, .bits = 16};
  return {};
}

static Kind integer_kind(hid_t type) {
  const std::size_t size = H5Tget_size(type);
  const bool usual = size == 1 || size == 2 || size == 4 || size == 8;
  if (!usual || H5Tget_precision(type) != 8 * size || H5Tget_offset(type) != 0) return {};
  return {.known = true, .is_signed = H5Tget_sign(type) == H5T_SGN_2, .bits = static_cast<int>(8 * size)};
}

Kind kind_of(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return floating_kind(type);
    case H5T_INTEGER:
      return integer_kind(type);
    case H5T_ENUM:  // h5py's bool: an enumeration over one byte
      if (H5Tget_size(type) == 1 && H5Tget_nmembers(type) == 2 && H5Tget_member_index(type, "TRUE") >= 0)
        return {.known = true, .boolean = true, .bits = 8};
      return {};
    case H5T_STRING:
      return {.known = true, .text = true, .variable_length = H5Tis_variable_str(type) > 0};
    default:
      return {};
  }
}

bool holds(Type to, const Kind& kind) {
  if (!kind.known || (to == Type::text) != kind.text) return false;
  if (kind.text) return true;
  const int value_bits = kind.is_signed ? kind.bits - 1 : kind.bits;  // of an integer
  switch (to) {
    case Type::u8:
      return !kind.floating && !kind.is_signed && kind.bits == 8;
    case Type::i32:
      return !kind.floating && value_bits <= 31;
    case Type::i64:
      return !kind.floating;
    case Type::f32:
      return kind.floating ? kind.bits <= 32 : value_bits <= 24;
    case Type::f64:
      return kind.floating ? kind.bits <= 64 : value_bits <= 53;
    default:
      return false;
  }
}

Type canonical(const Kind& kind) {
  if (kind.text) return Type::text;
  if (kind.floating) return kind.bits <= 32 ? Type::f32 : Type::f64;
  for (const Type type : {Type::u8, Type::i32})
    if (holds(type, kind)) return type;
  return Type::i64;
}

const char* type_name(Type type) {
  static const char* const names[] = {"u8", "i32", "i64", "f32", "f64", "text"};
  return names[static_cast<int>(type)];
}

std::size_t type_size(Type type) {
  static const std::size_t sizes[] = {1, 4, 8, 4, 8, 0};
  return sizes[static_cast<int>(type)];
}

hid_t memory_type(Type type) {
  switch (type) {
    case Type::u8:
      return H5T_NATIVE_UINT8;
    case Type::i32:
      return H5T_NATIVE_INT32;
    case Type::i64:
      return H5T_NATIVE_INT64;
    case Type::f32:
      return H5T_NATIVE_FLOAT;
    default:
      return H5T_NATIVE_DOUBLE;
  }
}

hid_t file_type(Type type) {
  switch (type) {
    case Type::u8:
      return H5T_STD_U8LE;
    case Type::i32:
      return H5T_STD_I32LE;
    case Type::i64:
      return H5T_STD_I64LE;
    case Type::f32:
      return H5T_IEEE_F32LE;
    default:
      return H5T_IEEE_F64LE;
  }
}

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

std::vector<std::int64_t> shape_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> dims(static_cast<std::size_t>(std::max(rank, 0)));
  if (rank > 0) H5Sget_simple_extent_dims(space, dims.data(), nullptr);
  std::vector<std::int64_t> shape;
  constexpr auto kMost = static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max());
  for (const hsize_t n : dims) shape.push_back(static_cast<std::int64_t>(std::min(n, kMost)));
  return shape;
}

Handle make_space(const std::vector<std::int64_t>& shape) {
  if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
  const std::vector<hsize_t> dims(shape.begin(), shape.end());
  return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose};
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  for (const std::int64_t length : shape)
    if (length < 0 || __builtin_mul_overflow(n, length, &n)) return -1;
  return n;
}

Handle file_access() {
  start();
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
  H5Pset_file_locking(access.get(), false, true);
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
  return access;
}

/// No object times, so that equal content means equal bytes. Links and attributes stay in object headers, which have
/// checksums: HDF5 1.10 crashes on a damaged index of many links.
static Handle creation_list(hid_t kind) {
  Handle creation(H5Pcreate(kind), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  H5Pset_attr_phase_change(creation.get(), 4096, 2048);
  if (kind != H5P_DATASET_CREATE) H5Pset_link_phase_change(creation.get(), 4096, 2048);
  return creation;
}

Handle create_file(const std::string& path, hid_t access) {
  const Handle creation = creation_list(H5P_FILE_CREATE);
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access), H5Fclose};
}

bool make_groups(hid_t file, const std::string& path) {
  const Handle creation = creation_list(H5P_GROUP_CREATE);
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string group = path.substr(0, slash);
    const htri_t there = H5Lexists(file, group.c_str(), H5P_DEFAULT);
    if (there > 0) continue;
    if (there < 0) return false;
    if (!Handle(H5Gcreate2(file, group.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Gclose)) return false;
  }
  return true;
}

/// Chunks of about kChunkBytes, whole rows where a row is shorter than that.
static std::vector<hsize_t> chunks_for(const std::vector<std::int64_t>& shape, std::int64_t element_bytes) {
  std::vector<hsize_t> chunk(shape.size());
  std::int64_t room = std::max<std::int64_t>(1, kChunkBytes / element_bytes);
  for (std::size_t i = shape.size(); i-- > 0;) {
    const std::int64_t n = std::min(shape[i], room);
    chunk[i] = static_cast<hsize_t>(n);
    room = std::max<std::int64_t>(1, room / n);
  }
  return chunk;
}

Handle create_dataset(hid_t file, const std::string& path, hid_t type, const std::vector<std::int64_t>& shape,
                      int deflate) {
  if (!make_groups(file, path)) return {};
  const Handle creation = creation_list(H5P_DATASET_CREATE);
  const auto element = static_cast<std::int64_t>(H5Tget_size(type));
  const std::int64_t bytes = product(shape) * element;
  if (!shape.empty() && bytes > 0 && H5Tis_variable_str(type) <= 0 && (bytes > kChunkBytes || deflate > 0)) {
    const auto chunk = chunks_for(shape, element);
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    if (deflate > 0) {
      H5Pset_shuffle(creation.get());
      H5Pset_deflate(creation.get(), static_cast<unsigned>(deflate));
    }
  }
  if (deflate == 0 &&
      H5Tis_variable_str(type) <=
          0) {  // space at once: a chunked data set without filters then needs no index. No fill: all is written
    H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER);
  }
  const Handle space = make_space(shape);
  return {H5Dcreate2(file, path.c_str(), type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Dclose};
}

bool write_attribute(hid_t object, const std::string& name, const AttributeValue& value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const auto put = [&](hid_t file, hid_t memory, const void* data) {
    if (H5Aexists(object, name.c_str()) > 0 && H5Adelete(object, name.c_str()) < 0) return false;
    Handle attribute(H5Acreate2(object, name.c_str(), file, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    return attribute && H5Awrite(attribute.get(), memory, data) >= 0;
  };
  if (const auto* x = std::get_if<double>(&value)) return put(H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, x);
  if (const auto* i = std::get_if<std::int64_t>(&value)) return put(H5T_STD_I64LE, H5T_NATIVE_INT64, i);
  if (const auto* u = std::get_if<std::uint64_t>(&value)) return put(H5T_STD_U64LE, H5T_NATIVE_UINT64, u);
  const auto& text = std::get<std::string>(value);
  if (text.find('\0') != std::string::npos) throw InternalError("the attribute " + name + " holds a NUL character");
  const Handle type = text_type();
  const char* const pointer = text.c_str();
  return put(type.get(), type.get(), &pointer);
}

bool write_text_dataset(hid_t dataset, const std::vector<std::string>& values) {
  std::vector<const char*> pointers;
  for (const std::string& value : values) {
    if (value.find('\0') != std::string::npos) throw InternalError("a text to be stored holds a NUL character");
    pointers.push_back(value.c_str());
  }
  const Handle type = text_type();
  return values.empty() || H5Dwrite(dataset, type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) >= 0;
}

}  // namespace hullscope::store::detail
