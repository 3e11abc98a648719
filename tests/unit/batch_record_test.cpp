// What is kept in DIR/batch: whole or not at all, under a lock, and what jobs have written there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/outcome.hpp>
#include <hullscope/batch/record.hpp>

namespace {

using namespace hullscope;
using namespace hullscope::batch;
namespace fs = std::filesystem;
using testing::HasSubstr;

class InFolder : public testing::Test {
 protected:
  InFolder() : folder(fs::temp_directory_path() / ("hullscope-record-" + std::to_string(getpid()))) {
    fs::create_directories(folder + "/batch");
  }
  ~InFolder() override { fs::remove_all(folder); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name) << text;
    return folder + "/" + name;
  }
  std::string folder;
};

using BatchRecord = InFolder;
using BatchLock = InFolder;
using BatchOutcome = InFolder;

TEST_F(BatchRecord, ReadsWhatItWrote) {
  Record record;
  EXPECT_FALSE(load_record(folder, record));
  record.folder = folder;
  record.workdir = "/home/\xff odd\n'name";
  record.program = "/p";
  record.token = "0123abcd";
  Round round;
  round.number = 3;
  round.profile = "/\xc3\xa4/\x80.toml";
  round.study = "name = \"x\"\n";
  round.automatic = true;
  round.running = 7;
  round.time_factor = 2.5;
  round.replaces["a/b.h5"] = "1:2:3";
  JobRecord job;
  job.name = job.stage = "train";
  job.label = "x.train";
  job.id = 4711;
  job.elements = 2;
  job.request = {1, 2, 3, 4, 5, 6};
  job.seconds = {1.5, 2.5};
  job.after = {"x"};
  job.judged = {2};
  round.jobs.push_back(job);
  record.rounds.push_back(round);
  record.tasks["a/b"] = {2, 512, true, "out of \xff memory"};
  save_record(record);
  Record read;
  ASSERT_TRUE(load_record(folder, read));
  EXPECT_EQ(read.workdir, record.workdir);
  EXPECT_EQ(read.made_in, folder);
  ASSERT_EQ(read.rounds.size(), 1u);
  EXPECT_EQ(read.rounds[0].profile, round.profile);
  EXPECT_EQ(read.rounds[0].running, 7);
  EXPECT_EQ(read.rounds[0].time_factor, 2.5);
  EXPECT_EQ(read.rounds[0].replaces, round.replaces);
  EXPECT_EQ(read.rounds[0].jobs[0].request, job.request);
  EXPECT_EQ(read.rounds[0].jobs[0].judged, job.judged);
  EXPECT_EQ(read.tasks.at("a/b").tries, 2);
  EXPECT_EQ(read.tasks.at("a/b").megabytes, 512);
  EXPECT_TRUE(read.tasks.at("a/b").no_more_memory);
}

TEST_F(BatchRecord, ADamagedFileIsOneSentence) {
  Record record;
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string("{\"format\": 1}"), std::string("\xff")}) {
    write("batch/state.json", text);
    EXPECT_THROW(load_record(folder, record), DataError) << text;
  }
  write("batch/state.json", "{\"format\": 2}");
  try {
    load_record(folder, record);
    FAIL() << "a newer format was read";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("newer hullscope"));
  }
}

TEST_F(BatchRecord, AFullDiskLeavesTheOldFile) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  const auto path = write("file", "old");
  fs::create_symlink("/dev/full", path + ".new");
  EXPECT_THROW(write_whole(path, "new"), EnvironmentError);
  EXPECT_EQ(read_whole(path), "old");
  write_whole(path, "new");
  EXPECT_EQ(read_whole(path), "new");
}

TEST_F(BatchRecord, IdentityChangesWithTheFile) {
  const auto path = write("file", "old");
  const auto before = identity_of(path);
  EXPECT_NE(before, "");
  EXPECT_EQ(identity_of(path), before);
  write_whole(path, "new");
  EXPECT_NE(identity_of(path), before);
  EXPECT_EQ(identity_of(folder + "/none"), "");
}

/// A child that takes the lock, says so, and is killed or not.
void expect_lock_ends_with_its_owner(const std::string& folder) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FolderLock lock(folder, 5);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  try {
    const FolderLock second(folder, 0.3);
    ADD_FAILURE() << "two hold the lock";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(child)));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_NO_THROW(FolderLock(folder, 5));
  close(ready[0]);
  close(ready[1]);
}

TEST_F(BatchLock, EndsWithItsOwner) {
  expect_lock_ends_with_its_owner(folder);
}

TEST_F(BatchLock, EndsWithItsOwnerAlsoWithoutFlock) {
  setenv("HULLSCOPE_NO_FLOCK", "1", 1);
  expect_lock_ends_with_its_owner(folder);
  unsetenv("HULLSCOPE_NO_FLOCK");
  EXPECT_FALSE(fs::exists(folder + "/batch/lock.owner"));
}

TEST_F(BatchLock, AFolderThatCannotBeWritten) {
  EXPECT_THROW(FolderLock("/proc/no such folder", 1), EnvironmentError);
}

TEST_F(BatchOutcome, LastStartCountsAndTimeAddsUp) {
  const auto path =
      write("o", "start 12 0 node1\nrequeue 100\nstart 12 1 node2\nfailed 1 a/b\nfailed 137 a/c\nend 137 20\n");
  const auto outcome = read_outcome(path);
  EXPECT_TRUE(outcome.started);
  EXPECT_TRUE(outcome.ended);
  EXPECT_EQ(outcome.restarts, 1);
  EXPECT_EQ(outcome.host, "node2");
  EXPECT_EQ(outcome.code, 137);
  EXPECT_EQ(outcome.seconds, 120);
  EXPECT_EQ(outcome.failed.at("a/c"), 137);
}

TEST_F(BatchOutcome, TornLinesArePassedOver) {
  for (const char* text : {"", "\n", "end", "start", "start x", "sta", "failed 1", "end 1", "\xff\xff"}) {
    const auto outcome = read_outcome(write("o", text));
    EXPECT_FALSE(outcome.ended) << text;
    EXPECT_TRUE(outcome.failed.empty()) << text;
  }
  EXPECT_FALSE(read_outcome(folder + "/none").started);
}

TEST_F(BatchOutcome, LastLinesOfALog) {
  const auto log = write("log", "one\ntwo\n[=>  ] 1 %\r[==> ] 2 %\nfour\n");
  EXPECT_THAT(last_lines(log, 2), testing::ElementsAre("[==> ] 2 %", "four"));
  EXPECT_THAT(last_lines(folder + "/none", 2), testing::IsEmpty());
  EXPECT_THAT(last_lines(write("log", std::string(100000, 'x') + "\nend\n"), 1), testing::ElementsAre("end"));
}

Failure failure(const std::string& outcome_path, const std::string& log, const char* state) {
  const QueueEntry entry{state, "SomeReason", "", "", "", 0};
  return failure_of("a/b", read_outcome(outcome_path), log, *state ? &entry : nullptr, {1, 1, 1, 0, 10, 1024});
}

TEST_F(BatchOutcome, ReasonsInWords) {
  const auto ended = write("o", "start 12 0 node1\nfailed 1 a/b\nend 1 20\n"), died = write("d", "start 12 0 node1\n");
  const auto log =
      write("log", "[info] x\nhullscope: a/b: no such file\nsrun: error: node1: task 0: Exited with exit code 1\n");
  EXPECT_EQ(failure(ended, log, "").reason, "exit code 1: a/b: no such file");
  EXPECT_TRUE(failure(ended, log, "").counts);
  const auto memory = write(
      "oom",
      "slurmstepd: error: Detected 1 oom_kill event in StepId=3.0. Some of the step tasks have been OOM Killed.\n");
  EXPECT_TRUE(failure(ended, memory, "FAILED").out_of_memory);
  EXPECT_TRUE(failure(died, log, "OUT_OF_MEMORY").out_of_memory);
  EXPECT_THAT(failure(died, log, "OUT_OF_MEMORY").reason, HasSubstr("1G"));
  EXPECT_THAT(failure(died, log, "NODE_FAIL").reason, HasSubstr("node failed"));
  EXPECT_FALSE(failure(died, log, "NODE_FAIL").counts);
  EXPECT_THAT(failure(died, log, "").reason, HasSubstr("without a word"));
  EXPECT_TRUE(failure(died, log, "").counts);
  EXPECT_THAT(failure(folder + "/none", log, "CANCELLED").reason, HasSubstr("before it began"));
  EXPECT_FALSE(failure(folder + "/none", log, "").counts);
  const QueueEntry unseen{"FAILED", "JobLaunchFailure", "", "", "", 0};
  EXPECT_THAT(failure_of("a/b", Outcome(), log, &unseen, {1, 1, 1, 0, 10, 1024}).reason,
              HasSubstr("does not see the output folder"));
  const auto requeued = write("r", "start 12 50 node1\nend 75 20\n");
  EXPECT_THAT(failure(requeued, folder + "/none", "FAILED").reason, HasSubstr("stopped early"));
}

TEST_F(BatchOutcome, WhatTheUserCancelledIsNoTryAndIsNotTriedAgain) {
  const auto seen = write("c", "start 12 0 node1\nrequeue 5\nstart 12 1 node1\ncancelled 20\n");
  EXPECT_TRUE(read_outcome(seen).ended);
  EXPECT_EQ(read_outcome(seen).seconds, 25);
  const auto died = write("d", "start 12 0 node1\n");
  for (const auto& [path, state] : {std::pair{seen, ""}, {seen, "CANCELLED"}, {died, "CANCELLED"}}) {
    EXPECT_THAT(failure(path, folder + "/none", state).reason, HasSubstr("cancelled"));
    EXPECT_FALSE(failure(path, folder + "/none", state).counts);
    EXPECT_TRUE(failure(path, folder + "/none", state).cancelled);
  }
  for (const char* state : {"", "NODE_FAIL", "PREEMPTED", "TIMEOUT"})
    EXPECT_FALSE(failure(died, folder + "/none", state).cancelled) << state;
}

TEST_F(BatchOutcome, WhatPendingJobsWaitFor) {
  EXPECT_EQ(waiting_words({"PENDING", "Resources", "", "", "", 0}), "for free nodes");
  EXPECT_THAT(waiting_words({"PENDING", "DependencyNeverSatisfied", "", "", "", 0}), HasSubstr("never come"));
  EXPECT_THAT(waiting_words({"PENDING", "ReqNodeNotAvail, UnavailableNodes:n1", "", "", "", 0}),
              HasSubstr("down or reserved"));
  EXPECT_THAT(waiting_words({"PENDING", "QOSMaxJobsPerUserLimit", "", "", "", 0}), HasSubstr("QOSMaxJobsPerUserLimit"));
}

}  // namespace
