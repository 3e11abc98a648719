#include "command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>

namespace hullscope::jobs {

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

std::string verb_of(const CLI::App& app) {
  return app.get_name().substr(app.get_name().find(' ') + 1);
}

[[noreturn]] static void refuse(const CLI::App& app, const CLI::ParseError& error) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    if (!option->get_lnames().empty()) names.push_back("--" + option->get_lnames()[0]);
  for (const auto& word : app.remaining())
    if (word.starts_with("-"))
      throw UsageError(fmt::format("{}: unknown option {}; did you mean {}?", verb_of(app), word,
                                   nearest_name(word.substr(0, word.find('=')), names)));
  throw UsageError(fmt::format("{}: {} (hullscope {} --help)", verb_of(app), error.what(), verb_of(app)));
}

bool parse(CLI::App& app, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    say(app.help());
    return false;
  } catch (const CLI::ParseError& error) {
    refuse(app, error);
  }
  return true;
}

}  // namespace hullscope::jobs
