// Small helpers for messages.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hullscope {

/// The valid name nearest to `found` by edit distance, for "did you mean"; empty if `valid` is empty.
std::string nearest_name(std::string_view found, const std::vector<std::string>& valid);

/// "a, b, c"
std::string join(const std::vector<std::string>& items, std::string_view separator = ", ");

/// With a space in the place of each control character: a message that may quote a line feed.
std::string one_line(std::string_view text);

/// "12.3 s", "4 min 05 s", "2 h 10 min"
std::string format_duration(double seconds);

/// "512 B", "12.3 MB", "1.2 GB"
std::string format_bytes(double bytes);

}  // namespace hullscope
