// The plan and the keys of its tasks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include <hullscope/base/error.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::study {
namespace {

Study small_study() {
  return parse(R"(
[data]
set = "mnist"
[train]
trials = 2
[encode]
dimensions = [2, 16]
[hull]
spaces = ["pixel", "neural", "latent"]
[[network]]
name = "a"
layers = ["dense 8", "relu"]
[[network]]
name = "b"
layers = ["dense 9", "relu"]
)",
               "s.toml");
}

std::map<std::string, Task> by_name(const Study& study) {
  std::map<std::string, Task> tasks;
  for (const auto& task : make_plan(study)) tasks[task.name] = task;
  return tasks;
}

std::map<std::string, std::string> hashes(const Study& study) {
  std::map<std::string, std::string> made;
  for (const auto& task : make_plan(study)) made[task.name] = options_hash(study, task);
  return made;
}

/// Names of the tasks of `before` whose hash is another in `after`.
std::set<std::string> changed(const Study& before, const Study& after) {
  const auto old_hashes = hashes(before), new_hashes = hashes(after);
  std::set<std::string> names;
  for (const auto& [name, hash] : old_hashes)
    if (!new_hashes.count(name) || new_hashes.at(name) != hash) names.insert(name);
  return names;
}

TEST(Plan, FurtherHullsExtendAStudy) {
  Study more = small_study();
  more.hull.classes = true;
  more.hull.left_out = 100;
  more.hull.subsets = {10, 1000};
  EXPECT_TRUE(changed(small_study(), more).empty());
  const auto tasks = by_name(more);
  // in pixels once; in 4 trials the neural and two latent spaces: classes, left out, two subsets
  EXPECT_EQ(tasks.size(), by_name(small_study()).size() + 4 * (1 + 4 * 3));
  const Task& classes = tasks.at("a/trial-01/latent-02/hull-classes");
  EXPECT_EQ(classes.output, "a/trial-01/latent-02/hull-classes.h5");
  EXPECT_EQ(classes.inputs.at("activations"), "a/trial-01/activations.h5");
  EXPECT_EQ(tasks.at("input/hull-left-out-100").hull_points, 100);
  EXPECT_EQ(tasks.at("b/trial-00/hull-neural-subset-10").output, "b/trial-00/hull-neural-subset-10.h5");
  EXPECT_NE(options_hash(more, tasks.at("input/hull-subset-10")), options_hash(more, tasks.at("input/hull")));
  EXPECT_EQ(tasks.at("reduce").inputs.count("b/trial-00/hull-neural-subset-10.h5"), 1u);
  more.hull.left_out = 200;  // another sample is another file
  EXPECT_EQ(by_name(more).count("input/hull-left-out-100"), 0u);
  more.hull.spaces = {"pca"};
  for (const auto& [name, task] : by_name(more)) EXPECT_EQ(task.hull, "") << name;
}

TEST(Plan, HasEveryTaskOnce) {
  const auto tasks = make_plan(small_study());
  // 2 pixel + 4 trials x (train, extract, 2 encode, 2 latent hulls, neural hull, proximity) + reduce
  EXPECT_EQ(tasks.size(), 2u + 4 * 8 + 1);
  std::set<std::string> names, outputs;
  for (const auto& task : tasks) names.insert(task.name), outputs.insert(task.output);
  EXPECT_EQ(names.size(), tasks.size());
  EXPECT_EQ(outputs.size(), tasks.size());
}

TEST(Plan, ProducersComeBeforeConsumers) {
  std::set<std::string> made = {"data/train", "data/test"};
  for (const auto& task : make_plan(small_study())) {
    for (const auto& [role, path] : task.inputs) EXPECT_TRUE(made.count(path)) << task.name << " needs " << path;
    made.insert(task.output);
  }
}

TEST(Plan, PathsAndRolesAreThoseOfTheDesign) {
  const auto tasks = by_name(small_study());
  const auto& hull = tasks.at("a/trial-01/latent-16/hull");
  EXPECT_EQ(hull.output, "a/trial-01/latent-16/hull.h5");
  EXPECT_EQ(hull.inputs, (std::map<std::string, std::string>{{"codes", "a/trial-01/latent-16/codes.h5"}}));
  EXPECT_EQ(hull.space, "latent-16");
  EXPECT_EQ(hull.dimension, 16);
  EXPECT_EQ(hull.trial, 1);
  EXPECT_EQ(tasks.at("a/trial-00/hull-neural").output, "a/trial-00/hull-neural.h5");
  EXPECT_EQ(tasks.at("input/hull").output, "input/hull.h5");
  EXPECT_EQ(tasks.at("input/hull").inputs.count("data/test"), 1u);
  EXPECT_EQ(tasks.at("b/trial-00/proximity").inputs.at("codes-02"), "b/trial-00/latent-02/codes.h5");
  EXPECT_EQ(tasks.at("reduce").output, "results.h5");
  EXPECT_EQ(tasks.at("reduce").inputs.size(), 2u + 4 * 7);
}

TEST(Plan, FollowsTheSpacesAskedFor) {
  Study s = small_study();
  s.hull.spaces = {};
  s.proximity.spaces = {"neural"};
  const auto tasks = by_name(s);
  for (const auto& [name, task] : tasks) EXPECT_NE(task.stage, "hull") << name;
  EXPECT_EQ(tasks.at("a/trial-00/proximity").inputs.size(), 1u);
  s.proximity.spaces = {};
  EXPECT_EQ(by_name(s).count("a/trial-00/proximity"), 0u);
  s.networks.clear();
  EXPECT_TRUE(make_plan(s).empty());
  s.hull.spaces = {"pixel"};
  EXPECT_EQ(make_plan(s).size(), 1u);
}

TEST(Plan, AnotherTrialChangesNoOtherHash) {
  Study more = small_study();
  more.train.trials = 5;
  EXPECT_TRUE(changed(small_study(), more).empty());
}

TEST(Plan, AnotherDimensionChangesNoOtherHash) {
  Study more = small_study();
  more.encode.dimensions = {16, 3, 2};
  EXPECT_TRUE(changed(small_study(), more).empty());
}

TEST(Plan, AnotherNetworkOrTitleOrLayoutChangesNoOtherHash) {
  Study more = small_study();
  more.networks.push_back({"c", {"dense 10"}});
  more.report.title = "new";
  more.run.ranks = 7;
  more.run.threads = 3;
  more.data.folder = "/elsewhere";
  more.train.device = "cpu";
  more.train.checkpoint_seconds = 1;
  EXPECT_TRUE(changed(small_study(), more).empty());
}

TEST(Plan, ProximityKeyDependsOnItsDimensionsThroughItsInputs) {
  Study more = small_study();
  more.encode.dimensions = {2, 8, 16};
  EXPECT_NE(by_name(small_study()).at("a/trial-00/proximity").inputs, by_name(more).at("a/trial-00/proximity").inputs);
}

TEST(Plan, OptionsChangeTheHashesOfTheirStageOnly) {
  Study other = small_study();
  other.hull.eps *= 2;
  for (const auto& name : changed(small_study(), other)) EXPECT_EQ(by_name(other).at(name).stage, "hull") << name;
  EXPECT_EQ(changed(small_study(), other).size(), 1u + 4 * 3);
  other = small_study();
  other.train.epochs += 1;
  EXPECT_EQ(changed(small_study(), other).size(), 4u);
  other = small_study();
  other.networks[0].layers[0] = "dense 7";
  for (const auto& name : changed(small_study(), other)) EXPECT_EQ(name.substr(0, 2), "a/");
}

TEST(Plan, SeedChangesEveryHash) {
  Study other = small_study();
  other.seed += 1;
  EXPECT_EQ(changed(small_study(), other).size(), make_plan(other).size());
}

TEST(Plan, HashesAreDistinct) {
  const auto all = hashes(small_study());
  std::set<std::string> distinct;
  for (const auto& [name, hash] : all) {
    distinct.insert(hash);
    EXPECT_EQ(hash.size(), 64u);
  }
  EXPECT_EQ(distinct.size(), all.size());
}

TEST(Plan, TaskKeysTellInputsApart) {
  EXPECT_NE(task_key("h", {{"a", "1"}}), task_key("h", {{"a", "2"}}));
  EXPECT_NE(task_key("h", {{"a", "1"}}), task_key("h", {{"b", "1"}}));
  EXPECT_NE(task_key("h", {{"a", "1"}}), task_key("g", {{"a", "1"}}));
  EXPECT_NE(task_key("h", {{"a", "12"}}), task_key("h", {{"a1", "2"}}));
  EXPECT_EQ(task_key("h", {}), task_key("h", {}));
}

TEST(Plan, StreamNames) {
  const auto tasks = by_name(small_study());
  EXPECT_EQ(stream_name(small_study(), tasks.at("a/trial-01/train")), "mnist/a/trial-01");
  EXPECT_EQ(stream_name(small_study(), tasks.at("a/trial-01/latent-02/encode")), "mnist/a/trial-01/latent-02");
  EXPECT_EQ(stream_name(small_study(), tasks.at("input/hull")), "mnist");
}

TEST(Plan, FilesCarryWhatMadeThemAndNothingElse) {
  Study more = small_study();
  more.train.trials = 3;
  more.encode.dimensions = {2, 8, 16};
  more.networks.push_back({"c", {"dense 10"}});
  more.run.threads = 2;
  const auto task = by_name(small_study()).at("a/trial-00/latent-02/hull");
  EXPECT_EQ(task_toml(small_study(), task), task_toml(more, task));
  EXPECT_THAT(task_toml(more, task), testing::HasSubstr("train.epochs"));
  EXPECT_THAT(task_toml(more, task), testing::HasSubstr("hull.solver"));
  EXPECT_THAT(task_toml(more, task), testing::Not(testing::HasSubstr("reduce.")));
  // the data set and networks of the whole study are in results.h5, its layout is not
  EXPECT_THAT(scientific_toml(more), testing::HasSubstr("trials = 3"));
  EXPECT_THAT(scientific_toml(more), testing::Not(testing::HasSubstr("threads")));
}

TEST(Plan, FilesCarryValidToml) {
  for (const auto& task : make_plan(small_study())) {
    const Study read = parse(task_toml(small_study(), task), task.name);
    EXPECT_EQ(read.data.set, "mnist");
    EXPECT_EQ(read.networks.empty() ? "" : read.networks[0].name, task.stage == "reduce" ? "a" : task.network);
  }
}

TEST(Plan, PrincipalComponentsAreTheBaselineOfEachLatentSpace) {
  Study study = small_study();
  const auto before = hashes(study);
  study.hull.spaces.push_back("pca");
  const auto tasks = by_name(study);
  const Task& hull = tasks.at("b/trial-01/pca-16/hull");
  EXPECT_EQ(hull.inputs.at("codes"), "b/trial-01/pca-16/codes.h5");
  EXPECT_EQ(hull.space, "pca-16");
  EXPECT_EQ(tasks.at("b/trial-01/pca-16/encode").inputs.at("activations"), "b/trial-01/activations.h5");
  EXPECT_EQ(tasks.size(), before.size() + 4 * 4);  // of four trials: two dimensions, encode and hull
  std::set<std::string> distinct;
  for (const auto& [name, hash] : hashes(study)) {
    if (before.count(name)) {
      EXPECT_EQ(hash, before.at(name)) << name;
    }
    EXPECT_TRUE(distinct.insert(hash).second) << name;
  }
}

TEST(Plan, ANetworkOrTrialMayHaveItsOwnData) {
  Study study = small_study();
  study.proximity.spaces = {"latent"}, study.hull.spaces = {"latent"};
  auto tasks = by_name(study);
  EXPECT_EQ(tasks.at("b/trial-01/extract").inputs.at("data/test"), "data/test");
  const auto before = data_source(study, tasks.at("b/trial-01/train"));
  EXPECT_EQ(before, (DataSource{"mnist", 2022}));
  study.networks[1].set = "cifar-10";
  study.data.per_trial = true;
  tasks = by_name(study);
  EXPECT_EQ(tasks.at("b/trial-01/extract").inputs.at("data/test"), "data/test of cifar-10 for trial 01");
  EXPECT_EQ(tasks.at("a/trial-00/train").inputs.at("data/train"), "data/train for trial 00");
  const auto source = data_source(study, tasks.at("b/trial-01/train"));
  EXPECT_EQ(source.set, "cifar-10");
  EXPECT_NE(source.seed, 2022u);
  EXPECT_NE(source.seed, data_source(study, tasks.at("b/trial-00/train")).seed);
  EXPECT_EQ(source, data_source(study, tasks.at("b/trial-01/extract")));
  EXPECT_EQ(stream_name(study, tasks.at("b/trial-01/train")), "cifar-10/b/trial-01");
  EXPECT_EQ(
      parse(task_toml(study, tasks.at("b/trial-01/train")), "t.toml", {"data.set=mnist", "proximity.spaces=latent"})
          .networks[0]
          .set,
      "cifar-10");
}

Study with_tests(std::vector<double> strengths) {
  Study study = small_study();
  study.tests = {{"turned", "rotation", std::move(strengths), "", false}, {"clothes", "", {}, "fashion-mnist", false}};
  return study;
}

TEST(Plan, FurtherTestSetsAskTheSameNetworksCodesAndPoints) {
  const auto tasks = by_name(with_tests({15, 7.5}));
  // each trial: extract, 2 codes and their hulls, neural hull, proximity; and two of the pixels
  EXPECT_EQ(tasks.size(), by_name(small_study()).size() + 3 * (4 * 7 + 2));
  const Task& hull = tasks.at("a/trial-01/test-turned-7.5/latent-16/hull");
  EXPECT_EQ(hull.output, "a/trial-01/test-turned-7.5/latent-16/hull.h5");
  EXPECT_EQ(hull.inputs,
            (std::map<std::string, std::string>{{"codes", "a/trial-01/latent-16/codes.h5"},
                                                {"queries", "a/trial-01/test-turned-7.5/latent-16/codes.h5"}}));
  const Task& encode = tasks.at("a/trial-01/test-turned-7.5/latent-16/encode");
  EXPECT_EQ(encode.output, "a/trial-01/test-turned-7.5/latent-16/codes.h5");
  EXPECT_EQ(encode.inputs,
            (std::map<std::string, std::string>{{"network", "a/trial-01/network.h5"},
                                                {"activations", "a/trial-01/activations.h5"},
                                                {"codes", "a/trial-01/latent-16/codes.h5"},
                                                {"queries", "a/trial-01/test-turned-7.5/activations.h5"}}));
  EXPECT_EQ(file_format(encode), "encode-test");
  const Task& proximity = tasks.at("a/trial-01/test-turned-7.5/proximity");
  EXPECT_EQ(proximity.inputs.at("queries"), "a/trial-01/test-turned-7.5/activations.h5");
  EXPECT_EQ(proximity.inputs.at("codes-16"), "a/trial-01/latent-16/codes.h5");
  EXPECT_EQ(proximity.inputs.at("queries-16"), "a/trial-01/test-turned-7.5/latent-16/codes.h5");
  EXPECT_EQ(tasks.at("a/trial-01/test-turned-7.5/hull-neural").inputs.at("queries"),
            "a/trial-01/test-turned-7.5/activations.h5");
  const Task& extract = tasks.at("b/trial-00/test-clothes/extract");
  EXPECT_EQ(extract.inputs.at("network"), "b/trial-00/network.h5");
  EXPECT_EQ(extract.inputs.at("data/train"), "data/train");
  EXPECT_EQ(extract.inputs.at("data/test"), "data/test clothes");
  EXPECT_EQ(file_format(extract), "extract-test");
  EXPECT_EQ(file_format(hull), "hull");
  EXPECT_EQ(data_source(with_tests({15}), extract), (DataSource{"mnist", 2022, "fashion-mnist", "", 0}));
  EXPECT_EQ(data_source(with_tests({15}), by_name(with_tests({15})).at("input/test-turned-15/hull")),
            (DataSource{"mnist", 2022, "", "rotation", 15}));
  EXPECT_EQ(tasks.at("reduce").inputs.count("b/trial-00/test-clothes/activations.h5"), 1u);
}

TEST(Plan, FurtherTestSetsAskTheClassHullsToo) {
  Study study = with_tests({15});
  study.hull.classes = true;
  study.hull.left_out = 100;  // asks training points: no test set's business
  const auto tasks = by_name(study);
  EXPECT_EQ(tasks.at("a/trial-01/test-turned-15/latent-16/hull-classes").inputs,
            (std::map<std::string, std::string>{{"activations", "a/trial-01/activations.h5"},
                                                {"codes", "a/trial-01/latent-16/codes.h5"},
                                                {"queries", "a/trial-01/test-turned-15/latent-16/codes.h5"}}));
  const Task& neural = tasks.at("b/trial-00/test-clothes/hull-neural-classes");
  EXPECT_EQ(neural.output, "b/trial-00/test-clothes/hull-neural-classes.h5");
  EXPECT_EQ(neural.inputs.at("queries"), "b/trial-00/test-clothes/activations.h5");
  EXPECT_EQ(tasks.at("input/test-turned-15/hull-classes").test, "turned-15");
  EXPECT_EQ(tasks.count("input/test-turned-15/hull-left-out-100"), 0u);
  EXPECT_EQ(tasks.at("reduce").inputs.count("input/test-clothes/hull-classes.h5"), 1u);
}

TEST(Plan, AFurtherTestSetChangesNoOtherHash) {
  EXPECT_TRUE(changed(small_study(), with_tests({15})).empty());
  EXPECT_TRUE(changed(with_tests({15}), with_tests({15, 30})).empty());
  std::set<std::string> distinct;
  for (const auto& [name, hash] : hashes(with_tests({15, 30}))) EXPECT_TRUE(distinct.insert(hash).second) << name;
  const auto task = by_name(with_tests({15})).at("a/trial-00/test-turned-15/extract");
  EXPECT_EQ(task_toml(with_tests({15}), task), task_toml(with_tests({15, 30}), task));
}

TEST(Plan, NetworksMadeElsewhereAreNotTrained) {
  Study study = small_study();
  study.train.trials = 1;
  study.networks[0] = {"a", {}};
  study.networks[0].torchscript = "m.pt";
  study.networks[1] = {"b", {}};
  for (const char* kind : {"features", "labels", "predictions"})
    study.networks[1].arrays[kind] = {{"train", std::string(kind) + "-{trial}.npy"}, {"test", "t.npy"}};
  const auto tasks = by_name(study);
  for (const auto& [name, task] : tasks) EXPECT_NE(task.stage, "train") << name;
  EXPECT_EQ(tasks.at("a/trial-00/extract").inputs.count("data/network"), 1u);
  EXPECT_EQ(tasks.at("a/trial-00/latent-02/encode").inputs.count("data/network"), 1u);
  EXPECT_EQ(tasks.at("b/trial-00/extract").inputs.count("data/answers"), 1u);
  EXPECT_EQ(tasks.at("b/trial-00/latent-02/encode").inputs.size(), 1u);
  EXPECT_EQ(data_source(study, tasks.at("b/trial-00/extract")).set,
            "train_samples=features-00.npy,train_labels=labels-00.npy,test_samples=t.npy,test_labels=t.npy");
  Study other = study;
  other.networks[0].layer = "fc";
  EXPECT_EQ(changed(study, other).count("a/trial-00/extract"), 1u);
  EXPECT_EQ(changed(study, other).count("b/trial-00/extract"), 0u);
}

TEST(Plan, UnknownStageIsABug) {
  EXPECT_THROW(algorithm_version("bake"), InternalError);
}

}  // namespace
}  // namespace hullscope::study
