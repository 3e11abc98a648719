// Numbers in messages, with all their digits.
#pragma once
#include <cstdio>
#include <string>

namespace hullscope::proof::detail {

inline std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", x);
  return text;
}

}  // namespace hullscope::proof::detail
