// A study written as TOML: for the user, for a folder's study.toml and for the keys of tasks.
#include <fmt/format.h>

#include <hullscope/base/text.hpp>
#include <hullscope/study/detail/option_table.hpp>

namespace hullscope::study {
namespace detail {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\u{:04X}", byte);
    else
      out += c;
  }
  return out + '"';
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const auto& text : texts) items.push_back(quoted(text));
  return "[" + join(items) + "]";
}

namespace {

std::string as_toml(const std::string& value) {
  return quoted(value);
}
std::string as_toml(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string as_toml(bool value) {
  return value ? "true" : "false";
}
std::string as_toml(const std::vector<std::int64_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}
std::string as_toml(const std::vector<std::string>& values) {
  return quoted_list(values);
}
/// The shortest text that reads back as the same double, and as a float of TOML.
std::string as_toml(double value) {
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

}  // namespace

std::string number_text(double value) {
  return as_toml(value);
}

std::string value_text(const Option& option, const Study& study) {
  Study copy = study;
  return std::visit([&](auto member) { return as_toml(*member(copy)); }, option.member);
}

}  // namespace detail

namespace {

std::string tables_toml(const Study& study) {
  std::string out;
  for (const auto& test : study.tests) out += detail::test_toml(test);
  for (const auto& network : study.networks) out += detail::network_toml(network);
  return out;
}

std::string write(const Study& study, bool comments, bool execution) {
  std::string out, table;
  for (const auto& option : detail::option_table()) {
    if (option.role == detail::Role::execution && !execution) continue;
    const auto dot = option.key.find('.');
    if (dot != std::string::npos && option.key.substr(0, dot) != table) {
      table = option.key.substr(0, dot);
      out += fmt::format("\n[{}]\n", table);
    }
    if (comments) {
      const std::string range = option.range.text();
      out += fmt::format("# {}{}\n", option.meaning, range.empty() ? "" : " (" + range + ")");
    }
    out += fmt::format("{} = {}\n", dot == std::string::npos ? option.key : option.key.substr(dot + 1),
                       detail::value_text(option, study));
  }
  return out + tables_toml(study);
}

}  // namespace

std::string to_toml(const Study& study) {
  return write(study, true, true);
}

std::string scientific_toml(const Study& study) {
  return write(study, false, false);
}

std::string stage_options(const Study& study, const std::string& stage) {
  std::string out;
  for (const auto& option : detail::option_table())
    if (option.stage == stage && option.role == detail::Role::science)
      out += fmt::format("{} = {}\n", option.key, detail::value_text(option, study));
  return out;
}

}  // namespace hullscope::study
