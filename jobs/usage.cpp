// libexec/hullscope/usage FILE.h5 ...: what the runs that made these files took, as JSON on standard output, a line a
// file; "null" for one that cannot be read. For hullscope status, which knows no HDF5 itself.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

using namespace hullscope;
using nlohmann::json;

static json usage_of(const std::string& path) {
  try {
    const store::ArtifactReader file(path);
    return {{"cpu_seconds", file.number("/run", "cpu_seconds")}, {"peak_bytes", file.number("/run", "peak_bytes")}};
  } catch (const DataError&) {
    return {};  // the answer is null: the stage that makes the file says what is wrong with it
  }
}

int main(int argc, char** argv) {
  for (const std::string& path : std::vector<std::string>(argv + 1, argv + argc))
    std::cout << usage_of(path).dump() << "\n";
  return std::cout.flush() ? kExitDone : kExitFailed;
}
