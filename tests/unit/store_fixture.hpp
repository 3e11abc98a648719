// A small artifact of each kind that the tests of store/ use, and a folder that goes away.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <hullscope/parallel/comm.hpp>
#include <hullscope/store/artifact.hpp>

namespace hullscope::store::test {

/// An empty folder under the system's temporary one, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "hullscope-store-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) found.push_back(entry.path().filename());
    return found;
  }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline Provenance provenance(const std::string& stage, const std::string& key = "key") {
  return {.stage = stage,
          .study_toml = "[study]\nname = \"toy\"\n",
          .options_hash = "0ff",
          .inputs = {{"points", {"../points.npy", "abc"}}, {"queries", {"../queries.npy", "def"}}},
          .seed = 0xfedcba9876543210u,
          .task_key = key};
}

/// A hull file of `n` queries in `d` dimensions; rows are split over the ranks of `comm`, the last rank has none if
/// there is more than one. Values depend on the row only.
inline std::string write_hull(const parallel::Comm& comm, const std::string& path, std::int64_t n, std::int64_t d,
                              const std::string& key = "key", int compression = 0) {
  ArtifactWriter out(comm, path, provenance("hull", key));
  out.set_compression(compression);
  const std::int64_t writers = comm.size() > 1 ? comm.size() - 1 : 1;
  const std::int64_t first = std::min<std::int64_t>(n, n * comm.rank() / writers);
  const std::int64_t last = std::min<std::int64_t>(n, n * (comm.rank() + 1) / writers);
  std::vector<std::int64_t> id, support;
  std::vector<std::uint8_t> verdict;
  std::vector<double> lower, upper, weight;
  std::vector<std::int32_t> passes;
  for (std::int64_t q = first; q < last; ++q) {
    id.push_back(7 * q + 1);
    verdict.push_back(static_cast<std::uint8_t>(q % 3));
    lower.push_back(q % 3 == 1 ? 0 : 1e-30 * static_cast<double>(q));
    upper.push_back(q % 3 == 1 ? 0 : 1e30 * static_cast<double>(q));
    passes.push_back(static_cast<std::int32_t>(q % 5));
  }
  using Shape = std::vector<std::int64_t>;
  const auto rows = [&]<class T>(const std::string& name, const std::vector<T>& values) {
    out.write_rows<T>(name, Shape{n}, first, values);
  };
  rows("/sample", id);
  rows("/verdict", verdict);
  rows("/distance_lower", lower);
  rows("/distance_upper", upper);
  rows("/passes", passes);
  std::vector<std::int64_t> offset;
  for (std::int64_t q = 0; q <= n; ++q) offset.push_back(q);
  for (std::int64_t q = first; q < last; ++q) {
    support.push_back(q * q % 1000);
    weight.push_back(1.0 / static_cast<double>(q + 1));
  }
  out.write<std::int64_t>("/support/offset", Shape{n + 1}, offset);
  rows("/support/index", support);
  rows("/support/weight", weight);
  std::vector<std::int64_t> outside;
  std::vector<double> direction;
  for (std::int64_t q = 2; q < n; q += 3) {
    outside.push_back(q);
    for (std::int64_t k = 0; k < d; ++k) direction.push_back(k == 0 ? 1 : 0);
  }
  const auto m = static_cast<std::int64_t>(outside.size());
  out.write<std::int64_t>("/direction/query", Shape{m}, outside);
  out.write<double>("/direction/vector", Shape{m, d}, direction);
  out.write<std::int64_t>("/exact/query", Shape{0}, {});
  out.write_text("/exact/direction", {});
  out.attribute("/", "solver", std::string("wolfe"));
  out.attribute("/support", "rounding", 0.5);
  out.attribute("/verdict", "undecided", std::int64_t{n});
  return out.publish({.wall_seconds = 1.5, .cpu_seconds = 3, .peak_bytes = 1 << 20});
}

}  // namespace hullscope::store::test
