// What the scripts that test store/ need of it:
//   store_tool write FILE N [KEY]         a hull file of N queries; prints its digest
//   store_tool again FOLDER               writes FOLDER/a.h5 (keys odd, even) and shards of it, again and again, after
//                                         the line "ready": to be killed
//   store_tool look FOLDER                prints the key of FOLDER/a.h5, and how many shards are whole and were torn
//   store_tool formats                    the table of docs/file-format.md
#include <cstdio>
#include <filesystem>
#include <iostream>

#include <hullscope/base/error.hpp>
#include <hullscope/store/schema.hpp>
#include <hullscope/store/shards.hpp>

#include "../unit/store_fixture.hpp"

using namespace hullscope;
using namespace hullscope::store;

namespace {

int write_again(const parallel::Comm& comm, const std::string& folder) {
  if (comm.root()) std::cout << "ready" << std::endl;
  for (std::int64_t i = 0;; ++i) {
    test::write_hull(comm, folder + "/a.h5", 200 + i % 2, 3, i % 2 ? "odd" : "even");
    const ShardSet shards(folder + "/a.h5", "key");
    const std::int64_t mine = i % 5 * comm.size() + comm.rank();
    shards.publish(mine, {{"value", std::vector<double>(5000, static_cast<double>(mine))},
                          {"name", std::vector<std::string>{"first", "", "third"}}});
  }
}

int look(const std::string& folder) {
  const std::string path = folder + "/a.h5";
  std::string key = "none";
  if (std::filesystem::exists(path)) {
    for (const std::string& fault : check_artifact(path)) throw EnvironmentError(fault);
    key = ArtifactReader(path, "hull").provenance().task_key;
  }
  const ShardSet shards(path, "key");
  int whole = 0, torn = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "/%06d.h5", static_cast<int>(i));
    const bool there = std::filesystem::exists(path + ".parts" + name);
    const bool done = shards.done(i);
    whole += done;
    torn += there && !done;
    if (done &&
        std::get<std::vector<double>>(shards.read(i).at("value")) != std::vector<double>(5000, static_cast<double>(i)))
      throw EnvironmentError("a shard holds what was not written");
  }
  std::cout << key << " " << whole << " " << torn << "\n";
  return kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  return parallel::run_program(argc, argv, [](const parallel::Comm& world, std::vector<std::string> a) -> int {
    if (a.size() >= 3 && a[0] == "write") {
      const auto digest = test::write_hull(world, a[1], std::stoll(a[2]), 3, a.size() > 3 ? a[3] : "key");
      if (world.root()) std::cout << digest << "\n";
    } else if (a.size() == 2 && a[0] == "again") {
      return write_again(world, a[1]);
    } else if (a.size() == 2 && a[0] == "look") {
      return look(a[1]);
    } else if (a.size() == 1 && a[0] == "formats") {
      std::cout << formats_as_markdown();
    } else {
      throw UsageError("store_tool: see its source");
    }
    return kExitDone;
  });
}
