#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/batch/detail/profile_table.hpp>

namespace hullscope::batch {
namespace fs = std::filesystem;
using detail::Form;
using detail::Key;

namespace {

/// Digits only, at most eight of them; -1 otherwise.
std::int64_t whole_number(const std::string& text) {
  if (text.empty() || text.size() > 8 || text.find_first_not_of("0123456789") != std::string::npos) return -1;
  return std::stoll(text);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t first = 0;;) {
    const auto end = text.find(separator, first);
    parts.push_back(text.substr(first, end - first));
    if (end == std::string::npos) return parts;
    first = end + 1;
  }
}

}  // namespace

std::int64_t minutes_of(const std::string& time) {
  const auto dash = time.find('-');
  std::int64_t days = 0;
  std::string clock = time;
  if (dash != std::string::npos) {
    days = whole_number(time.substr(0, dash));
    clock = time.substr(dash + 1);
  }
  std::vector<std::int64_t> parts;
  for (const auto& part : split(clock, ':')) parts.push_back(whole_number(part));
  if (days < 0 || parts.size() > 3 || std::count(parts.begin(), parts.end(), -1) > 0) return -1;
  // without days one part is minutes and two are minutes:seconds; with days the first part is hours
  std::int64_t hours = 0, minutes = 0, seconds = 0;
  if (dash != std::string::npos || parts.size() == 3) {
    hours = parts[0];
    minutes = parts.size() > 1 ? parts[1] : 0;
    seconds = parts.size() > 2 ? parts[2] : 0;
  } else {
    minutes = parts[0];
    seconds = parts.size() > 1 ? parts[1] : 0;
  }
  return days * 1440 + hours * 60 + minutes + (seconds + 59) / 60;
}

std::string slurm_time(std::int64_t minutes) {
  const std::string clock = fmt::format("{:02}:{:02}:00", minutes / 60 % 24, minutes % 60);
  return minutes < 1440 ? clock : fmt::format("{}-{}", minutes / 1440, clock);
}

std::int64_t megabytes_of(const std::string& memory) {
  if (memory.empty()) return -1;
  const std::string units = "MGT", number = memory.substr(0, memory.size() - 1);
  const auto unit = units.find(memory.back());
  if (unit == std::string::npos || number.empty() || number.size() > 10 ||
      number.find_first_not_of("0123456789.") != std::string::npos ||
      std::count(number.begin(), number.end(), '.') > 1 || number == ".")
    return -1;
  return static_cast<std::int64_t>(std::ceil(std::stod(number) * std::pow(1024.0, static_cast<double>(unit))));
}

std::string slurm_memory(std::int64_t megabytes) {
  return megabytes % 1024 == 0 && megabytes > 0 ? fmt::format("{}G", megabytes / 1024) : fmt::format("{}M", megabytes);
}

namespace {

std::string at(const std::string& file, const toml::node& node) {
  return fmt::format("{}:{}", file, node.source().begin.line);
}

template <class Owner>
[[noreturn]] void refuse(const Key<Owner>& key, const std::string& name, const std::string& place,
                         const std::string& found) {
  static const char* types[] = {"a text", "an integer", "a number", "a list of texts"};
  std::string expected = types[key.member.index()];
  if (key.form == Form::time) expected = "a time such as \"04:00:00\" or \"1-12:00:00\", at least one minute";
  if (key.form == Form::memory) expected = "an amount of memory such as \"16G\" or \"500M\"";
  if (key.form == Form::choice) expected += " of " + join(key.one_of);
  if (key.form == Form::line && (key.member.index() == 0 || key.member.index() == 3))
    expected += " without control characters";
  if (key.member.index() == 1 || key.member.index() == 2)
    expected += fmt::format(" from {:g} to {:g}", key.at_least, key.at_most);
  throw UsageError(fmt::format("{}: {} is {}, expected {}", place, name, found, expected));
}

bool text_fits(const std::string& text, Form form, const std::vector<std::string>& one_of) {
  const bool control = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  switch (form) {
    case Form::text:
      return text.find('\0') == std::string::npos;
    case Form::line:
      return !control;
    case Form::time:
      return minutes_of(text) > 0;
    case Form::memory:
      return megabytes_of(text) > 0;
    case Form::choice:
      return std::count(one_of.begin(), one_of.end(), text) > 0;
  }
  return false;
}

std::string shown(const toml::node& node) {
  if (const auto* text = node.as_string()) return "\"" + text->get() + "\"";
  if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  return node.is_array() ? "a list" : node.is_table() ? "a table" : "a date or time";
}

template <class Owner>
void set_value(const Key<Owner>& key, std::string& value, const toml::node& node, const std::string& name,
               const std::string& place) {
  const auto* text = node.as_string();
  if (!text || !text_fits(text->get(), key.form, key.one_of)) refuse(key, name, place, shown(node));
  value = text->get();
}
template <class Owner>
void set_value(const Key<Owner>& key, std::vector<std::string>& value, const toml::node& node, const std::string& name,
               const std::string& place) {
  const auto* list = node.as_array();
  if (!list) refuse(key, name, place, shown(node));
  value.clear();
  for (const auto& item : *list) {
    value.emplace_back();
    set_value(key, value.back(), item, name, place);
  }
}
template <class Owner, class Number>
void set_value(const Key<Owner>& key, Number& value, const toml::node& node, const std::string& name,
               const std::string& place) {
  const auto number = std::is_integral_v<Number> && !node.is_integer() ? std::optional<Number>() : node.value<Number>();
  if (!number || !(static_cast<double>(*number) >= key.at_least && static_cast<double>(*number) <= key.at_most))
    refuse(key, name, place, shown(node));
  value = *number;
}

template <class Owner>
bool set_key(const std::vector<Key<Owner>>& keys, Owner& owner, const std::string& name, const std::string& full_name,
             const toml::node& node, const std::string& file) {
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.name == name; });
  if (key == keys.end()) return false;
  std::visit([&](auto member) { set_value(*key, *member(owner), node, full_name, at(file, node)); }, key->member);
  return true;
}

[[noreturn]] void refuse_unknown(const std::string& name, const std::string& place) {
  std::vector<std::string> names;
  for (const auto& key : detail::profile_keys()) names.push_back(key.name);
  for (const auto& stage : detail::stage_names())
    for (const auto& key : detail::stage_keys()) names.push_back("stage." + stage + "." + key.name);
  throw UsageError(fmt::format("{}: unknown key \"{}\"; did you mean {}? (docs/profiles.md lists all keys)", place,
                               name, nearest_name(name, names)));
}

bool is_section(const std::string& name) {
  const auto& keys = detail::profile_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.name.starts_with(name + "."); });
}

void read_table(Profile& profile, const toml::table& table, const std::string& prefix, const std::string& file) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str()), full = prefix + name;
    const auto parts = split(full, '.');
    const bool of_stage = parts.size() == 3 && parts[0] == "stage" &&
                          std::count(detail::stage_names().begin(), detail::stage_names().end(), parts[1]) > 0;
    if (of_stage ? set_key(detail::stage_keys(), profile.stage[parts[1]], name, full, node, file)
                 : set_key(detail::profile_keys(), profile, full, full, node, file))
      continue;
    const auto* section = node.as_table();
    if (section && section->empty() && is_section(full)) continue;  // all of it commented out
    if (!section || section->empty()) refuse_unknown(full, at(file, node));
    read_table(profile, *section, full + ".", file);
  }
}

/// Where profiles of a name are looked for, the user's own first.
std::vector<std::string> folders(const std::string& shipped) {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  std::vector<std::string> found;
  if (config && *config)
    found.push_back(std::string(config) + "/hullscope/profiles");
  else if (home && *home)
    found.push_back(std::string(home) + "/.config/hullscope/profiles");
  found.push_back(shipped);
  return found;
}

std::string path_of(const std::string& name, const std::vector<std::string>& where) {
  if (name.find('/') != std::string::npos || name.ends_with(".toml")) return fs::is_regular_file(name) ? name : "";
  for (const auto& folder : where)
    if (const std::string path = folder + "/" + name + ".toml"; fs::is_regular_file(path)) return path;
  return "";
}

std::string chosen_name(const std::string& name, const std::vector<std::string>& where) {
  if (!name.empty()) return name;
  if (const char* variable = std::getenv("HULLSCOPE_PROFILE"); variable && *variable) return variable;
  return path_of("default", where).empty() ? "generic" : "default";
}

std::vector<std::string> names_in(const std::vector<std::string>& where) {
  std::vector<std::string> names;
  std::error_code ignored;  // a folder that is not there holds no profile
  for (const auto& folder : where)
    for (fs::directory_iterator it(folder, ignored), end; it != end; it.increment(ignored))
      if (it->path().extension() == ".toml") names.push_back(it->path().stem().string());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Profile load(const std::string& name, const std::vector<std::string>& where, int depth) {
  const std::string path = path_of(name, where);
  if (path.empty()) {
    const auto names = names_in(where);
    throw UsageError(fmt::format("--profile {}: there is no such profile; did you mean {}? (there are {}, in {})", name,
                                 nearest_name(name, names), join(names), join(where)));
  }
  if (depth > 8) throw UsageError(path + ": profiles inherit each other in a circle; break it (key inherits)");
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw EnvironmentError(path + ": cannot be read, check its permissions");
  Profile profile = parse_profile(text, path);
  if (!profile.inherits.empty()) profile = parse_profile(text, path, load(profile.inherits, where, depth + 1));
  profile.name = fs::path(path).stem().string();
  return profile;
}

}  // namespace

StageOptions Profile::of(const std::string& stage_name) const {
  const auto found = stage.find(stage_name);
  return found == stage.end() ? StageOptions{} : found->second;
}

Profile parse_profile(const std::string& toml, const std::string& file_name, const Profile& base) {
  Profile profile = base;
  try {
    read_table(profile, toml::parse(toml, file_name), "", file_name);
  } catch (const toml::parse_error& error) {
    throw UsageError(fmt::format("{}:{}: not valid TOML (column {}): {}", file_name, error.source().begin.line,
                                 error.source().begin.column, one_line(error.description())));
  }
  return profile;
}

Profile load_profile(const std::string& name, const std::string& shipped) {
  const auto where = folders(shipped);
  return load(chosen_name(name, where), where, 0);
}

}  // namespace hullscope::batch
