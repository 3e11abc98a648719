// hullscope check FILE.h5 ...: is each file a whole and valid one of ours? One line per file, or one per fault.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

using namespace hullscope;

static constexpr const char* kUsage =
    "usage: hullscope check FILE.h5 ...\n"
    "Recomputes each file's content digest and compares its data sets, units and dimension scales with the format of "
    "its\n"
    "stage (docs/file-format.md). Exit code 0: all whole and valid; 1: a line per fault; 2: wrong usage.\n";

/// Prints the verdict on one file; true if it is whole and valid.
static bool check(const std::string& path) {
  const std::vector<std::string> faults = store::check_artifact(path);
  for (const std::string& fault : faults) std::cout << fault << "\n";
  if (!faults.empty()) return false;
  const store::ArtifactReader reader(path);
  std::cout << path << ": whole and valid (" << reader.provenance().stage << ", " << reader.datasets().size()
            << " data sets)\n";
  return true;
}

/// The same in a child process: libhdf5 1.10 can break down on a damaged file, and that is a verdict on the file.
static bool check_apart(const std::string& path) {
  std::cout.flush();
  const pid_t child = fork();
  if (child < 0) return check(path);  // no more processes: do without
  if (child == 0) {
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);  // what the C library says of a broken heap
    bool whole = false;
    try {
      whole = check(path);
    } catch (const std::exception& error) {
      std::cout << error.what() << "\n";
    }
    std::cout.flush();
    _exit(whole ? kExitDone : kExitFailed);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) std::cout << path << ": is damaged: the HDF5 library breaks down when it reads it\n";
  return WIFEXITED(status) && WEXITSTATUS(status) == kExitDone;
}

int main(int argc, char** argv) {
  const std::vector<std::string> files(argv + 1, argv + argc);
  if (!files.empty() && (files[0] == "--help" || files[0] == "-h")) {
    std::cout << kUsage;
    return kExitDone;
  }
  for (const std::string& file : files)
    if (file.starts_with("-")) {
      std::cerr << "hullscope: check has no option " << file << "; it takes file names only\n" << kUsage;
      return kExitUsage;
    }
  if (files.empty()) {
    std::cerr << kUsage;
    return kExitUsage;
  }
  try {
    bool all = true;
    for (const std::string& file : files) all = check_apart(file) && all;
    return all ? kExitDone : kExitFailed;
  } catch (const std::exception& error) {
    std::cerr << "hullscope: " << error.what() << "\n";
    return kExitFailed;
  }
}
