// The parser of study files: TOML against the table of options.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/study/detail/option_table.hpp>
#include <hullscope/study/detail/toml_values.hpp>

namespace hullscope::study {
namespace {

using detail::found_text;
using detail::Option;
using detail::Place;
using detail::read_value;

std::string expectation(const Option& option) {
  const std::string range = option.range.text();
  return detail::type_name(option) + (range.empty() ? "" : ", " + range);
}

void set_option(Study& study, const Option& option, const toml::node& node, const Place& place) {
  const bool right_type = std::visit([&](auto member) { return read_value(node, *member(study)); }, option.member);
  if (!right_type)
    throw UsageError(
        fmt::format("{}: {} is {}, expected {}", place.at(node), option.key, found_text(node), expectation(option)));
  if (const auto fault = detail::range_fault(option, study); !fault.empty())
    throw UsageError(fmt::format("{}: {} is {}, but {}; expected {}", place.at(node), option.key,
                                 detail::value_text(option, study), fault, expectation(option)));
}

std::vector<std::string> valid_keys() {
  std::vector<std::string> keys = {"network", "presets", "test"};
  for (const auto& option : detail::option_table()) keys.push_back(option.key);
  return keys;
}

[[noreturn]] void refuse_unknown(const std::string& key, const std::string& at) {
  throw UsageError(fmt::format(
      "{}: unknown key {}; did you mean {}? (docs/study-file.md and `hullscope run --help-options` list all keys)", at,
      detail::quoted(key), nearest_name(key, valid_keys())));
}

const Option* find_option(const std::string& key) {
  for (const auto& option : detail::option_table())
    if (option.key == key) return &option;
  return nullptr;
}

bool is_section(const std::string& key) {
  return std::any_of(detail::option_table().begin(), detail::option_table().end(),
                     [&](const Option& option) { return option.key.starts_with(key + "."); });
}

void read_table(Study& study, const toml::table& table, const std::string& prefix, const Place& place) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (key == "presets") {
      continue;  // laid over the rest afterwards
    } else if (key == "network") {
      detail::read_networks(study, node, place);
    } else if (key == "test") {
      detail::read_tests(study, node, place);
    } else if (const Option* option = find_option(key)) {
      set_option(study, *option, node, place);
    } else if (is_section(key)) {
      const auto* section = node.as_table();
      if (!section)
        throw UsageError(
            fmt::format("{}: {} is {}, expected a table [{}]", place.at(node), key, found_text(node), key));
      read_table(study, *section, key + ".", place);
    } else if (const auto* section = node.as_table(); section && !section->empty()) {
      const auto first = section->begin();
      refuse_unknown(key + "." + std::string(first->first.str()), place.at(first->second));
    } else {
      refuse_unknown(key, place.at(node));
    }
  }
}

/// The value of the last override of `preset`, else what the file says.
std::string chosen_preset(const Study& study, const std::vector<std::string>& overrides) {
  std::string chosen = study.preset;
  for (const auto& text : overrides)
    if (text.starts_with("preset=")) chosen = text.substr(7);
  return chosen;
}

/// Reads every table of [presets], so that none is wrong unseen, and lays the chosen one over the study.
void apply_presets(Study& study, const toml::node& node, const std::string& chosen, const Place& place) {
  const auto* presets = node.as_table();
  if (!presets)
    throw UsageError(
        fmt::format("{}: presets is {}, expected tables [presets.NAME]", place.at(node), found_text(node)));
  std::vector<std::string> names;
  const Study file = study;
  for (const auto& [key, value] : *presets) {
    const std::string name(key.str());
    names.push_back(name);
    const auto* table = value.as_table();
    if (!table)
      throw UsageError(fmt::format("{}: presets.{} is {}, expected a table [presets.{}]", place.at(value), name,
                                   found_text(value), name));
    for (const char* refused : {"network", "preset", "presets", "test"})
      if (const auto* found = table->get(refused))
        throw UsageError(
            fmt::format("{}: presets.{} holds {}, expected options only", place.at(*found), name, refused));
    Study laid = file;
    read_table(laid, *table, "", place);
    if (name == chosen) study = laid;
  }
  if (!std::count(names.begin(), names.end(), chosen))
    throw UsageError(fmt::format("{}: preset is {}, but the file has the presets {}; name one of them", place.at(node),
                                 detail::quoted(chosen), join(names)));
  study.preset = chosen;
}

/// Pixels are measured once a study, so every trial must have the same.
void require_one_data_set_for_pixels(const Study& study, const std::string& file_name) {
  const bool own =
      std::any_of(study.networks.begin(), study.networks.end(), [](const auto& n) { return !n.set.empty(); });
  for (const auto& [key, spaces] :
       {std::pair{"hull.spaces", &study.hull.spaces}, std::pair{"proximity.spaces", &study.proximity.spaces}})
    if ((own || study.data.per_trial) && std::count(spaces->begin(), spaces->end(), "pixel"))
      throw UsageError(
          fmt::format("{}: {} names pixel, but {}; expected only neural and latent there", file_name, key,
                      own ? "a network has its own data set" : "data.per_trial gives each trial its own data"));
}

/// A study of features alone names no data set: the features of its first network are it.
void take_features_as_data(Study& study, const std::string& file_name) {
  if (!study.data.set.empty() || study.networks.empty() || study.networks[0].arrays.empty()) return;
  study.data.set = features_set(study.networks[0], "test", 0);
  for (const auto& [key, spaces] :
       {std::pair{"hull.spaces", &study.hull.spaces}, std::pair{"proximity.spaces", &study.proximity.spaces}})
    if (std::count(spaces->begin(), spaces->end(), "pixel"))
      throw UsageError(fmt::format(
          "{}: {} names pixel, but there are features and no data.set; expected neural and latent alone, {} = "
          "[\"neural\", \"latent\"]",
          file_name, key, key));
}

/// The text of an override as TOML: a list may be written 2,4,8, a text without quotes.
std::string override_toml(const Option& option, const std::string& value) {
  const bool list = option.member.index() >= 4, text = option.member.index() == 0 || option.member.index() == 5;
  if (!text) return list && !value.starts_with('[') ? "[" + value + "]" : value;
  if (value.starts_with('"') || value.starts_with('\'') || (list && value.starts_with('['))) return value;
  if (!list) return detail::quoted(value);
  std::vector<std::string> items;
  for (std::size_t first = 0; first <= value.size() && !value.empty();) {
    const std::size_t comma = std::min(value.find(',', first), value.size());
    items.push_back(value.substr(first, comma - first));
    first = comma + 1;
  }
  return detail::quoted_list(items);
}

void apply_override(Study& study, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError(fmt::format("--set {}: expected key=value, for example --set train.epochs=10", text));
  const std::string key = text.substr(0, equals), value = text.substr(equals + 1);
  const Place place{"--set " + text, false};
  for (const std::string table : {"network", "test"})
    if (key == table || key.starts_with(table + "."))
      throw UsageError(fmt::format("{}: {}s cannot be set on the command line, expected them in the study file",
                                   place.source, table));
  const Option* option = find_option(key);
  if (!option) refuse_unknown(key, place.source);
  try {
    const toml::table parsed = toml::parse("value = " + override_toml(*option, value));
    if (parsed.size() != 1 || !parsed.contains("value")) throw UsageError(place.source + ": expected one value");
    set_option(study, *option, *parsed.get("value"), place);
  } catch (const toml::parse_error&) {
    throw UsageError(fmt::format("{}: {} is {}, expected {}", place.source, key, value.empty() ? "empty" : value,
                                 expectation(*option)));
  }
}

}  // namespace

Study parse(const std::string& toml, const std::string& file_name, const std::vector<std::string>& overrides) {
  Study study;
  const Place place{file_name};
  try {
    const toml::table root = toml::parse(toml, file_name);
    read_table(study, root, "", place);
    if (const auto* presets = root.get("presets"))
      apply_presets(study, *presets, chosen_preset(study, overrides), place);
  } catch (const toml::parse_error& error) {
    throw UsageError(fmt::format("{}:{}: not valid TOML (column {}): {}", file_name, error.source().begin.line,
                                 error.source().begin.column, one_line(error.description())));
  }
  for (const auto& text : overrides) apply_override(study, text);
  take_features_as_data(study, file_name);
  if (study.data.set.empty())
    throw UsageError(
        fmt::format("{}: data.set is missing, expected a data set, for example [data] set = \"fashion-mnist\" "
                    "(`hullscope datasets list` names them)",
                    file_name));
  require_one_data_set_for_pixels(study, file_name);
  detail::check_networks_and_tests(study, file_name);
  return study;
}

Study load(const std::string& path, const std::vector<std::string>& overrides) {
  namespace fs = std::filesystem;
  constexpr std::uintmax_t kLargest = 16 << 20;  // no study needs more, and a wrong file may be huge
  std::error_code error;
  if (!fs::exists(path, error))
    throw UsageError(
        fmt::format("{}: there is no such file, expected a study file such as studies/quickstart.toml", path));
  if (!fs::is_regular_file(path, error))
    throw UsageError(fmt::format("{}: not a regular file, expected a study file (TOML)", path));
  if (const auto size = fs::file_size(path, error); error || size > kLargest)
    throw UsageError(fmt::format("{}: {} bytes, expected a study file (TOML) of at most {}", path, size, kLargest));
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw EnvironmentError(fmt::format("{}: cannot be read, check its permissions", path));
  Study study = parse(text, path, overrides);
  if (!study.data.folder.empty() && fs::path(study.data.folder).is_relative())
    study.data.folder = fs::weakly_canonical(fs::absolute(path).parent_path() / study.data.folder).string();
  return study;
}

}  // namespace hullscope::study
