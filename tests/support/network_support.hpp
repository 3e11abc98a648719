// What the tests of networks/ share: a folder, the sentence of an error, the digest of weights, options of a short
// training.
#pragma once
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/networks/fit.hpp>
#include <hullscope/networks/model.hpp>

namespace hullscope::tests {

template <class Call>
std::string usage_error(const Call& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "(no UsageError)";
}

inline std::string digest_of(const std::vector<networks::NamedArray>& arrays) {
  Digest digest;
  for (const auto& array : arrays) {
    digest.update_text(array.name);
    digest.update(array.values.data(), array.values.size() * sizeof(float));
  }
  return digest.hex();
}

// The warnings about ignored checkpoints are wanted here, but not in the log.
inline const int kQuiet = setenv("HULLSCOPE_LOG", "error", 0);

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("hullscope-networks-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline const std::vector<std::string> kLayers{"dense 16", "batchnorm", "relu",       "dropout 0.3",
                                              "dense 8",  "relu",      "dropout 0.2"};

inline networks::FitOptions options(std::int64_t epochs = 3) {
  networks::FitOptions o;
  o.epochs = epochs;
  o.batch = 16;
  o.rate = 1e-2;
  o.seed = 5;
  o.stream = "test/net/trial-00/train";
  return o;
}

}  // namespace hullscope::tests
