#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/store/schema.hpp>

#include "detail/hdf5.hpp"

namespace hullscope::store {

const Format& format_of(std::string_view stage) {
  for (const Format& format : formats())
    if (format.stage == stage) return format;
  throw InternalError("no file format is known for the stage \"" + std::string(stage) + "\"");
}

/// Does `path` fit `pattern`, in which `*` stands for one whole segment?
static bool fits(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && !path.empty()) {
    const auto p = pattern.find('/', 1), q = path.find('/', 1);
    const auto segment = path.substr(0, q);
    if (pattern.substr(0, p) == "/*" ? segment.size() < 2 : pattern.substr(0, p) != segment) return false;
    pattern = p == std::string_view::npos ? "" : pattern.substr(p);
    path = q == std::string_view::npos ? "" : path.substr(q);
  }
  return pattern.empty() && path.empty();
}

/// The writer's own scales of a data set whose dimensions the table leaves open ("axis0_32" beside it) are no
/// parameters.
static bool is_open_scale(const Field& field, std::string_view path) {
  return field.dimensions == "*" && path.substr(path.rfind('/') + 1).starts_with("axis");
}

const Field* find_field(const Format& format, std::string_view path) {
  for (const Field& field : format.fields)
    if (field.path == path) return &field;
  for (const Field& field : format.fields)
    if (fits(field.path, path) && !is_open_scale(field, path)) return &field;
  return nullptr;
}

static std::string shape_in_words(const Field& field) {
  if (field.dimensions.empty()) return "scalar";
  if (field.dimensions == "*") return "any";
  std::string text(field.dimensions);
  for (std::size_t at = 0; (at = text.find(',', at)) != std::string::npos; at += 3) text.replace(at, 1, " x ");
  return text;
}

std::string formats_as_markdown() {
  std::string text;
  for (const Format& format : formats()) {
    text += "### Stage `" + std::string(format.stage) + "`\n\n" + std::string(format.meaning) + "\n\nFile: `" +
            std::string(format.file) +
            "`.\n\n| data set | type | dimensions | units | meaning |\n|---|---|---|---|---|\n";
    for (const Field& field : format.fields)
      text += "| `" + std::string(field.path) + "` | " + detail::type_name(field.type) + " | " + shape_in_words(field) +
              " | " + std::string(field.units) + " | " + std::string(field.long_name) +
              (field.optional ? " (optional)" : "") + " |\n";
    text += "\n";
  }
  return text;
}

}  // namespace hullscope::store
