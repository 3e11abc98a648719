#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

#include <hullscope/base/error.hpp>
#include <hullscope/datasets/detail/elements.hpp>
#include <hullscope/datasets/detail/readers.hpp>

namespace hullscope::datasets::detail {

namespace {

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> shape;
};

/// The header's Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(const std::string& file, std::string_view text, std::size_t offset)
      : file_(file), text_(text), offset_(offset) {}

  Header parse() {
    Header header;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !header.descr) {
        if (peek() == '[') fail("a structured type; expected plain numbers");
        header.descr = quoted();
      } else if (key == "fortran_order" && !header.fortran_order) {
        header.fortran_order = boolean();
      } else if (key == "shape" && !header.shape) {
        header.shape = tuple();
      } else {
        fail("key \"" + key + "\" is unknown or comes twice; expected descr, fortran_order and shape, once each");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ < text_.size()) fail("expected nothing but blanks after the closing brace");
    if (!header.descr || !header.fortran_order || !header.shape)
      fail("the header ends without all of descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& sentence) const {
    throw DataError(file_, "byte " + std::to_string(offset_ + at_), "in the NPY header: " + sentence);
  }
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  char peek() {
    skip_blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("expected \"") + c + "\"");
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("expected a quoted text");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("a quoted text that does not end");
    std::string text(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    for (char& c : text)  // it may stand in a message
      if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '?';
    return text;
  }
  bool boolean() {
    skip_blanks();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return value;
    }
    fail("expected True or False");
  }
  std::int64_t integer() {
    skip_blanks();
    std::int64_t value = 0;
    const std::size_t first = at_;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_)
      if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text_[at_] - '0', &value))
        fail("an axis longer than 2^63");
    if (at_ == first) fail("expected an axis length, an integer >= 0");
    accept('L');  // as Python 2 wrote long integers
    return value;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!accept(')')) {
      values.push_back(integer());
      if (values.size() > 32) fail("more than 32 axes");
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return values;
  }

  const std::string& file_;
  std::string_view text_;
  std::size_t offset_, at_ = 0;
};

Element element_of(const ByteSource& source, const std::string& descr, bool* big_endian) {
  static const std::map<std::string, Element> table = {
      {"b1", Element::boolean}, {"u1", Element::u1}, {"i1", Element::i1}, {"i2", Element::i2},
      {"u2", Element::u2},      {"i4", Element::i4}, {"u4", Element::u4}, {"i8", Element::i8},
      {"u8", Element::u8},      {"f2", Element::f2}, {"f4", Element::f4}, {"f8", Element::f8}};
  const std::string order = descr.substr(0, 1);
  const bool marked = order == "<" || order == ">" || order == "|" || order == "=";
  const auto found = table.find(marked ? descr.substr(1) : descr);
  // "|" means that byte order does not matter, which is true of single bytes only.
  if (found == table.end() || (order == "|" && width(found->second) != 1))
    throw DataError(source.file(), "NPY header",
                    "type \"" + descr.substr(0, 40) +
                        "\"; expected real numbers: b1, u1, i1, u2, i2, u4, i4, u8, i8, f2, f4 or f8, with \"<\" or "
                        "\">\" for the byte order (mend it with numpy's astype)");
  *big_endian = order == ">";
  return found->second;
}

/// Fortran order to C order. bytes: the values, first axis fastest.
std::vector<std::byte> to_c_order(const std::vector<std::byte>& bytes, const std::vector<std::int64_t>& shape,
                                  std::size_t item) {
  struct Axis {
    std::size_t extent, stride, index;  // stride: in the input, in items
  };
  std::vector<Axis> axes;
  std::size_t stride = 1;
  for (const std::int64_t extent : shape) {
    axes.push_back({static_cast<std::size_t>(extent), stride, 0});
    stride *= static_cast<std::size_t>(extent);
  }
  std::vector<std::byte> out(bytes.size());
  const std::size_t count = bytes.size() / item;
  std::size_t from = 0;
  for (std::size_t to = 0; to < count; ++to) {
    std::memcpy(out.data() + to * item, bytes.data() + from * item, item);
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {  // the next index, last axis fastest
      from += axis->stride;
      if (++axis->index < axis->extent) break;
      from -= axis->stride * axis->index;
      axis->index = 0;
    }
  }
  return out;
}

std::string read_header(ByteSource& source) {
  unsigned char version[4];  // the magic's last two bytes, major, minor
  source.require(version, 4, "the NPY magic and version");
  if (version[0] != 'P' || version[1] != 'Y')
    throw DataError(source.file(), source.place(4), "expected the magic \"\\x93NUMPY\" of an NPY file");
  const int major = version[2];
  if (major < 1 || major > 3)
    throw DataError(
        source.file(), source.place(6),
        "NPY version " + std::to_string(major) + "." + std::to_string(version[3]) + "; expected 1.0, 2.0 or 3.0");
  unsigned char length[4] = {0, 0, 0, 0};
  source.require(length, major == 1 ? 2 : 4, "the length of the NPY header");
  const std::uint32_t size = length[0] | (length[1] << 8) | (length[2] << 16) | (std::uint32_t{length[3]} << 24);
  constexpr std::uint32_t kMost = 1 << 16;  // a header of three short entries; numpy itself writes 118 bytes
  if (size > kMost)
    throw DataError(source.file(), source.place(8),
                    "a header of " + std::to_string(size) + " bytes; expected at most " + std::to_string(kMost));
  std::string text(size, '\0');
  source.require(text.data(), size, "the NPY header");
  return text;
}

}  // namespace

NpyLayout read_npy_layout(ByteSource& source) {
  const std::string text = read_header(source);
  const Header header = HeaderParser(source.file(), text, source.position() - text.size()).parse();
  NpyLayout layout;
  layout.element = element_of(source, *header.descr, &layout.big_endian);
  layout.fortran_order = *header.fortran_order;
  layout.shape = *header.shape;
  return layout;
}

Array read_npy(ByteSource& source, const unsigned char[4]) {
  const NpyLayout layout = read_npy_layout(source);
  Array array;
  array.shape = layout.shape;
  array.type = target_type(layout.element);
  array.bytes = read_elements(source, layout.element, layout.big_endian, element_count(source, array.shape));
  source.expect_end(shape_text(array.shape) + " values");
  if (layout.fortran_order && array.shape.size() > 1)
    array.bytes = to_c_order(array.bytes, array.shape, static_cast<std::size_t>(target_width(array.type)));
  array.file = source.file();
  return array;
}

}  // namespace hullscope::datasets::detail
