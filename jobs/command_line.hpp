// What the verbs of the dispatcher share: CLI11 with our one sentence, and the stage programs' answers.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace hullscope::jobs {

/// A line on standard output, at once.
void say(const std::string& line);

/// Apps are named as they are typed, "hullscope run", for CLI11's usage line: here the verb alone.
std::string verb_of(const CLI::App& app);

/// False if help was asked for and given. Throws UsageError on what CLI11 refuses, naming the nearest valid option.
bool parse(CLI::App& app, std::vector<std::string> arguments);

}  // namespace hullscope::jobs
