#include <hullscope/datasets/detail/elements.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

#include <Eigen/Core>

#include <hullscope/base/error.hpp>

namespace hullscope::datasets::detail {

namespace {

struct Row {
  Element element;
  int width;
  const char* target;
};
constexpr Row kRows[] = {{Element::boolean, 1, "u8"}, {Element::u1, 1, "u8"},  {Element::i1, 1, "i32"},
                         {Element::i2, 2, "i32"},     {Element::u2, 2, "i32"}, {Element::i4, 4, "i32"},
                         {Element::u4, 4, "i64"},     {Element::i8, 8, "i64"}, {Element::u8, 8, "i64"},
                         {Element::f2, 2, "f32"},     {Element::f4, 4, "f32"}, {Element::f8, 8, "f64"}};

const Row& row(Element element) {
  return kRows[static_cast<int>(element)];
}

template <class Bits>
Bits load(const unsigned char* in, bool swap) {
  unsigned char bytes[sizeof(Bits)];
  std::memcpy(bytes, in, sizeof(Bits));
  if (swap) std::reverse(bytes, bytes + sizeof(Bits));
  Bits value;
  std::memcpy(&value, bytes, sizeof(Bits));
  return value;
}

template <class In, class Out>
void widen(const unsigned char* in, std::size_t n, bool swap, std::byte* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto value = static_cast<Out>(load<In>(in + i * sizeof(In), swap));
    std::memcpy(out + i * sizeof(Out), &value, sizeof(Out));
  }
}

void widen_half(const unsigned char* in, std::size_t n, bool swap, std::byte* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto bits = load<std::uint16_t>(in + 2 * i, swap);
    const float value = static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(bits));
    std::memcpy(out + 4 * i, &value, 4);
  }
}

/// Converts n numbers; the index of the first that has no place in the target type, or n.
std::size_t convert(Element element, const unsigned char* in, std::size_t n, bool swap, std::byte* out) {
  switch (element) {
    case Element::boolean:
      std::memcpy(out, in, n);
      return static_cast<std::size_t>(std::find_if(in, in + n, [](unsigned char b) { return b > 1; }) - in);
    case Element::u1:
      std::memcpy(out, in, n);
      return n;
    case Element::u8:
      for (std::size_t i = 0; i < n; ++i)
        if (load<std::uint64_t>(in + 8 * i, swap) > INT64_MAX) return i;
      widen<std::uint64_t, std::int64_t>(in, n, swap, out);
      return n;
    case Element::i1:
      widen<std::int8_t, std::int32_t>(in, n, swap, out);
      return n;
    case Element::i2:
      widen<std::int16_t, std::int32_t>(in, n, swap, out);
      return n;
    case Element::u2:
      widen<std::uint16_t, std::int32_t>(in, n, swap, out);
      return n;
    case Element::i4:
      widen<std::int32_t, std::int32_t>(in, n, swap, out);
      return n;
    case Element::u4:
      widen<std::uint32_t, std::int64_t>(in, n, swap, out);
      return n;
    case Element::i8:
      widen<std::int64_t, std::int64_t>(in, n, swap, out);
      return n;
    case Element::f2:
      widen_half(in, n, swap, out);
      return n;
    // Floats as bits: a signalling NaN would change on its way through a register.
    case Element::f4:
      widen<std::uint32_t, std::uint32_t>(in, n, swap, out);
      return n;
    case Element::f8:
      widen<std::uint64_t, std::uint64_t>(in, n, swap, out);
      return n;
  }
  throw InternalError("an element type without a conversion");
}

}  // namespace

int width(Element element) {
  return row(element).width;
}
std::string target_type(Element element) {
  return row(element).target;
}
int target_width(const std::string& type) {
  return type == "u8" ? 1 : type == "i32" || type == "f32" ? 4 : 8;
}

std::vector<std::byte> read_elements(ByteSource& source, Element element, bool big_endian, std::uint64_t count) {
  const auto in_width = static_cast<std::uint64_t>(width(element));
  const auto out_width = static_cast<std::uint64_t>(target_width(target_type(element)));
  const bool swap = in_width > 1 && big_endian == (std::endian::native == std::endian::little);
  const std::string what = std::to_string(count) + " values of " + std::to_string(in_width) + " bytes each";
  if (count > source.most_left() / in_width)
    throw DataError(source.file(), source.place(source.position()),
                    "the header promises " + what + ", but the file has room for at most " +
                        std::to_string(source.most_left() / in_width) + " from here on");
  require_memory(static_cast<double>(count) * static_cast<double>(out_width), source.file());

  constexpr std::uint64_t kChunk = 64 * 1024;
  std::vector<unsigned char> raw(static_cast<std::size_t>(std::min(count, kChunk) * in_width));
  std::vector<std::byte> out;
  if (!source.packed()) out.reserve(static_cast<std::size_t>(count * out_width));  // the file does hold them
  for (std::uint64_t done = 0; done < count;) {
    const auto n = static_cast<std::size_t>(std::min(count - done, kChunk));
    const std::uint64_t first = source.position();
    source.require(raw.data(), n * static_cast<std::size_t>(in_width), what);
    if (out.size() + n * out_width > out.capacity())
      out.reserve(static_cast<std::size_t>(std::min(count * out_width, 2 * (out.size() + n * out_width))));
    out.resize(out.size() + n * static_cast<std::size_t>(out_width));
    const std::size_t good = convert(element, raw.data(), n, swap, out.data() + done * out_width);
    if (good < n)
      throw DataError(source.file(), source.place(first + good * in_width),
                      element == Element::boolean ? "a boolean that is neither 0 nor 1"
                                                  : "an unsigned 64-bit integer above 2^63 - 1; expected smaller ones");
    done += n;
  }
  return out;
}

std::uint64_t element_count(const ByteSource& source, const std::vector<std::int64_t>& shape) {
  std::uint64_t all = 1, non_zero = 1;  // the second, so that 0 x 10^18 is refused as well
  bool fits = true;
  for (const std::int64_t axis : shape) {
    all *= static_cast<std::uint64_t>(axis);
    if (axis != 0) fits = fits && !__builtin_mul_overflow(non_zero, static_cast<std::uint64_t>(axis), &non_zero);
  }
  if (!fits || non_zero > (std::uint64_t{1} << 62))
    throw DataError(source.file(), "header", "a shape of " + shape_text(shape) + ", which no file can hold");
  return all;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t axis : shape) text += (text.empty() ? "" : " x ") + std::to_string(axis);
  return text.empty() ? "a single number" : text;
}

}  // namespace hullscope::datasets::detail
