// From tasks to jobs: nothing lost, nothing twice, everything after what it needs, within the site's limits.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/layout.hpp>

namespace {

using namespace hullscope;
using namespace hullscope::batch;

study::Study study_of(int networks, int trials, std::vector<std::int64_t> dimensions) {
  study::Study study;
  study.data.set = "mnist";
  study.train.trials = trials;
  study.encode.dimensions = std::move(dimensions);
  study.hull.spaces = {"latent", "neural"};
  for (int i = 0; i < networks; ++i) study.networks.push_back({fmt::format("net-{:02}", i), {"dense 256", "relu"}});
  return study;
}

const study::DataShape kMnist{60000, 10000, 784, 10, {1, 28, 28}};

struct Case {
  study::Study study;
  Profile profile;
  std::vector<study::Task> plan;
  std::vector<bool> wanted;

  explicit Case(study::Study s) : study(std::move(s)), plan(study::make_plan(study)), wanted(plan.size(), true) {}
  LayoutRequest request() const { return {study, plan, kMnist, profile, wanted, {}, {}, {}, 0}; }
  Layout layout() const { return make_layout(request()); }
};

const Job* find(const Layout& layout, const std::string& name) {
  for (const auto& job : layout.jobs)
    if (job.name == name) return &job;
  return nullptr;
}

/// The slow, obvious check: every wanted task in exactly one element, and whatever makes its inputs is waited for.
void expect_sound(const Case& c, const Layout& layout) {
  std::map<std::string, std::pair<std::string, std::size_t>> maker;  // output -> job, element
  std::multiset<std::size_t> seen;
  for (const auto& job : layout.jobs)
    for (std::size_t e = 0; e < job.elements.size(); ++e)
      for (const auto task : job.elements[e]) {
        seen.insert(task);
        maker[c.plan[task].output] = {job.name, e};
        EXPECT_EQ(c.plan[task].stage, job.stage);
      }
  for (std::size_t i = 0; i < c.plan.size(); ++i)
    EXPECT_EQ(seen.count(i), c.wanted[i] || c.plan[i].stage == "reduce" ? 1u : 0u) << c.plan[i].name;
  for (const auto& job : layout.jobs)
    for (std::size_t e = 0; e < job.elements.size(); ++e)
      for (const auto task : job.elements[e])
        for (const auto& [role, path] : c.plan[task].inputs) {
          const auto made = maker.find(path);
          if (made == maker.end() || made->second.first == job.name) continue;
          const auto after = std::find_if(job.after.begin(), job.after.end(),
                                          [&](const After& a) { return a.job == made->second.first; });
          ASSERT_NE(after, job.after.end()) << c.plan[task].name << " does not wait for " << made->second.first;
          EXPECT_TRUE(!after->element_wise || made->second.second == e) << c.plan[task].name;
        }
  EXPECT_LE(layout.elements(), static_cast<std::size_t>(c.profile.limits.submitted));
  for (const auto& job : layout.jobs) {
    EXPECT_LT(job.elements.size(), static_cast<std::size_t>(c.profile.limits.array_size));
    EXPECT_LE(job.request.minutes, minutes_of(c.profile.limits.time));
    EXPECT_LE(job.request.megabytes, megabytes_of(c.profile.limits.memory));
    EXPECT_LE(job.request.ranks * job.request.threads, c.profile.limits.cores * job.request.nodes);
    EXPECT_EQ(job.seconds.size(), job.elements.size());
    if (job.name == "report") continue;  // without networks there is nothing to reduce
    for (const auto& element : job.elements) EXPECT_FALSE(element.empty());
  }
  EXPECT_EQ(layout.jobs.back().name, "report");
  EXPECT_EQ(layout.jobs.back().after.size() + 1, layout.jobs.size());
}

TEST(BatchLayout, AStudyOfTheReadmeIsSixJobs) {
  const Case c(study_of(1, 5, {2, 4, 8, 16}));
  const auto layout = c.layout();
  expect_sound(c, layout);
  std::vector<std::string> names;
  for (const auto& job : layout.jobs) names.push_back(job.name);
  EXPECT_THAT(names,
              testing::ElementsAre("proximity-pixel", "train", "extract", "encode", "hull", "proximity", "report"));
  EXPECT_EQ(find(layout, "train")->elements.size(), 1u);  // packed: five trainings of a minute share a job
  EXPECT_EQ(find(layout, "train")->request.ranks, 5);     // a rank each
  EXPECT_TRUE(find(layout, "proximity-pixel")->after.empty());
}

TEST(BatchLayout, LongTrainingsHaveElementsOfTheirOwnAndArraysFollowElementByElement) {
  Case c(study_of(4, 3, {2, 4}));
  c.study.train.epochs = 50000;
  c.study.encode.epochs = 500;
  c.profile.limits.cores = 1;
  const auto layout = c.layout();
  expect_sound(c, layout);
  EXPECT_EQ(find(layout, "train")->elements.size(), 12u);
  EXPECT_TRUE(find(layout, "train")->time_is_cut);
  const auto* encode = find(layout, "encode");
  ASSERT_EQ(encode->elements.size(), 12u);
  EXPECT_EQ(encode->elements[0].size(), 2u);
  EXPECT_THAT(encode->after, testing::Contains(After{"train", true}));
}

TEST(BatchLayout, CodesOfFurtherTestSetsWaitForTheAutoencoders) {
  auto study = study_of(2, 3, {2, 4});
  study.tests = {{"turned", "rotation", {15, 30}, "", false}};
  const Case c(study);
  const auto layout = c.layout();
  expect_sound(c, layout);
  ASSERT_NE(find(layout, "encode-tests"), nullptr);
  EXPECT_EQ(find(layout, "encode-tests")->tasks(), 2u * 3 * 2 * 2);
  EXPECT_EQ(find(layout, "encode")->tasks(), 2u * 3 * 2);
}

TEST(BatchLayout, RandomStudiesAreSound) {
  const unsigned seed = std::random_device()();
  RecordProperty("seed", static_cast<int>(seed));
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const auto upto = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n + 1)); };
  for (int round = 0; round < 60; ++round) {
    auto study = study_of(upto(5), 1 + upto(7), {});
    for (int d = 0, n = upto(4); d < n; ++d) study.encode.dimensions.push_back(1 << d);
    study.train.epochs = 1 + upto(1) * 3000;
    study.hull.spaces.clear();
    for (const char* space : {"pixel", "neural", "latent"})
      if (upto(1)) study.hull.spaces.push_back(space);
    study.run.threads = 1 + upto(2);
    Case c(study);
    c.profile.limits.cores = 3 + upto(30);
    c.profile.limits.nodes = 1 + upto(2);
    c.profile.limits.array_size = 3 + upto(40);
    c.profile.limits.submitted = 8 + upto(60);
    c.profile.limits.memory = "64G";
    c.profile.work.target = slurm_time(5 + upto(100));
    for (std::size_t i = 0; i < c.wanted.size(); ++i) c.wanted[i] = upto(3) > 0;
    if (!c.plan.empty() && c.plan.back().stage == "reduce") c.wanted.back() = true;
    auto request = c.request();
    for (std::size_t i = 0; i < c.plan.size(); ++i)
      if (upto(9) == 0) request.lessons[i] = {upto(1) * 4096, upto(1) == 1};
    SCOPED_TRACE(fmt::format("round {}", round));
    expect_sound(c, make_layout(request));
  }
}

TEST(BatchLayout, WhatFailedBeforeIsAloneAndAsksForMoreMemory) {
  Case c(study_of(1, 6, {2}));
  auto request = c.request();
  for (std::size_t i = 0; i < c.plan.size(); ++i) request.wanted[i] = c.plan[i].stage == "train";
  const auto before = make_layout(request);
  request.lessons[2] = {8192, true};
  const auto after = make_layout(request);
  EXPECT_EQ(before.jobs[0].elements.size(), 1u);
  const auto& elements = after.jobs[0].elements;
  EXPECT_NE(std::find(elements.begin(), elements.end(), std::vector<std::size_t>{2}), elements.end());
  EXPECT_GT(after.jobs[0].request.megabytes, before.jobs[0].request.megabytes);
}

TEST(BatchLayout, StatedMemoryIsAskedForUntilATryHasTaughtMore) {
  Case c(study_of(1, 6, {2}));
  c.profile.stage["train"].memory = "3000M";
  auto request = c.request();
  for (std::size_t i = 0; i < c.plan.size(); ++i) request.wanted[i] = c.plan[i].stage == "train";
  EXPECT_EQ(make_layout(request).jobs[0].request.megabytes, 3000);
  request.lessons[2] = {6000, true};
  EXPECT_EQ(make_layout(request).jobs[0].request.megabytes, 6000);
}

TEST(BatchLayout, MoreFailuresThanTheQueueTakesArePackedAgain) {
  Case c(study_of(10, 30, {}));
  c.profile.limits.submitted = 50;
  auto request = c.request();
  for (std::size_t i = 0; i < c.plan.size(); ++i) request.lessons[i] = {0, true};
  EXPECT_LE(make_layout(request).elements(), 50u);
}

TEST(BatchLayout, WhatCanNeverFitIsRefusedWithLimitAndEstimate) {
  using testing::HasSubstr;
  const auto refusal = [](const Case& c) -> std::string {
    try {
      c.layout();
    } catch (const UsageError& error) {
      return error.what();
    }
    return "nothing was refused";
  };
  Case memory(study_of(1, 1, {2}));
  memory.profile.limits.memory = "200M";
  EXPECT_THAT(refusal(memory),
              AllOf(HasSubstr("can never fit"), HasSubstr("limits.memory = 200M"), HasSubstr("needs about")));
  Case ranks(study_of(1, 1, {2}));
  ranks.study.train.ranks_per_task = 64;
  EXPECT_THAT(refusal(ranks), AllOf(HasSubstr("train.ranks_per_task is 64"), HasSubstr("at most 8 ranks")));
  Case cores(study_of(1, 1, {2}));
  cores.profile.stage["hull"].ranks = 9;
  EXPECT_THAT(refusal(cores), HasSubstr("limits.cores"));
  Case gpu(study_of(1, 1, {2}));
  gpu.profile.gpu.stages = {"train"};
  EXPECT_THAT(refusal(gpu), HasSubstr("GPUs"));
  Case full(study_of(1, 1, {2}));
  auto request = full.request();
  request.in_queue = 998;
  EXPECT_THROW(make_layout(request), UsageError);
}

TEST(BatchLayout, FewerRanksWhereMemoryIsShort) {
  Case c(study_of(1, 8, {2}));
  const auto plenty = find(c.layout(), "train")->request;
  c.profile.limits.memory = "1536M";
  const auto layout = c.layout();
  expect_sound(c, layout);
  EXPECT_LT(find(layout, "train")->request.ranks, plenty.ranks);
}

TEST(BatchLayout, ATrainingNeverSplitsMoreThanOnOneMachine) {
  // train divides ranks by all trainings of the study: more ranks than trainings would split a batch
  Case c(study_of(1, 2, {}));
  c.study.networks[0].layers = {"conv 3x3 64", "relu", "conv 3x3 64", "relu", "maxpool 2", "dense 512", "relu"};
  c.profile.limits.cores = 64;
  EXPECT_LE(find(c.layout(), "train")->request.ranks, 2);
}

TEST(BatchLayout, RanksOverSeveralNodes) {
  Case c(study_of(1, 1, {2}));
  c.profile.limits.nodes = 4;
  c.profile.stage["hull"].ranks = 4;
  c.profile.stage["hull"].nodes = 2;
  const auto request = find(c.layout(), "hull")->request;
  EXPECT_EQ(request.nodes, 2);
  EXPECT_EQ(request.ranks, 4);
}

TEST(BatchLayout, JobsInTheQueueAreWaitedFor) {
  Case c(study_of(1, 2, {2}));
  auto request = c.request();
  for (std::size_t i = 0; i < c.plan.size(); ++i)
    if (c.plan[i].stage == "train") request.wanted[i] = false, request.made_by[i] = 4711;
  const auto layout = make_layout(request);
  EXPECT_EQ(find(layout, "train"), nullptr);
  EXPECT_THAT(find(layout, "extract")->after_ids, testing::ElementsAre(4711));
  EXPECT_THAT(layout.jobs.back().after_ids, testing::ElementsAre(4711));
}

TEST(BatchLayout, AHundredThousandTasksAreFewJobs) {
  const Case c(study_of(60, 104, {1, 2, 3, 4, 6, 8, 12, 16}));  // 60 * 104 * 20 tasks
  ASSERT_GT(c.plan.size(), 100000u);
  const auto layout = c.layout();
  expect_sound(c, layout);
  EXPECT_LE(layout.elements(), 1000u);
}

TEST(CostModel, GrowsWithTheWork) {
  Case c(study_of(1, 1, {2, 16}));
  c.study.encode.epochs = 1;
  const study::CostModel model(c.study, kMnist);
  auto twice = c.study;
  twice.train.epochs *= 2;
  const study::CostModel longer(twice, kMnist);
  for (const auto& task : c.plan) {
    EXPECT_GT(model.cpu_seconds(task), 0) << task.name;
    EXPECT_GE(model.memory_bytes(task, 4), model.memory_bytes(task, 1)) << task.name;
    EXPECT_DOUBLE_EQ(longer.cpu_seconds(task), (task.stage == "train" ? 2 : 1) * model.cpu_seconds(task));
  }
}

}  // namespace
