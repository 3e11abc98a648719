// load() on any number of ranks: one content, one digest, one error.
#include <hullscope/datasets/detail/samples.hpp>
#include <hullscope/datasets/labelled_set.hpp>
#include <hullscope/datasets/registry.hpp>
#include <hullscope/parallel/comm.hpp>

#include "../unit/datasets_files.hpp"

namespace hullscope::datasets {
namespace {

using parallel::Comm;
using test::expect_error;
using test::Folder;

/// A folder that all ranks (of one node) use; the root writes into it.
std::string shared_path(const Folder& mine) {
  return Comm::world().broadcast(mine.path());
}

// What one rank makes for itself is what any number of ranks share. (The values themselves may differ in the last bit
// between instruction sets, by the library's exp, log and cos, so no digest is written down here.)
TEST(Load, SyntheticSetsHaveOneDigestOnAnyNumberOfRanks) {
  for (const std::string name : {"gaussian?n=500&d=6", "gaussian-classes?dimension=2&per_class_train=50",
                                 "circle?n=64&units=20", "ball?n=1&d=1", "cube?n=0&d=3"}) {
    const SetRequest request{name, "train", 0, "", 2022};
    const LabelledSet alone = load(Comm::self(), request), shared = load(Comm::world(), request);
    EXPECT_EQ(shared.digest(), alone.digest()) << name;
    EXPECT_EQ(Comm::world().broadcast(shared.digest()), shared.digest()) << name;
    EXPECT_EQ(shared.digest().size(), 64u);
    EXPECT_EQ(shared.name(), name);
    EXPECT_TRUE(shared.rows(0, shared.size()) == alone.rows(0, alone.size()));
  }
}

TEST(Load, EveryRankSeesEverySample) {
  const SetRequest request{"gaussian-classes?dimension=3&per_class_test=7&ambient=5", "test", 0, "", 11};
  const LabelledSet set = load(Comm::world(), request);
  const detail::Samples samples = detail::read_split(request);  // the same split without MPI
  ASSERT_EQ(set.size(), 70);
  EXPECT_EQ(set.features(), 5);
  EXPECT_EQ(set.classes(), 10);
  EXPECT_EQ(set.sample_shape(), (std::vector<std::int64_t>{5}));
  EXPECT_FALSE(set.pixels());
  std::vector<float> expected(350);
  std::memcpy(expected.data(), samples.values.data(), 1400);
  const Matrix<float> rows = set.rows(0, 70);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), rows.data()));
  const Matrix<float> middle = set.rows(13, 2);
  EXPECT_EQ(middle(1, 4), expected[14 * 5 + 4]);
  for (std::int64_t i = 0; i < 70; ++i) {
    EXPECT_EQ(set.label(i), i % 10);
    EXPECT_EQ(set.sample_id(i), i);
  }
  EXPECT_EQ(set.rows(70, 0).rows(), 0);
}

TEST(Load, PixelsAreExactAndTheDigestIsOfTheContentAlone) {
  const Folder mine;
  const std::string folder = shared_path(mine);
  std::string values(24, '\0');
  for (int i = 0; i < 24; ++i) values[static_cast<std::size_t>(i)] = static_cast<char>(i * 11);
  if (Comm::world().root()) {
    mine.write("x-idx", test::idx(0x08, {4, 2, 3}, values));
    mine.write("x.gz", test::gzip(test::idx(0x08, {4, 2, 3}, values)));
    mine.write("x.npy", test::npy(test::npy_header("|u1", "(4, 2, 3)"), values));
    mine.write("l.npy", test::npy(test::npy_header("|u1", "(4,)"), std::string("\0\1\1\0", 4)));
    mine.write("m.npy",
               test::npy(test::npy_header("<i8", "(4,)"), test::little_endian(0, 8) + test::little_endian(1, 8) +
                                                              test::little_endian(1, 8) + test::little_endian(0, 8)));
    mine.write("k.npy", test::npy(test::npy_header("|u1", "(4,)"), std::string("\0\1\1\1", 4)));
  }
  Comm::world().barrier();
  const auto get = [&](const std::string& x, const std::string& l, std::int64_t limit = 0) {
    return load(Comm::world(), {"samples=" + x + ",labels=" + l, "train", limit, folder, 0});
  };
  const LabelledSet plain = get("x-idx", "l.npy");
  EXPECT_TRUE(plain.pixels());
  EXPECT_EQ(plain.sample_shape(), (std::vector<std::int64_t>{1, 2, 3}));
  for (std::int64_t i = 0; i < 24; ++i)
    EXPECT_EQ(plain.rows(0, 4).data()[i],
              static_cast<float>(static_cast<unsigned char>(values[static_cast<std::size_t>(i)])));
  EXPECT_EQ(get("x.gz", "m.npy").digest(), plain.digest());
  EXPECT_EQ(get("x.npy", "l.npy").digest(), plain.digest());
  EXPECT_NE(get("x-idx", "k.npy").digest(), plain.digest());     // another label
  EXPECT_NE(get("x-idx", "l.npy", 3).digest(), plain.digest());  // fewer samples
  Comm::world().barrier();
}

TEST(Load, OneRanksErrorIsEveryRanksError) {
  const Folder mine;
  const std::string folder = shared_path(mine);
  if (Comm::world().root()) {
    mine.write("x.npy", test::npy(test::npy_header("|u1", "(2, 2)"), "abcd"));
    mine.write("l.npy", test::npy(test::npy_header("|u1", "(3,)"), std::string("\0\1\1", 3)));
  }
  Comm::world().barrier();
  expect_error<DataError>(
      [&] {
        load(Comm::world(), {"samples=x.npy,labels=l.npy", "train", 0, folder, 0});
      },
      {folder + "/l.npy: 3 labels for 2 samples"});
  expect_error<UsageError>(
      [&] {
        load(Comm::world(), {"gaussian?m=2", "train", 0, "", 0});
      },
      {"unknown parameter \"m\""});
  test::Environment data("HULLSCOPE_DATA", ""), cache("XDG_CACHE_HOME", folder);
  expect_error<EnvironmentError>(
      [&] {
        load(Comm::world(), {"mnist", "train", 0, folder, 0});
      },
      {"hullscope datasets fetch mnist"});
  Comm::world().barrier();
}

// A group of ranks loads for itself, while the others do something else.
TEST(Load, WorksInATaskGroup) {
  const Comm world = Comm::world();
  const Comm group = world.split(world.rank() % 2, world.rank());
  const std::string name = world.rank() % 2 ? "ball?n=30&d=2" : "cube?n=40&d=2";
  EXPECT_EQ(load(group, {name, "train", 0, "", 1}).size(), world.rank() % 2 ? 30 : 40);
}

TEST(Load, FashionMnistIsOneCopyWithOneDigest) {
  const NamedSet& set = *find_named_set("fashion-mnist");
  if (found_folder(set, "").empty()) GTEST_SKIP() << "Fashion-MNIST is missing; " << how_to_get(set);
  const LabelledSet test = load(Comm::world(), {"fashion-mnist", "test", 0, "", 0});
  EXPECT_EQ(test.size(), 10000);
  EXPECT_EQ(test.digest(), "4e9c1e2bb8df6f9e5b6ee57aa440972cbc0245321d5335ddcae24956e5acf0bf");
  EXPECT_EQ(test.label(0), 9);
}

}  // namespace
}  // namespace hullscope::datasets
