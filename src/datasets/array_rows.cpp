#include <hullscope/datasets/array_rows.hpp>

#include <algorithm>
#include <cstring>
#include <optional>

#include <hullscope/base/error.hpp>
#include <hullscope/datasets/detail/array_name.hpp>
#include <hullscope/datasets/detail/readers.hpp>
#include <hullscope/store/array_digest.hpp>

namespace hullscope::datasets {

namespace {

constexpr std::int64_t kPiece = 4 << 20;  // bytes

/// The values of a plain NPY file in C order, where one stands; nothing where the file is another.
struct OpenNpy {
  std::unique_ptr<detail::ByteSource> source;
  detail::NpyLayout layout;
};

std::optional<OpenNpy> open_npy(const std::string& path) {
  OpenNpy npy{std::make_unique<detail::ByteSource>(path), {}};
  unsigned char magic[4] = {};
  npy.source->require(magic, 4, "an IDX or NPY header");
  if (npy.source->packed() || std::memcmp(magic, "\x93NUM", 4) != 0) return std::nullopt;
  npy.layout = detail::read_npy_layout(*npy.source);
  if (npy.layout.fortran_order && npy.layout.shape.size() > 1) return std::nullopt;
  return npy;
}

}  // namespace

struct ArrayRows::State {
  Array header;
  std::int64_t at = 0;
  std::optional<OpenNpy> npy;
  std::unique_ptr<store::ArtifactReader> hdf5;
  Array whole;  ///< of other files
};

ArrayRows::ArrayRows(const std::string& name) : state_(std::make_unique<State>()) {
  State& s = *state_;
  const auto [file, dataset] = detail::split_name(name);
  if (!dataset.empty()) {
    s.hdf5 = std::make_unique<store::ArtifactReader>(file);
    s.header.shape = s.hdf5->shape(dataset);
    s.header.type = detail::type_name(s.hdf5->type(dataset), file, dataset);
    s.header.file = file;
    s.header.dataset = dataset;
  } else if ((s.npy = open_npy(file))) {
    const std::uint64_t count = detail::element_count(*s.npy->source, s.npy->layout.shape);
    const auto width = static_cast<std::uint64_t>(detail::width(s.npy->layout.element));
    if (count > s.npy->source->most_left() / width)
      throw DataError(file, "NPY header",
                      "promises " + detail::shape_text(s.npy->layout.shape) +
                          " values, but the file has room for at "
                          "most " +
                          std::to_string(s.npy->source->most_left() / width) + " of them");
    s.header.shape = s.npy->layout.shape;
    s.header.type = detail::target_type(s.npy->layout.element);
    s.header.file = file;
  } else {
    s.whole = detail::read_file(file);
    s.header = {s.whole.type, s.whole.shape, {}, "", s.whole.file, s.whole.dataset};
  }
  if (s.header.shape.empty()) throw DataError(file, dataset, "a single number; expected points, one a row (N x d)");
}

ArrayRows::~ArrayRows() = default;

const Array& ArrayRows::header() const {
  return state_->header;
}

std::int64_t ArrayRows::row_values() const {
  std::int64_t values = 1;
  for (std::size_t axis = 1; axis < header().shape.size(); ++axis)
    if (__builtin_mul_overflow(values, header().shape[axis], &values))
      throw DataError(header().file, header().dataset, "rows of more than 2^63 numbers");
  return values;
}

void ArrayRows::skip(std::int64_t count) {
  State& s = *state_;
  if (s.npy)
    s.npy->source->skip(static_cast<std::uint64_t>(count * row_values()) *
                        static_cast<std::uint64_t>(detail::width(s.npy->layout.element)));
  s.at += count;
}

Array ArrayRows::next(std::int64_t count) {
  State& s = *state_;
  if (count < 0 || count > rows() - s.at) throw InternalError("more rows were asked for than an array has");
  Array piece = s.header;
  piece.shape.front() = count;
  if (s.npy) {
    piece.bytes = detail::read_elements(*s.npy->source, s.npy->layout.element, s.npy->layout.big_endian,
                                        static_cast<std::uint64_t>(count * row_values()));
    if (s.at + count == rows()) s.npy->source->expect_end(detail::shape_text(s.header.shape) + " values");
  } else if (s.hdf5) {
    piece.bytes = detail::read_hdf5_rows(*s.hdf5, s.header.dataset, s.at, count);
  } else {
    const std::size_t width = static_cast<std::size_t>(row_values() * detail::target_width(s.header.type));
    const auto from = s.whole.bytes.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(s.at) * width);
    piece.bytes.assign(from, from + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(count) * width));
  }
  s.at += count;
  return piece;
}

std::string digest_of_array(const std::string& name) {
  ArrayRows rows(name);
  const Array& header = rows.header();
  store::ArrayDigest digest(header.type, header.shape);
  const std::int64_t width = std::max<std::int64_t>(1, rows.row_values() * detail::target_width(header.type));
  const std::int64_t step = std::max<std::int64_t>(1, kPiece / width);
  for (std::int64_t first = 0; first < rows.rows(); first += step) {
    const Array piece = rows.next(std::min(step, rows.rows() - first));
    digest.add(piece.bytes.data(), piece.bytes.size());
  }
  return digest.hex();
}

}  // namespace hullscope::datasets
