#include <fmt/format.h>

#include <hullscope/study/detail/option_table.hpp>
#include <hullscope/study/detail/toml_values.hpp>

namespace hullscope::study::detail {

std::string Place::at(const toml::node& node) const {
  return lines ? fmt::format("{}:{}", source, node.source().begin.line) : source;
}

std::string found_text(const toml::node& node) {
  static const std::string kinds[] = {"nothing",  "a table",    "a list", "a text", "an integer",
                                      "a number", "true/false", "a date", "a time", "a date and time"};
  const std::string kind = kinds[static_cast<int>(node.type())];
  if (const auto* text = node.as_string()) return quoted(text->get()) + " (a text)";
  if (const auto* integer = node.as_integer()) return fmt::format("{} (an integer)", integer->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("{} (a number)", real->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  return kind;
}

bool read_value(const toml::node& node, std::string& out) {
  const auto* value = node.as_string();
  if (value) out = value->get();
  return value;
}
bool read_value(const toml::node& node, std::int64_t& out) {
  const auto* value = node.as_integer();
  if (value) out = value->get();
  return value;
}
bool read_value(const toml::node& node, double& out) {
  if (const auto* integer = node.as_integer()) return out = static_cast<double>(integer->get()), true;
  const auto* value = node.as_floating_point();
  if (value) out = value->get();
  return value;
}
bool read_value(const toml::node& node, bool& out) {
  const auto* value = node.as_boolean();
  if (value) out = value->get();
  return value;
}
bool read_value(const toml::node& node, std::map<std::string, std::string>& out) {
  const auto* table = node.as_table();
  if (!table) return false;
  out.clear();
  for (const auto& [key, value] : *table)
    if (!read_value(value, out[std::string(key.str())])) return false;
  return true;
}

}  // namespace hullscope::study::detail
