// Packing of proofs: what is written by any number of ranks, some of them with nothing, is what is read.
#include <gtest/gtest.h>

#include <filesystem>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>

#include "../../jobs/hull_file.hpp"

namespace hullscope::jobs {
namespace {

using proof::Proof;
using proof::Verdict;

constexpr std::int64_t kCoordinates = 3;

/// Proofs of every form; they need not be true.
std::vector<Proof> make_proofs(std::int64_t first, std::int64_t count) {
  std::vector<Proof> proofs(static_cast<std::size_t>(count));
  for (std::int64_t q = 0; q < count; ++q) {
    RandomStream random(1, static_cast<std::uint64_t>(first + q));
    Proof& p = proofs[static_cast<std::size_t>(q)];
    p.verdict = static_cast<Verdict>(random.below(3));
    p.distance_lower = random.uniform();
    p.distance_upper = random.uniform();
    for (std::uint64_t i = 0, n = random.below(5); i < n; ++i) {
      p.support.push_back(static_cast<std::int64_t>(10 * i));
      p.weight.push_back(random.uniform());
    }
    if (random.below(2) == 0) p.direction = {random.normal(), random.normal(), random.normal()};
    if (random.below(3) == 0) p.exact_direction = {"-123456789012345678901234567890", "0", "7"};
  }
  return proofs;
}

void expect_equal(const std::vector<Proof>& a, const std::vector<Proof>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t q = 0; q < a.size(); ++q) {
    EXPECT_EQ(a[q].verdict, b[q].verdict) << q;
    EXPECT_EQ(a[q].distance_lower, b[q].distance_lower) << q;
    EXPECT_EQ(a[q].distance_upper, b[q].distance_upper) << q;
    EXPECT_EQ(a[q].support, b[q].support) << q;
    EXPECT_EQ(a[q].weight, b[q].weight) << q;
    EXPECT_EQ(a[q].direction, b[q].direction) << q;
    EXPECT_EQ(a[q].exact_direction, b[q].exact_direction) << q;
  }
}

/// The first `share` ranks hold the queries, in pieces of unequal size joined by append(), through shards.
std::string write(const parallel::Comm& comm, const std::string& path, std::int64_t total, int share) {
  const std::int64_t per = (total + share - 1) / share;
  const std::int64_t first = std::min<std::int64_t>(comm.rank() * per, total);
  const std::int64_t last = comm.rank() < share ? std::min(first + per, total) : first;
  HullPiece piece;
  for (std::int64_t q = first; q < last; q += 3) {
    const std::int64_t n = std::min<std::int64_t>(3, last - q);
    append(piece, from_shard(to_shard(pack_proofs(make_proofs(q, n), {}, q, kCoordinates))));
  }
  std::vector<std::int64_t> samples;
  for (std::int64_t q = 0; q < total; ++q) samples.push_back(100 + q);
  store::Provenance provenance;
  provenance.stage = "hull";
  store::ArtifactWriter writer(comm, path, provenance);
  write_proofs(writer, comm, piece, total, samples, kCoordinates);
  write_attributes(writer, {"p.npy", "q.npy", "1", "2", "", ""});
  return writer.publish({});
}

TEST(HullFile, WrittenByAnyRanksReadAsWritten) {
  const auto world = parallel::Comm::world();
  const std::string folder = world.broadcast(testing::TempDir() + "hull_file." + std::to_string(world.size()));
  if (world.root()) std::filesystem::create_directories(folder);
  world.barrier();
  for (const std::int64_t total : {0, 1, 2, 7, 50}) {
    for (int share = 1; share <= world.size(); share += 2) {
      const std::string path = folder + "/" + std::to_string(total) + "." + std::to_string(share) + ".h5";
      const std::string digest = write(world, path, total, share);
      if (!world.root()) continue;
      EXPECT_EQ(digest, write(parallel::Comm::self(), path + ".alone", total, 1)) << "one rank writes the same";
      EXPECT_EQ(store::check_artifact(path), std::vector<std::string>{});
      const HullFile file(path);
      EXPECT_EQ(file.queries(), total);
      EXPECT_EQ(file.coordinates(), kCoordinates);
      EXPECT_EQ(file.attributes().points, "p.npy");
      expect_equal(file.proofs(0, total), make_proofs(0, total));
      if (total > 5) expect_equal(file.proofs(3, total - 5), make_proofs(3, total - 5));
      if (total > 0) expect_equal(file.proofs(total - 1, 1), make_proofs(total - 1, 1));
    }
  }
  world.barrier();
  if (world.root()) std::filesystem::remove_all(folder);
}

TEST(HullFile, ArraysThatDoNotFitAreRefused) {
  const HullPiece good = pack_proofs(make_proofs(5, 20), {}, 5, kCoordinates);
  expect_equal(unpack_proofs(good, kCoordinates, "f"), make_proofs(5, 20));
  const auto refuse = [&](const auto& change) {
    HullPiece piece = good;
    change(piece);
    EXPECT_THROW(unpack_proofs(piece, kCoordinates, "f"), DataError);
  };
  refuse([](HullPiece& p) { p.support_offset[3] = p.support_offset[2] - 1; });
  refuse([](HullPiece& p) { p.support_offset.front() = 1; });
  refuse([](HullPiece& p) { p.support_offset.back() += 1; });
  refuse([](HullPiece& p) { p.support_weight.pop_back(); });
  refuse([](HullPiece& p) { p.distance_upper.pop_back(); });
  refuse([](HullPiece& p) { p.direction_query[1] = p.direction_query[0]; });
  refuse([](HullPiece& p) { p.direction_query.back() = 25; });
  refuse([](HullPiece& p) { p.direction_vector.pop_back(); });
  refuse([](HullPiece& p) { p.exact_direction.pop_back(); });
  refuse([](HullPiece& p) { p.exact_query.front() = 4; });
}

TEST(HullFile, SubsetsAreRowsOrMasks) {
  EXPECT_EQ(subset_mask({2, 0}, false, 4, "s"), (std::vector<std::uint8_t>{1, 0, 1, 0}));
  EXPECT_EQ(subset_mask({0, 5, 0}, true, 3, "s"), (std::vector<std::uint8_t>{0, 1, 0}));
  EXPECT_THROW(subset_mask({4}, false, 4, "s"), UsageError);
  EXPECT_THROW(subset_mask({-1}, false, 4, "s"), UsageError);
  EXPECT_THROW(subset_mask({1, 1}, true, 4, "s"), UsageError);
  EXPECT_THROW(subset_mask({}, false, 4, "s"), UsageError);
  EXPECT_THROW(subset_mask({0, 0}, true, 2, "s"), UsageError);
}

}  // namespace
}  // namespace hullscope::jobs
