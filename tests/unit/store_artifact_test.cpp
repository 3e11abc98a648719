#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

#include "store_fixture.hpp"

using namespace hullscope;
using namespace hullscope::store;
using namespace hullscope::store::test;
using parallel::Comm;
using testing::HasSubstr;

TEST(Artifact, HullFileIsWholeAndComesBack) {
  Folder folder;
  const std::string path = folder / "deep/er/hull.h5";
  const std::string digest = write_hull(Comm::self(), path, 10, 3);
  EXPECT_EQ(check_artifact(path), std::vector<std::string>{});
  const ArtifactReader in(path, "hull");
  EXPECT_EQ(in.content_digest(), digest);
  EXPECT_EQ(compute_content_digest(path), digest);
  EXPECT_EQ(in.read<std::int64_t>("/sample")[9], 64);
  EXPECT_EQ(in.provenance().seed, 0xfedcba9876543210u);
  EXPECT_EQ(in.provenance().inputs.at("queries").path, "../queries.npy");
  EXPECT_EQ(in.provenance().inputs.at("queries").digest, "def");
}

int main(int argc, char** argv) {
  parallel::Session session(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
