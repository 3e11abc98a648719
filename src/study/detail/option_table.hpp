// The table of options, as the parser, the writer and the help see it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <hullscope/study/study_file.hpp>

namespace hullscope::study::detail {

/// Where an option's value lives. The alternative is its type.
using Member = std::variant<std::string* (*)(Study&), std::int64_t* (*)(Study&), double* (*)(Study&), bool* (*)(Study&),
                            std::vector<std::int64_t>* (*)(Study&), std::vector<std::string>* (*)(Study&)>;

/// What a value (of a list: each of its items) may be.
struct Range {
  std::optional<double> at_least = {}, above = {}, at_most = {}, below = {};
  std::vector<std::string> one_of = {};
  std::string or_prefix = {};  ///< also any longer text that begins so
  bool folder_name = false;    ///< a name that is safe as a folder's
  bool required = false;       ///< not empty
  bool may_be_empty = true;    ///< of a list; its items are always distinct

  std::string text() const;  ///< "integer >= 1" without the type: ">= 1"
};

enum class Role {
  science,   ///< its stage's results depend on it: it enters their keys
  extent,    ///< says which tasks there are: changing it extends a study, and enters no other task's key
  execution  ///< how and where a study runs: no result depends on it
};

struct Option {
  std::string key, stage;
  Role role;
  Member member;
  Range range;
  std::string meaning;
};

const std::vector<Option>& option_table();

std::string type_name(const Option& option);  ///< "integer", "list of texts", ...
/// The value as TOML.
std::string value_text(const Option& option, const Study& study);
std::string quoted(const std::string& text);
/// "[...]" of quoted texts.
std::string quoted_list(const std::vector<std::string>& texts);
/// A network's table as TOML.
std::string network_toml(const NetworkSpec& network);

/// Why a text cannot be a folder's name; "" if it can.
std::string folder_name_fault(const std::string& name);
/// Why the option's value in `study` is out of range; "" if it is not.
std::string range_fault(const Option& option, const Study& study);

}  // namespace hullscope::study::detail
