// hullscope VERB ...: starts at once, and leaves the work to the programs in libexec/hullscope, each of which loads
// only its own heavy library. No MPI here: a process that has called MPI_Init cannot start mpirun.
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/base/version.hpp>

#include "batch.hpp"
#include "launch.hpp"
#include "run.hpp"

namespace {

using namespace hullscope;

constexpr const char* kHelp =
    R"(hullscope: do test points lie in the convex hull of the training set, and does that predict a right answer?
Every verdict carries a proof.

A study, from data set to report
  run STUDY.toml        everything that is missing, stage by stage, and the report; --dry-run says what and how long
  train | extract | encode | hull | proximity | reduce  STUDY.toml
                        one stage of it; under mpirun or srun, or starting mpirun itself
  report DIR            the figures and the HTML page of a finished study

The same on a cluster, by Slurm
  submit STUDY.toml     what is missing, as a few array jobs; --dry-run prints them and submits nothing
  status DIR            what is done, runs, waits or failed, and why; --watch, --json
  resume DIR            only what is missing, again
  cancel DIR            this study's jobs, no others
  logs DIR TASK         what a task's job has printed

The hull test alone, on your own arrays (file.npy, file.h5:/path, file-idx3-ubyte[.gz])
  membership --points P --queries Q --output F.h5 [--projection] [--ranks N]

Looking after files
  verify FILE.h5 ...    re-proves every stored verdict from the data, with code that shares nothing with the finder
  check FILE.h5 ...     is this a whole and valid file of ours
  datasets list | fetch NAME | where NAME

hullscope VERB --help says more; docs/ has the user guide. Try: hullscope run studies/smoke.toml --dry-run
)";

/// The BLAS that the stage programs load, as the dynamic linker finds it, and a warning if it is the slow reference
/// one.
std::string blas_in_use() {
  std::string program, libraries, found;
  try {
    program = jobs::stage_program("proximity");
  } catch (const Error&) {
    return "unknown (no stage program is built)";
  }
  jobs::capture_child({{program}, {{"LD_TRACE_LOADED_OBJECTS", "1"}}, false}, libraries);
  for (const char* name : {"libopenblas", "libblas", "libcblas", "libmkl"}) {
    const auto at = libraries.find(name);
    const auto arrow = at == std::string::npos ? at : libraries.find("=> ", at);
    if (arrow == std::string::npos) continue;
    found = libraries.substr(arrow + 3, libraries.find(" (", arrow) - arrow - 3);
    break;
  }
  if (found.empty()) return "none";
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void* library = dlopen(found.c_str(), RTLD_LAZY | RTLD_LOCAL);
  using Text = const char* (*)();
  const auto configuration = library ? reinterpret_cast<Text>(dlsym(library, "openblas_get_config")) : nullptr;
  if (configuration) return fmt::format("{} ({})", configuration(), found);
  if (found.find("mkl") != std::string::npos) return found;
  return found + "\nwarning: this is the reference BLAS, many times slower; install the Debian package libopenblas0";
}

int print_version() {
  std::printf("hullscope %s\ninstruction set: %s\nBLAS: %s\n", software_version().c_str(), instruction_set().c_str(),
              blas_in_use().c_str());
  return 0;
}

using Verb = std::function<int(const std::vector<std::string>&)>;

std::map<std::string, Verb> verbs() {
  std::map<std::string, Verb> table = {{"run", jobs::run_study}, {"report", jobs::run_report}};
  for (const std::string stage : {"train", "extract", "encode", "hull", "proximity", "reduce"})
    table[stage] = [stage](const auto& arguments) { return jobs::run_stage(stage, arguments); };
  table["submit"] = jobs::run_submit;
  table["status"] = jobs::run_status;
  table["resume"] = jobs::run_resume;
  table["cancel"] = jobs::run_cancel;
  table["logs"] = jobs::run_logs;
  for (const std::string tool : {"membership", "verify", "check", "datasets"})
    table[tool] = [tool](const auto& arguments) { return jobs::run_tool(tool, arguments); };
  return table;
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty()) {
    std::fputs(kHelp, stderr);
    return kExitUsage;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") return std::fputs(kHelp, stdout), 0;
  if (words[0] == "--version") return print_version();
  const auto table = verbs();
  const auto verb = table.find(words[0]);
  if (verb == table.end()) {
    std::vector<std::string> names;
    for (const auto& [name, action] : table) names.push_back(name);
    throw UsageError(fmt::format("there is no verb \"{}\"; did you mean {}? (hullscope --help)", words[0],
                                 nearest_name(words[0], names)));
  }
  return verb->second({words.begin() + 1, words.end()});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch({argv + 1, argv + argc});
  } catch (const hullscope::Error& error) {
    std::fprintf(stderr, "hullscope: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hullscope: unexpected error: %s\n", error.what());
    return hullscope::kExitFailed;
  }
}
