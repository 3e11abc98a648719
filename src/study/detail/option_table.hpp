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
std::string number_text(double value);  ///< as TOML
/// A network's table, and a further test set's, as TOML.
std::string network_toml(const NetworkSpec& network);
std::string test_toml(const TestSpec& test);
/// Throws UsageError where networks, test sets and trials of a study do not fit together.
void check_networks_and_tests(const Study& study, const std::string& file_name);

/// The sections of docs/study-file.md on tables.
std::string tables_as_markdown();

/// Why a text cannot be a folder's name; "" if it can.
std::string folder_name_fault(const std::string& name);
/// Why the option's value in `study` is out of range; "" if it is not.
std::string range_fault(const Option& option, const Study& study);

}  // namespace hullscope::study::detail
