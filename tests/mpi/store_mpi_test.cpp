// Artifacts written by several ranks, the last of which has no rows:
//
//   rank     0          1        2
//   rows   [0, n/2)  [n/2, n)   none
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <hullscope/base/error.hpp>

#include "../unit/store_fixture.hpp"

using namespace hullscope;
using namespace hullscope::store;
using namespace hullscope::store::test;
using parallel::Comm;
using testing::HasSubstr;

namespace {

/// One folder for all ranks.
struct SharedFolder {
  Comm world = Comm::world();
  std::optional<Folder> folder;
  std::string path;
  SharedFolder() {
    if (world.root()) folder.emplace();
    path = world.broadcast(world.root() ? *folder / "" : "");
  }
  ~SharedFolder() { world.barrier(); }
  std::vector<std::string> names() const {
    world.barrier();
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path)) found.push_back(entry.path().filename());
    world.barrier();
    return found;
  }
};

TEST(StoreMpi, ContentDoesNotDependOnTheRanks) {
  const SharedFolder f;
  for (const std::int64_t n : {0, 1, 2, 10, 150001}) {
    for (const int compression : {0, 4}) {
      SCOPED_TRACE("n = " + std::to_string(n) + ", compression " + std::to_string(compression));
      const std::string path = f.path + "all.h5", alone = f.path + "alone.h5";
      const std::string digest = write_hull(f.world, path, n, 3, "key", compression);
      if (f.world.root()) {
        EXPECT_EQ(write_hull(Comm::self(), alone, n, 3), digest);
        EXPECT_EQ(check_artifact(path), std::vector<std::string>{});
        EXPECT_EQ(ArtifactReader(path).number("/run", "ranks"), f.world.size());
        const ArtifactReader in(path, "hull"), one(alone, "hull");
        EXPECT_EQ(in.read<std::int64_t>("/sample"), one.read<std::int64_t>("/sample"));
        EXPECT_EQ(in.read<double>("/distance_upper"), one.read<double>("/distance_upper"));
      }
      f.world.barrier();
    }
  }
}

TEST(StoreMpi, EqualContentMeansEqualBytes) {
  const SharedFolder f;
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);  // the time in /run
  for (const std::int64_t n : {0, 10, 150001}) {
    write_hull(f.world, f.path + "a.h5", n, 3);
    write_hull(f.world, f.path + "b.h5", n, 3);
    if (f.world.root()) {
      EXPECT_TRUE(bytes_of(f.path + "a.h5") == bytes_of(f.path + "b.h5")) << n;
    }
    f.world.barrier();
  }
  unsetenv("SOURCE_DATE_EPOCH");
}

TEST(StoreMpi, AFolderThatCannotBeMadeIsOneErrorOnAllRanks) {
  const SharedFolder f;
  try {
    write_hull(f.world, "/proc/no/such/folder/hull.h5", 10, 3);
    ADD_FAILURE() << "no error";
  } catch (const EnvironmentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("cannot make the folder /proc/no/such/folder"));
  }
}

TEST(StoreMpi, AWriterThatDoesNotPublishLeavesNothing) {
  const SharedFolder f;
  {
    ArtifactWriter out(f.world, f.path + "never.h5", provenance("hull"));
    const std::vector<std::int64_t> ids(f.world.root() ? 5 : 0, 1);
    out.write_rows<std::int64_t>("/sample", {5}, 0, ids);
  }
  EXPECT_EQ(f.names(), std::vector<std::string>{});
}

TEST(StoreMpi, RowsThatNobodyWroteAreABug) {
  const SharedFolder f;
  ArtifactWriter out(f.world, f.path + "rows.h5", provenance("hull"));
  const std::vector<std::int64_t> ids(f.world.root() ? 5 : 0, 1);
  out.write_rows<std::int64_t>("/sample", {6}, 0, ids);
  EXPECT_THROW(out.publish({}), InternalError);
}

TEST(StoreMpi, AFullDiskIsASentenceOnAllRanks) {
  const SharedFolder f;
  for (const int kilobytes : {8, 64, 2000, 5000, 8000, 14000}) {
    SCOPED_TRACE(std::to_string(kilobytes) + " KiB");
    const std::string size = "size=" + std::to_string(kilobytes) + "k";
    const bool mounted = f.world.root() && mount("tmpfs", f.path.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (!f.world.any(mounted)) GTEST_SKIP() << "a small file system cannot be mounted here (not root)";
    try {
      write_hull(f.world, f.path + "full.h5", 150001, 3);
      ADD_FAILURE() << "no error";
    } catch (const EnvironmentError& error) {
      EXPECT_THAT(error.what(), HasSubstr("No space left on device; free some space"));
      EXPECT_THAT(error.what(), HasSubstr("full.h5"));
    }
    if (f.world.root()) {
      EXPECT_TRUE(std::filesystem::is_empty(f.path));
    }
    f.world.barrier();
    if (f.world.root()) {
      EXPECT_EQ(umount2(f.path.c_str(), MNT_DETACH), 0);
    }
    f.world.barrier();
  }
}

}  // namespace
