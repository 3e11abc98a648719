// What every file of hullscope holds: the one table that writers, readers, `hullscope check` and docs/file-format.md
// use.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hullscope::store {

enum class Type { u8, i32, i64, f32, f64, text };

/// One data set of a format. `path` may hold `*`, which stands for one path segment (a space's or measure's name).
struct Field {
  std::string_view path;
  Type type;
  std::string_view dimensions;  ///< comma-separated names of the dimension scales, e.g. "sample,feature"; "" = scalar
  std::string_view units;       ///< "1" for numbers without a unit
  std::string_view long_name;
  bool optional = false;
};

/// One kind of file.
struct Format {
  std::string_view stage;    ///< root attribute `stage`
  std::string_view file;     ///< where it stands under the output folder
  std::string_view meaning;  ///< one sentence
  std::vector<Field> fields;
};

/// SemVer of the file format, apart from the program's version. A reader refuses another major.
inline constexpr std::string_view kFormatVersion = "1.3.0";

const std::vector<Format>& formats();
/// Throws InternalError if there is none.
const Format& format_of(std::string_view stage);
/// The field that a data set's path belongs to, or nullptr.
const Field* find_field(const Format& format, std::string_view path);

/// The format table as Markdown, as it stands in docs/file-format.md (a test compares them).
std::string formats_as_markdown();

}  // namespace hullscope::store
