#include <fmt/format.h>

#include <optional>

#include <hullscope/base/error.hpp>
#include <hullscope/datasets/detail/elements.hpp>
#include <hullscope/datasets/detail/readers.hpp>

namespace hullscope::datasets::detail {

namespace {

std::optional<Element> element_of(unsigned char code) {
  switch (code) {
    case 0x08:
      return Element::u1;
    case 0x09:
      return Element::i1;
    case 0x0B:
      return Element::i2;
    case 0x0C:
      return Element::i4;
    case 0x0D:
      return Element::f4;
    case 0x0E:
      return Element::f8;
    default:
      return std::nullopt;
  }
}

}  // namespace

Array read_idx(ByteSource& source, const unsigned char magic[4]) {
  const std::optional<Element> element = element_of(magic[2]);
  if (!element)
    throw DataError(source.file(), source.place(2),
                    fmt::format("type code 0x{:02x}; expected one of IDX's: 0x08 (unsigned byte), 0x09 (signed byte), "
                                "0x0b (short), 0x0c (int), 0x0d (float), 0x0e (double)",
                                magic[2]));
  const int axes = magic[3];
  if (axes == 0) throw DataError(source.file(), source.place(3), "an IDX array of 0 axes; expected at least 1");
  Array array;
  for (int axis = 0; axis < axes; ++axis) {
    unsigned char length[4];
    source.require(length, 4, fmt::format("the lengths of {} axes", axes));
    array.shape.push_back((std::int64_t{length[0]} << 24) | (length[1] << 16) | (length[2] << 8) | length[3]);
  }
  const std::uint64_t count = element_count(source, array.shape);
  array.type = target_type(*element);
  array.bytes = read_elements(source, *element, /*big_endian=*/true, count);
  source.expect_end(shape_text(array.shape) + " values");
  array.file = source.file();
  return array;
}

}  // namespace hullscope::datasets::detail
