// The readers of single files. All throw DataError with file, place, what was found and what was expected, and
// allocate by what the file really holds.
#pragma once
#include <string>
#include <vector>

#include <hullscope/datasets/array.hpp>
#include <hullscope/datasets/detail/elements.hpp>

namespace hullscope::datasets::detail {

/// IDX, plain or gzip: bytes 0 0 TYPE AXES, AXES big-endian lengths of 4 bytes, big-endian values.
/// Source: the description on the MNIST page (yann.lecun.com/exdb/mnist), "The IDX file format".
/// `magic`: the first four bytes, already read.
Array read_idx(ByteSource& source, const unsigned char magic[4]);

/// NPY 1.0 to 3.0, plain or gzip; C or Fortran order, both byte orders. Structured, complex, text and object types are
/// refused. Source: numpy.lib.format. `magic`: the first four bytes, already read.
Array read_npy(ByteSource& source, const unsigned char magic[4]);

/// What an NPY file's header says; the source then stands at the first value. The magic is already read.
struct NpyLayout {
  Element element = Element::u1;
  bool big_endian = false, fortran_order = false;
  std::vector<std::int64_t> shape;
};
NpyLayout read_npy_layout(ByteSource& source);

/// Records of CIFAR-10's binary format: one label byte, 3 x 32 x 32 pixels (red, green, blue planes, row by row).
struct CifarRecords {
  std::vector<std::byte> pixels;     ///< N x 3072
  std::vector<std::int64_t> labels;  ///< N, 0..9
  std::string digest;                ///< SHA-256 of the unpacked file
};
CifarRecords read_cifar(const std::string& path);

/// The array in an IDX or NPY file, told apart by its first bytes, without Array::digest. `file_digest`: the SHA-256 of
/// the unpacked file, if wanted.
Array read_file(const std::string& path, std::string* file_digest = nullptr);

}  // namespace hullscope::datasets::detail
