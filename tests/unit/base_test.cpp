#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/base/version.hpp>

namespace hullscope {

// FIPS 180-2, appendix B
TEST(Digest, KnownAnswers) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, PiecesEqualWhole) {
  Digest digest;
  digest.update("a", 1);
  digest.update("bc", 2);
  EXPECT_EQ(digest.hex(), sha256("abc"));
}

TEST(Digest, TextsStayApart) {
  Digest one, two;
  one.update_text("ab");
  one.update_text("c");
  two.update_text("a");
  two.update_text("bc");
  EXPECT_NE(one.hex(), two.hex());
}

TEST(Digest, OfFile) {
  const std::string path = testing::TempDir() + "digest_of_file";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  std::fputs("abc", file);
  std::fclose(file);
  EXPECT_EQ(sha256_of_file(path), sha256("abc"));
  std::remove(path.c_str());
  EXPECT_THROW(sha256_of_file(path), EnvironmentError);
}

// Known answers of the reference implementation (Random123, kat_vectors)
TEST(Random, PhiloxKnownAnswers) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, SameNameSameStreamOtherNameOtherStream) {
  EXPECT_EQ(stream_key(1, "a"), stream_key(1, "a"));
  EXPECT_NE(stream_key(1, "a"), stream_key(1, "b"));
  EXPECT_NE(stream_key(1, "a"), stream_key(2, "a"));
  RandomStream s(7, 0), t(7, 0), u(7, 1);
  const std::uint64_t first = s.bits64();
  EXPECT_EQ(first, t.bits64());
  EXPECT_NE(first, u.bits64());
}

// Standard errors of mean and variance of 200,000 draws are 0.0022 and 0.0032: five of them as the bound.
TEST(Random, NormalHasMeanZeroAndVarianceOne) {
  const int n = 200000;
  double sum = 0, squares = 0;
  RandomStream stream(stream_key(3, "normal"), 0);
  for (int i = 0; i < n; ++i) {
    const double x = stream.normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.011);
  EXPECT_NEAR(squares / n, 1, 0.016);
}

TEST(Random, BelowIsUniform) {
  std::vector<int> count(7);
  RandomStream stream(stream_key(4, "below"), 0);
  for (int i = 0; i < 70000; ++i) ++count[stream.below(7)];
  for (int c : count) EXPECT_NEAR(c, 10000, 463);  // five standard deviations
  EXPECT_EQ(RandomStream(1, 2).below(1), 0u);
}

TEST(Text, NearestName) {
  EXPECT_EQ(nearest_name("epoch", {"batch", "epochs", "rate"}), "epochs");
  EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(Text, OneLine) {
  EXPECT_EQ(one_line("saw 'fals\n'\tand more"), "saw 'fals ' and more");
  EXPECT_EQ(one_line(""), "");
}

TEST(Text, Formats) {
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(245), "4 min 05 s");
  EXPECT_EQ(format_duration(7800), "2 h 10 min");
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(12.3e6), "12.3 MB");
  EXPECT_EQ(join({"a", "b"}), "a, b");
}

TEST(Error, CarriesItsExitCode) {
  EXPECT_EQ(UsageError("x").exit_code(), 2);
  EXPECT_EQ(DataError("f.npy", "offset 8", "too short").exit_code(), 2);
  EXPECT_STREQ(DataError("f.npy", "offset 8", "too short").what(), "f.npy (offset 8): too short");
  EXPECT_EQ(EnvironmentError("x").exit_code(), 1);
  EXPECT_EQ(Interrupted("x").exit_code(), 75);
  EXPECT_THAT(InternalError("x").what(), testing::HasSubstr("report"));
}

TEST(Version, IsThere) {
  EXPECT_FALSE(software_version().empty());
  EXPECT_THAT((std::vector<std::string>{"avx512", "avx2", "x86-64", "generic"}), testing::Contains(instruction_set()));
}

}  // namespace hullscope
