// Arrays as users name them: `file.npy`, `file.h5:/path`, `file-idx3-ubyte[.gz]`.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <hullscope/base/matrix.hpp>

namespace hullscope::datasets {

/// An array of numbers, C order, in memory, native byte order.
struct Array {
  std::string type;  ///< "u8", "i32", "i64", "f32" or "f64"; narrower or unusual file types are widened exactly
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;
  std::string digest;         ///< store::array_digest of the three above
  std::string file, dataset;  ///< where it came from ("" if not a data set of an HDF5 file)
  std::int64_t size() const;
};

/// Reads an array by name. Throws DataError (file, place, found, expected) on anything wrong with it; allocates by
/// what the file holds, never by what its header claims.
Array read_array(const std::string& name);

/// The name to read it by: relative names are looked for in `folder` first (which may be empty).
std::string array_in_folder(const std::string& name, const std::string& folder);

/// The array as points, one a row: N x (product of the other axes); float32 where that is exact, else float64.
/// Throws DataError on NaN or infinity (first place named), on fewer than one axis, or on 64-bit integers above 2^53.
std::variant<Matrix<float>, Matrix<double>> as_points(const Array& array);

/// The array as labels: one axis, integers >= 0.
std::vector<std::int64_t> as_labels(const Array& array);

}  // namespace hullscope::datasets
