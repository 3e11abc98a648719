// An array in a file, row by row from front to back: for ranks that hold a part of it each.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <hullscope/datasets/array.hpp>

namespace hullscope::datasets {

/// Plain NPY files in C order and data sets of HDF5 files are read in pieces: memory for the rows in hand only. Other
/// files (gzip, IDX, Fortran order) are read whole when they are opened.
class ArrayRows {
 public:
  /// `name` as for read_array(), which also says what is thrown. At least one axis, else DataError.
  explicit ArrayRows(const std::string& name);
  ~ArrayRows();
  ArrayRows(const ArrayRows&) = delete;

  /// The array without its values and digest: type, shape, file, dataset.
  const Array& header() const;
  std::int64_t rows() const { return header().shape.front(); }
  std::int64_t row_values() const;  ///< numbers a row
  void skip(std::int64_t count);
  /// The next `count` rows (as many as there must be): type and bytes as in an Array of that many rows, without digest.
  Array next(std::int64_t count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Array::digest of the whole array, without holding it (where ArrayRows does not).
std::string digest_of_array(const std::string& name);

}  // namespace hullscope::datasets
