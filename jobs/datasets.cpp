// hullscope datasets list | fetch NAME | where NAME. One process, no MPI: it starts curl, and must answer at once.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/registry.hpp>

namespace hullscope {
namespace {

constexpr const char* kHelp =
    "Usage: hullscope datasets list\n"
    "       hullscope datasets where NAME [--folder DIR]\n"
    "       hullscope datasets fetch NAME [--to DIR]\n"
    "\n"
    "  list    the named and the synthetic data sets, and which are on this machine\n"
    "  where   the files of a named set on this machine, each checked by its SHA-256; exit 1 if one is missing\n"
    "  fetch   downloads a named set by curl or wget, checks it, and puts it into DIR (default: the folder\n"
    "          hullscope/NAME of $XDG_CACHE_HOME or ~/.cache, which is searched)\n"
    "\n"
    "Files are looked for in --folder (a study's data.folder), in each folder of HULLSCOPE_DATA (colon-separated)\n"
    "and its sub-folder NAME, in the cache, and where the Debian package of the set puts them.\n";

struct CommandLine {
  std::string verb, name, folder;
};

CommandLine read_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string option = arguments[i];
    if (option.empty() || option[0] != '-') {
      words.push_back(option);
      continue;
    }
    const std::string own = words.empty() || words[0] == "list" ? "" : words[0] == "fetch" ? "--to" : "--folder";
    const std::size_t equals = option.find('=');
    const bool joined = equals != std::string::npos;
    const std::string value = joined ? option.substr(equals + 1) : i + 1 < arguments.size() ? arguments[++i] : "";
    option = option.substr(0, equals);
    if (own.empty() || option != own)
      throw UsageError("datasets: unknown option \"" + option + "\"; expected " +
                       (own.empty() ? "none here (see hullscope datasets --help)" : own));
    if (value.empty()) throw UsageError("datasets: " + option + " needs a folder");
    line.folder = value;
  }
  const std::vector<std::string> verbs = {"list", "where", "fetch"};
  if (words.empty()) throw UsageError("datasets: expected list, where NAME or fetch NAME");
  line.verb = words[0];
  if (std::find(verbs.begin(), verbs.end(), line.verb) == verbs.end())
    throw UsageError("datasets: \"" + line.verb + "\" is unknown; did you mean \"" + nearest_name(line.verb, verbs) +
                     "\"?");
  const std::size_t expected = line.verb == "list" ? 1 : 2;
  if (words.size() != expected)
    throw UsageError("datasets " + line.verb + ": expected " +
                     (expected == 1 ? "no name" : "the name of one data set (see hullscope datasets list)"));
  if (expected == 2) line.name = words[1];
  return line;
}

const datasets::NamedSet& named_set(const std::string& name) {
  if (const datasets::NamedSet* set = datasets::find_named_set(name)) return *set;
  std::vector<std::string> names;
  for (const datasets::NamedSet& set : datasets::named_sets()) names.push_back(set.name);
  if (datasets::is_synthetic_set(name))
    throw UsageError("data set \"" + name + "\" is made where it is needed and has no files");
  throw UsageError("data set \"" + name + "\" is unknown; did you mean \"" + nearest_name(name, names) +
                   "\"? There are " + join(names));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> axes;
  for (const std::int64_t axis : shape) axes.push_back(std::to_string(axis));
  return join(axes, " x ");
}

int list() {
  fmt::print("{:<14} {:>13}  {:<11} {:>7}  {:<48} {}\n", "name", "train + test", "shape", "classes", "licence",
             "on this machine");
  for (const datasets::NamedSet& set : datasets::named_sets()) {
    const std::string place = datasets::found_folder(set, "");
    fmt::print("{:<14} {:>13}  {:<11} {:>7}  {:<48} {}\n", set.name,
               fmt::format("{} + {}", set.samples("train"), set.samples("test")), shape_text(set.sample_shape),
               set.classes, set.licence, place.empty() ? "no: hullscope datasets fetch " + set.name : place);
  }
  fmt::print("\nSynthetic sets are named NAME?KEY=VALUE&KEY=VALUE; their parameters and defaults:\n");
  for (const auto& [name, meaning, parameters] : datasets::synthetic_sets()) {
    fmt::print("{}: {}\n", name, meaning);
    for (const std::string& parameter : parameters) fmt::print("    {}\n", parameter);
  }
  fmt::print(
      "\nYour own arrays: train_samples=ARRAY,train_labels=ARRAY,test_samples=ARRAY,test_labels=ARRAY, where ARRAY "
      "is FILE.npy, FILE.h5:/PATH or an IDX file.\n");
  return kExitDone;
}

int where(const datasets::NamedSet& set, const std::string& folder) {
  bool whole = true;
  for (const datasets::NamedFile& file : set.files) {
    bool found = false;
    for (const std::string& path : datasets::candidates(set, file, folder)) {
      const std::string fault = datasets::fault_of(file, path);
      fmt::print("{}: {}\n", path, fault.empty() ? "whole (SHA-256 fits)" : fault);
      found = found || fault.empty();
    }
    if (!found) fmt::print("{}: missing\n", file.name);
    whole = whole && found;
  }
  if (whole) return kExitDone;
  fmt::print("looked in {}\nto get it: {}\n", join(datasets::search_path(set, folder)), datasets::how_to_get(set));
  return kExitFailed;
}

int run(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments)
    if (argument == "--help" || argument == "-h") {
      fmt::print("{}", kHelp);
      return kExitDone;
    }
  const CommandLine line = read_command_line(arguments);
  if (line.verb == "list") return list();
  const datasets::NamedSet& set = named_set(line.name);
  if (line.verb == "where") return where(set, line.folder);
  for (const std::string& fetched : datasets::fetch(set, line.folder.empty() ? cache_folder(set) : line.folder))
    fmt::print("{}\n", fetched);
  return kExitDone;
}

}  // namespace
}  // namespace hullscope

int main(int argc, char** argv) {
  try {
    return hullscope::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const hullscope::Error& error) {
    std::cerr << "hullscope: " << error.what() << "\n";
    return error.exit_code();
  } catch (const std::exception& error) {
    std::cerr << "hullscope: " << hullscope::InternalError(error.what()).what() << "\n";
    return hullscope::kExitFailed;
  }
}
