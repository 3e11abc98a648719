// Profiles: what is read, what is refused, times and memory as Slurm writes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <filesystem>
#include <fstream>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/profile.hpp>

namespace {

using namespace hullscope;
using namespace hullscope::batch;

constexpr const char* kShipped = HULLSCOPE_SOURCE_DIR "/slurm/profiles";

std::string refusal(const std::string& toml) {
  try {
    parse_profile(toml, "site.toml");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Profile, TimesAsSlurmReadsThem) {
  EXPECT_EQ(minutes_of("30"), 30);
  EXPECT_EQ(minutes_of("30:01"), 31);  // minutes:seconds, rounded up
  EXPECT_EQ(minutes_of("02:30:00"), 150);
  EXPECT_EQ(minutes_of("1-12"), 1440 + 720);
  EXPECT_EQ(minutes_of("1-12:30"), 1440 + 750);
  EXPECT_EQ(minutes_of("2-00:00:01"), 2881);
  for (const char* wrong : {"", ":", "1:2:3:4", "-1", "1h", "1.5", "--", "1-", "99999999999"})
    EXPECT_EQ(minutes_of(wrong), -1) << wrong;
  for (const std::int64_t minutes : {1, 59, 60, 1439, 1440, 5000}) EXPECT_EQ(minutes_of(slurm_time(minutes)), minutes);
}

TEST(Profile, MemoryAsSlurmWritesIt) {
  EXPECT_EQ(megabytes_of("500M"), 500);
  EXPECT_EQ(megabytes_of("16G"), 16384);
  EXPECT_EQ(megabytes_of("1.5G"), 1536);
  EXPECT_EQ(megabytes_of("1T"), 1048576);
  for (const char* wrong : {"", "G", "16", "16 G", "1.2.3G", ".G", "-1G", "16GB"})
    EXPECT_EQ(megabytes_of(wrong), -1) << wrong;
  EXPECT_EQ(slurm_memory(2048), "2G");
  EXPECT_EQ(slurm_memory(1536), "1536M");
}

TEST(Profile, WhatIsReadAndInherited) {
  const auto base =
      parse_profile("[slurm]\npartition = \"main\"\noptions = [\"--exclusive\"]\n[limits]\ncores = 4\n", "a.toml");
  EXPECT_EQ(base.slurm.partition, "main");
  EXPECT_EQ(base.limits.cores, 4);
  EXPECT_EQ(base.limits.time, "04:00:00");
  const auto own = parse_profile(
      "[slurm]\npartition = \"gpu\"\n[stage.hull]\nranks = 64\nmemory = \"100G\"\n[work]\ntime_factor = 2\n", "b.toml",
      base);
  EXPECT_EQ(own.slurm.partition, "gpu");
  EXPECT_THAT(own.slurm.options, testing::ElementsAre("--exclusive"));
  EXPECT_EQ(own.work.time_factor, 2.0);
  EXPECT_EQ(own.of("hull").ranks, 64);
  EXPECT_EQ(own.of("train").ranks, 0);
}

TEST(Profile, UnknownKeysAndWrongValuesAreRefusedInOneSentence) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal("[slurm]\npartitoin = \"x\"\n"),
              AllOf(HasSubstr("site.toml:2"), HasSubstr("did you mean slurm.partition?")));
  EXPECT_THAT(refusal("partition = \"x\"\n"), HasSubstr("did you mean"));
  EXPECT_THAT(refusal("[stage.hul]\nranks = 2\n"), HasSubstr("stage.hull.ranks"));
  EXPECT_THAT(refusal("[stage.hull]\nrank = 2\n"), HasSubstr("stage.hull.ranks"));
  EXPECT_THAT(refusal("[limits]\ntime = \"four hours\"\n"), HasSubstr("expected a time"));
  EXPECT_THAT(refusal("[limits]\ntime = \"0\"\n"), HasSubstr("expected a time"));
  EXPECT_THAT(refusal("[limits]\nmemory = 16\n"), HasSubstr("expected an amount of memory"));
  EXPECT_THAT(refusal("[limits]\ncores = 0\n"), HasSubstr("from 1 to"));
  EXPECT_THAT(refusal("[limits]\ncores = 2.5\n"), HasSubstr("an integer"));
  EXPECT_THAT(refusal("[work]\ntime_factor = nan\n"), HasSubstr("a number from"));
  EXPECT_THAT(refusal("[launch]\nlauncher = \"aprun\"\n"), HasSubstr("srun, mpirun"));
  EXPECT_THAT(refusal("[slurm]\noptions = \"--exclusive\"\n"), HasSubstr("a list of texts"));
  EXPECT_THAT(refusal("[slurm]\naccount = \"a\\nb\"\n"), HasSubstr("control characters"));
  EXPECT_THAT(refusal("[slurm]\noptions = [\"--x=1\\n#SBATCH --y\"]\n"), HasSubstr("control characters"));
  EXPECT_THAT(refusal("[slurm\n"), HasSubstr("not valid TOML"));
}

TEST(Profile, ThoseThatShipAreValid) {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(kShipped)) {
    const auto profile = load_profile(file.path().string(), kShipped);
    EXPECT_FALSE(profile.description.empty()) << file.path();
    ++count;
  }
  EXPECT_EQ(count, 4u);
  EXPECT_EQ(load_profile("gpu", kShipped).limits.memory, load_profile("generic", kShipped).limits.memory);
}

TEST(Profile, NoSuchProfileNamesTheNearest) {
  try {
    load_profile("generik", kShipped);
    FAIL() << "a profile that is not there was loaded";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("did you mean generic?"));
  }
}

TEST(Profile, ACircleOfInheritanceIsRefused) {
  const auto folder = std::filesystem::temp_directory_path() / ("hullscope-profiles-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "a.toml") << "inherits = \"b\"\n";
  std::ofstream(folder / "b.toml") << "inherits = \"a\"\n";
  EXPECT_THROW(load_profile("a", folder.string()), UsageError);
  std::filesystem::remove_all(folder);
}

}  // namespace
