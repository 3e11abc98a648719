// Job scripts: equal to the golden ones, and hostile names stay data.
//
// HULLSCOPE_WRITE_GOLDEN=1 writes tests/golden/batch/ anew; read the difference before committing it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <hullscope/batch/process.hpp>
#include <hullscope/batch/record.hpp>
#include <hullscope/batch/script.hpp>

namespace {

using namespace hullscope;
using namespace hullscope::batch;
namespace fs = std::filesystem;

const std::string kGolden = HULLSCOPE_SOURCE_DIR "/tests/golden/batch/";

ScriptContext context() {
  return {"mnist-mlp",
          "/scratch/ada/runs/mnist-mlp",
          "/home/ada/study",
          "batch/round-1",
          "5f3a9c01",
          "/opt/hullscope/bin/hullscope",
          HULLSCOPE_SOURCE_DIR "/slurm/templates",
          false};
}

Job array_job() {
  Job job;
  job.name = job.stage = "train";
  for (std::size_t i = 0; i < 60; i += 2) job.elements.push_back({i, i + 1});
  job.seconds.assign(job.elements.size(), 1200);
  job.request = {1, 2, 1, 0, 60, 1536};
  return job;
}

void expect_golden(const std::string& name, const std::string& script) {
  if (std::getenv("HULLSCOPE_WRITE_GOLDEN")) std::ofstream(kGolden + name) << script;
  EXPECT_EQ(script, read_whole(kGolden + name)) << "tests/golden/batch/" << name;
}

void expect_valid_bash(const std::string& script) {
  const std::string path = fs::temp_directory_path() / ("hullscope-script-" + std::to_string(getpid()) + ".sh");
  std::ofstream(path) << script;
  const auto result = run_process({"bash", "-n", path}, 20);
  EXPECT_TRUE(result.ok()) << result.words();
  fs::remove(path);
}

TEST(BatchScript, AnArrayOfTrainings) {
  const auto script = render_script(array_job(), Profile(), context());
  expect_golden("train.sbatch", script);
  expect_valid_bash(script);
}

TEST(BatchScript, EverythingASiteMaySay) {
  Profile profile;
  profile.slurm = {"large",
                   "project42",
                   "long",
                   "zen4&ib",
                   "maintenance week",
                   "ada@example.org",
                   "END,FAIL",
                   {"--exclusive", "--licenses=a:1"}};
  profile.launch.launcher = "mpirun";
  profile.launch.modules = {"gcc/12.2", "openmpi/4.1.4"};
  profile.launch.setup = {"source /project/env.sh"};
  profile.launch.container = {"apptainer", "exec", "/images/hull scope.sif"};
  profile.launch.program = "/usr/bin/hullscope";
  profile.launch.scratch = "/local/scratch";
  profile.gpu.stages = {"train"};
  profile.stage["hull"].options = {"--switches=1"};
  Job job;
  job.name = job.stage = "hull";
  job.elements = {{7}};
  job.seconds = {100};
  job.request = {2, 4, 8, 1, 2880, 102400};
  const auto script = render_script(job, profile, context());
  expect_golden("hull-site.sbatch", script);
  expect_valid_bash(script);
}

TEST(BatchScript, TheLastJob) {
  Job job;
  job.name = "report";
  job.stage = "reduce";
  job.elements = {{99}};
  job.seconds = {60};
  job.request = {1, 1, 1, 0, 10, 2048};
  Profile profile;
  profile.slurm.mail_user = "ada@example.org";
  profile.slurm.mail_type = "END,FAIL";
  const auto script = render_script(job, profile, context());
  expect_golden("report.sbatch", script);
  expect_valid_bash(script);
}

TEST(BatchScript, TheLastJobOfAStudyWithoutNetworks) {
  Job job;
  job.name = "report";
  job.stage = "reduce";
  job.elements = {{}};  // nothing to reduce
  job.seconds = {60};
  job.request = {1, 1, 1, 0, 10, 2048};
  const auto script = render_script(job, Profile(), context());
  expect_golden("report-data-only.sbatch", script);
  expect_valid_bash(script);
}

TEST(BatchScript, HostileNamesAreData) {
  const std::string folder = fs::temp_directory_path() / ("hullscope-hostile-" + std::to_string(getpid()));
  const std::string trap = folder + "/was-executed";
  for (const std::string& evil :
       {std::string("$(touch " + trap + ")"), std::string("`touch " + trap + "`"), "a'; touch " + trap + " #",
        "a\"; touch " + trap + " #", "two\ntouch " + trap + "\n", std::string("-rf * ~ @STEPS@ @PROGRAM@ \\")}) {
    auto where = context();
    where.folder = folder + "/" + evil;
    where.workdir = folder + "/" + evil;
    where.program = folder + "/" + evil + "/hullscope";
    Profile profile;
    profile.launch.container = {evil};
    profile.launch.modules = {evil};
    profile.launch.scratch = evil;
    auto job = array_job();
    const auto script = render_script(job, profile, where);
    expect_valid_bash(script);
    // The script is run up to where it finds that its folder is not there.
    fs::create_directories(folder);
    const std::string path = folder + "/script.sh";
    std::ofstream(path) << "module() { :; }; scontrol() { :; }\n" << script;
    const auto result = run_process({"bash", path}, 20);
    EXPECT_EQ(result.code, 66) << result.output << result.errors;
    EXPECT_FALSE(fs::exists(trap)) << evil;
    fs::remove_all(folder);
  }
}

TEST(BatchScript, WordsSurviveAShell) {
  for (const std::string& word :
       {std::string(), std::string("plain"), std::string("a b"), std::string("it's"), std::string("'"),
        std::string("two\nlines"), std::string("$HOME `x` \"y\" \\ *"), std::string("\xff\xfe")}) {
    const auto result = run_process({"bash", "-c", "printf %s " + shell_word(word)}, 20);
    EXPECT_EQ(result.output, word);
  }
}

TEST(BatchProcess, WhatBecomesOfAProgram) {
  const auto lost = run_process({"hullscope-no-such-program"}, 5);
  EXPECT_TRUE(lost.not_found);
  EXPECT_THAT(lost.words(), testing::HasSubstr("not in PATH"));
  const auto failed = run_process({"bash", "-c", "echo out; echo 'error: two' >&2; echo lines >&2; exit 3"}, 20);
  EXPECT_EQ(failed.code, 3);
  EXPECT_EQ(failed.output, "out\n");
  EXPECT_EQ(failed.words(), "error: two lines");
  const auto slow = run_process({"sleep", "30"}, 0.2);
  EXPECT_TRUE(slow.timed_out);
  EXPECT_FALSE(slow.ok());
  EXPECT_EQ(run_process({"bash", "-c", "kill -9 $$"}, 20).code, 137);
  EXPECT_EQ(run_process({"bash", "-c", "echo $SLURM_JOB_ID$SLURM_CONF"}, 20).output, "\n");
  setenv("SLURM_JOB_ID", "42", 1);
  setenv("SLURM_CONF", "kept", 1);
  EXPECT_EQ(run_process({"bash", "-c", "echo $SLURM_JOB_ID$SLURM_CONF"}, 20).output, "kept\n");
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_CONF");
}

}  // namespace
