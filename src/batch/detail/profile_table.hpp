// The tables of a profile's keys, as the parser and the help see them.
#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <hullscope/batch/profile.hpp>

namespace hullscope::batch::detail {

enum class Form { text, line, time, memory, choice };  ///< what a text may be; line: without control characters

template <class Owner>
struct Key {
  std::string name;
  std::variant<std::string* (*)(Owner&), std::int64_t* (*)(Owner&), double* (*)(Owner&),
               std::vector<std::string>* (*)(Owner&)>
      member;  ///< the alternative is the key's type
  std::string meaning;
  Form form = Form::line;                ///< of texts and of a list's items
  double at_least = 0, at_most = 1e9;    ///< of numbers
  std::vector<std::string> one_of = {};  ///< of Form::choice
};

const std::vector<Key<Profile>>& profile_keys();
/// Of [stage.NAME].
const std::vector<Key<StageOptions>>& stage_keys();
/// train, extract, encode, hull, proximity, reduce
const std::vector<std::string>& stage_names();

}  // namespace hullscope::batch::detail
