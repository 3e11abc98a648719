// Requested against used: from the jobs' own words and the tasks' files where there is no accounting, and what is
// suggested.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <hullscope/batch/follow.hpp>
#include <hullscope/batch/lag.hpp>

namespace {

using namespace hullscope;
using namespace hullscope::batch;
namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr double kGigabyte = 1073741824;

Efficiency used(double longest_minutes, double limit_minutes) {
  Efficiency e;
  e.elements = 1;
  e.longest_seconds = 60 * longest_minutes;
  e.requested_seconds = 60 * limit_minutes;
  e.requested_bytes = 4 * kGigabyte;
  e.ranks = 4;
  e.threads = 1;
  return e;
}

TEST(BatchSuggestion, IsRoundedAsRequestsAre) {
  EXPECT_EQ(suggest(used(21, 240), "hull", 3), "stage.hull.time = \"00:45:00\"");
  EXPECT_EQ(suggest(used(0.1, 240), "hull", 3), "stage.hull.time = \"00:10:00\"");
  auto e = used(100, 180);
  e.peak_bytes = 1.2 * kGigabyte;  // with a reserve of 30 %: 1.56 GB
  EXPECT_EQ(suggest(e, "train", 3), "stage.train.memory = \"2G\"");
  e.peak_bytes = 3.8 * kGigabyte;  // all but all of it: more is asked for
  EXPECT_EQ(suggest(e, "train", 3), "stage.train.memory = \"5G\"");
}

TEST(BatchSuggestion, IsSilentWhereTheRequestWasRight) {
  auto e = used(100, 180);
  e.peak_bytes = 2.5 * kGigabyte;
  e.core_seconds = 4 * 6000;
  e.cpu_seconds = 0.8 * e.core_seconds;
  EXPECT_EQ(suggest(e, "hull", 3), "");
  EXPECT_EQ(suggest(used(2, 10), "hull", 3), "") << "less than ten minutes is not asked for";
  EXPECT_EQ(suggest(Efficiency(), "hull", 3), "");
}

TEST(BatchSuggestion, MoreTimeAndFewerRanks) {
  EXPECT_EQ(suggest(used(58, 60), "train", 3), "work.time_factor above 3");
  auto e = used(100, 180);
  e.core_seconds = 4 * 6000;
  e.cpu_seconds = 0.25 * e.core_seconds;
  EXPECT_EQ(suggest(e, "hull", 3), "stage.hull.ranks = 2");
  e.ranks = 1;
  EXPECT_EQ(suggest(e, "hull", 3), "") << "there are no fewer than one";
}

/// A folder as a submission leaves it: one element of a training with two tasks, both done.
class WithoutSlurm : public testing::Test {
 protected:
  WithoutSlurm() : folder(fs::temp_directory_path() / ("hullscope-efficiency-" + std::to_string(getpid()))) {
    path_before = std::getenv("PATH");
    setenv("PATH", "/nowhere", 1);
    fs::create_directories(folder + "/batch/round-1/outcome");
    write("study.toml",
          "name = \"x\"\n[data]\nset = \"fashion-mnist\"\n[train]\ntrials = 2\n[encode]\ndimensions = [2]\n"
          "[[network]]\nname = \"a\"\nlayers = [\"dense 8\"]\n");
    record.folder = folder;
    record.token = "0123abcd";
    JobRecord job;
    job.name = job.stage = "train";
    job.label = "x.train";
    job.id = 7;
    job.elements = 1;
    job.state = "submitted";
    job.request = {1, 2, 1, 0, 60, 4096};
    job.seconds = {100};
    Round round;
    round.time_factor = 3;
    round.jobs = {job};
    record.rounds = {round};
    save_record(record);
    write("batch/round-1/train.tasks", "a/trial-00/train a/trial-01/train\n");
    write("batch/round-1/outcome/train.1", "start 7 0 node1\nrequeue 40\nstart 7 1 node1\nend 0 360\n");
  }
  ~WithoutSlurm() override {
    setenv("PATH", path_before.c_str(), 1);
    fs::remove_all(folder);
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(folder + "/" + name).parent_path());
    std::ofstream(folder + "/" + name) << text;
  }
  void make_outputs() const {
    write("a/trial-00/network.h5", "x");
    write("a/trial-01/network.h5", "x");
  }

  std::string folder, path_before;
  Record record;
};

using BatchEfficiency = WithoutSlurm;
using BatchLag = WithoutSlurm;

TEST_F(BatchEfficiency, IsFromTheFilesWhereThereIsNoAccounting) {
  make_outputs();
  std::vector<std::string> asked;
  const auto runs = [&](const std::vector<std::string>& files) -> std::vector<std::optional<FileCost>> {
    asked = files;
    return {FileCost{100, 0.5 * kGigabyte}, std::nullopt};  // one of them cannot be read
  };
  const auto status = follow(folder, runs, false);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0], folder + "/a/trial-00/network.h5");
  ASSERT_EQ(status.stages[0].stage, "train");
  const auto& e = status.stages[0].efficiency;
  EXPECT_EQ(e.elements, 1u);
  EXPECT_EQ(e.longest_seconds, 400) << "both runs of the element";
  EXPECT_EQ(e.requested_seconds, 3600);
  EXPECT_EQ(e.core_seconds, 800);
  EXPECT_EQ(e.cpu_seconds, 200) << "two tasks of 100 s";
  EXPECT_EQ(e.peak_bytes, kGigabyte) << "two ranks of the node train at once";
  EXPECT_EQ(e.source, "files of 1 task");
  EXPECT_EQ(e.suggestion, "stage.train.time = \"00:10:00\"; stage.train.memory = \"1536M\"; stage.train.ranks = 1");
  EXPECT_THAT(status_text(status), HasSubstr("CPU 25 % (by the files of 1 task)"));
}

TEST_F(BatchEfficiency, OfTheLastJobFilesTellOnlyAPart) {
  make_outputs();
  write("results.h5", "x");
  auto& job = record.rounds[0].jobs[0];
  job.name = "report";
  job.stage = "reduce";
  save_record(record);
  write("batch/round-1/report.tasks", "reduce\n");
  write("batch/round-1/outcome/report.1", "start 7 0 node1\nend 0 360\n");
  const auto status = follow(
      folder,
      [](const auto& files) {
        return std::vector<std::optional<FileCost>>(files.size(), FileCost{1, 1e6});
      },
      false);
  ASSERT_EQ(status.stages.back().stage, "reduce");
  const auto& e = status.stages.back().efficiency;
  EXPECT_EQ(e.longest_seconds, 360);
  EXPECT_EQ(e.peak_bytes, 0) << "the report's memory is not in any file";
  EXPECT_EQ(e.source, "");
}

TEST_F(BatchEfficiency, SaysWhatItDoesNotKnow) {
  make_outputs();
  for (const auto& runs : {CostsOf(), CostsOf([](const auto&) { return std::vector<std::optional<FileCost>>(); })}) {
    const auto e = follow(folder, runs, false).stages[0].efficiency;
    EXPECT_EQ(e.elements, 1u);
    EXPECT_EQ(e.cpu_seconds, -1);
    EXPECT_EQ(e.peak_bytes, 0);
    EXPECT_EQ(e.source, "");
  }
}

TEST_F(BatchLag, WhatAJobHasMadeIsWaitedFor) {
  const auto plan = study::make_plan(study::load(folder + "/study.toml"));
  EXPECT_THAT(unseen_outputs(record, plan, 60), testing::ElementsAre("a/trial-00/network.h5", "a/trial-01/network.h5"));
  EXPECT_TRUE(unseen_outputs(record, plan, 0).empty()) << "its job ended longer ago";
  std::thread other_node([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    make_outputs();
  });
  const double waited = wait_for_unseen(record, plan, 60);
  other_node.join();
  EXPECT_GE(waited, 0.6);
  EXPECT_LT(waited, 30);
  EXPECT_TRUE(unseen_outputs(record, plan, 60).empty());
}

TEST_F(BatchLag, WhatFailedIsNotWaitedFor) {
  write("batch/round-1/outcome/train.1", "start 7 0 node1\nfailed 1 a/trial-01/train\nend 1 5\n");
  write("a/trial-00/network.h5", "x");
  const auto plan = study::make_plan(study::load(folder + "/study.toml"));
  EXPECT_TRUE(unseen_outputs(record, plan, 60).empty());
  write("batch/round-1/outcome/train.1", "start 7 0 node1\nend 75 5\n");
  fs::remove(folder + "/a/trial-00/network.h5");
  EXPECT_TRUE(unseen_outputs(record, plan, 60).empty()) << "it was stopped early";
  write("batch/round-1/outcome/train.1", "start 7 0 node1\n");
  EXPECT_TRUE(unseen_outputs(record, plan, 60).empty()) << "it runs, or died without a word";
}

}  // namespace
