// Numbers as files store them, and their exact widening to the five types of an Array.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <hullscope/datasets/detail/byte_source.hpp>

namespace hullscope::datasets::detail {

/// A type of number in a file. Widened exactly: bool and u1 to u8; i1, i2, u2, i4 to i32; u4, i8, u8 to i64 (u8 where
/// it fits); f2, f4 to f32; f8 to f64.
enum class Element { boolean, u1, i1, i2, u2, i4, u4, i8, u8, f2, f4, f8 };

int width(Element element);                 ///< bytes in the file
std::string target_type(Element element);   ///< "u8", "i32", "i64", "f32" or "f64"
int target_width(const std::string& type);  ///< bytes in memory

/// `count` numbers from where the source stands, widened, native byte order. Memory grows with what the file really
/// holds. Throws DataError with the place if the file ends before, or if a value has no place in the target type.
std::vector<std::byte> read_elements(ByteSource& source, Element element, bool big_endian, std::uint64_t count);

/// The product of the axes, and a DataError if it passes 2^62 (no file holds that).
std::uint64_t element_count(const ByteSource& source, const std::vector<std::int64_t>& shape);

/// "60000 x 28 x 28"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace hullscope::datasets::detail
