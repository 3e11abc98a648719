// The plan: the tasks that a study expands to, with their inputs and outputs, in an order in which they can run.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hullscope/study/study_file.hpp>

namespace hullscope::study {

/// One output file of one stage. Paths are relative to the output folder. Roles of the inputs:
///   train              data/train
///   extract            network (network.h5), data/train, data/test; of a network made elsewhere data/network (a
///                      TorchScript file) or data/answers (arrays) in place of network
///   encode             network or data/network, if there is one; activations
///   hull               pixel: data/train, data/test; neural: activations; latent: codes; classes: activations too
///   proximity          pixel: data/train, data/test; of a trial: activations, codes-02, codes-04, ...
/// Of a further test set, a trial's tasks also take what the set itself has there: encode its activations (queries)
/// beside the codes, which hold the autoencoder; hull its activations or codes (queries); proximity its activations
/// (queries) and codes (queries-02, queries-04, ...).
///   reduce             every activations, codes, hull and proximity file of the study, its path being its role
struct Task {
  std::string stage;                          ///< train, extract, encode, hull, proximity, reduce
  std::string name;                           ///< "mlp-256/trial-03/latent-08/hull"; what --task takes
  std::string output;                         ///< "mlp-256/trial-03/latent-08/hull.h5"
  std::map<std::string, std::string> inputs;  ///< role -> path, e.g. {"codes", ".../codes.h5"}; of the roles
                                              ///< "data/train" and "data/test" it is a name of the data, no path
  std::string network;                        ///< "" for tasks of the data set itself
  int trial = -1;
  int dimension = -1;  ///< of the latent space
  /// "pixel", "neural", "latent-08", "pca-08"; "" for a trial's proximity file, which holds several.
  std::string space;
  /// Of stage hull, which hull: "" that of all training points, asked by the test points; "classes": those of each
  /// class beside it; "left-out": asked by training points, each left out of its own; "subset": of some training
  /// points.
  std::string hull = "";
  std::int64_t hull_points = -1;  ///< left-out: how many are asked; subset: how many the hull is of

  std::string test = "";  ///< name of the further test set that it is about (TestSplit), "" if it is about none

  bool operator==(const Task&) const = default;
};

/// One further test set: a shift at one strength, or another set.
struct TestSplit {
  std::string name;  ///< "rotated-15", "mnist"; its files stand in folders test-NAME
  TestSpec spec;     ///< with that strength alone
  double strength;   ///< NaN: no shift
};
std::vector<TestSplit> test_splits(const Study& study);

/// The kind of file that the task makes (store/schema.hpp): its stage, or "extract-test", "encode-test".
std::string file_format(const Task& task);

/// The tasks of the further test sets: for each of `plain` that looks at test points one a set, from the same networks,
/// codes and training points.
std::vector<Task> test_set_tasks(const Study& study, const std::vector<Task>& plain);

/// What a task trains and tests on.
struct DataSource {
  std::string set;                        ///< the study's, or the network's own
  std::uint64_t seed = 0;                 ///< of synthetic sets: the study's, or the trial's own
  std::string test_set = "", shift = "";  ///< of a further test set: the set that its samples are from, if another
  double strength = 0;
  bool operator==(const DataSource&) const = default;
};
DataSource data_source(const Study& study, const Task& task);

/// "data/test" of a task: its name among the inputs.
std::string data_name(const Study& study, const Task& task, const std::string& split);

/// nullptr if the study has no such network.
const NetworkSpec* find_network(const Study& study, const std::string& name);

/// Is it an input that comes from outside the study ("data/train", "data/test", "data/network", "data/answers")?
bool is_data(const std::string& role);

/// "latent-08": the name of a latent space, in paths and in files.
std::string latent_name(std::int64_t dimension);

/// All tasks, producers before consumers.
std::vector<Task> make_plan(const Study& study);

/// sha256 of what the task does: stage options, the network's layers, trial, dimension, space, seed,
/// algorithm_version. Not of names alone: another trial or dimension changes no other task's hash.
std::string options_hash(const Study& study, const Task& task);

/// sha256 of options_hash and the content digests of all inputs (role -> digest).
std::string task_key(const std::string& options_hash, const std::map<std::string, std::string>& input_digests);

/// The options that made one task's file, upstream stages included, as canonical TOML: what the file carries in its
/// root attribute study_toml. Independent of how many trials, networks or dimensions the study has; for reduce the
/// whole study.
std::string task_toml(const Study& study, const Task& task);

/// Raised when a stage's results change.
int algorithm_version(const std::string& stage);

/// The name of a task's random streams: "fashion-mnist/mlp-256/trial-03[/latent-08]".
std::string stream_name(const Study& study, const Task& task);

}  // namespace hullscope::study
