// The study file: every key is declared once (in options.cpp) with its type, range, default, stage and meaning; the
// parser, --set, the resolved file, the help and docs/study-file.md all come from that table.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hullscope::study {

/// A classifier: trained by the study (`layers`), or made elsewhere (`torchscript` or `arrays`); one of the three.
/// Layers: "dense 256", "relu", "dropout 0.2", "conv 3x3 64", "batchnorm", "maxpool 2", "flatten". The output layer
/// (dense, one unit a class) is added. Neural space: the output of the last layer that is not a dropout.
struct NetworkSpec {
  std::string name;
  std::vector<std::string> layers;
  std::string set = "";  ///< its own data set, or "": data.set

  std::string torchscript = "";  ///< file; in all names of files {trial} stands for 00, 01, ...
  std::string layer = "";        ///< whose output is the neural space; "": the input of the last dense layer
  std::string scaling = "unit";  ///< of its inputs, as train.scaling; then (x - mean) / deviation
  std::vector<double> mean = {}, deviation = {};  ///< one a channel, or one for all; empty: none

  /// What a network said of its data: kind ("features", "labels", "predictions", "logits") and split ("train", "test",
  /// further test sets) to an array; and kind "head" to its last layer's "weight" and "bias".
  std::map<std::string, std::map<std::string, std::string>> arrays = {};
  const std::string& array(const std::string& kind, const std::string& split) const;  ///< "" if there is none

  bool operator==(const NetworkSpec&) const = default;
};

/// Further test sets: the test samples shifted (one set a strength), or those of another data set.
struct TestSpec {
  std::string name;
  std::string shift;              ///< "rotation", "translation", "noise", "contrast" (docs/study-file.md), or ""
  std::vector<double> strengths;  ///< of the shift
  std::string set;                ///< another data set of samples of the same shape, or ""
  bool same_classes = false;      ///< its labels are those of the study's set; else every answer to it counts as wrong
  bool operator==(const TestSpec&) const = default;
};

struct Study {
  std::string name = "study";
  std::int64_t seed = 2022;
  std::string preset;  ///< the table of [presets] that was laid over the file, "" if it has none

  struct Data {
    std::string set;     ///< named or synthetic set, see datasets/labelled_set.hpp
    std::string folder;  ///< where its files are, if not where HULLSCOPE_DATA or Debian put them
    std::int64_t train_limit = 0, test_limit = 0;
    bool per_trial = false;  ///< synthetic sets are drawn anew for each trial
    bool operator==(const Data&) const = default;
  } data;

  std::vector<NetworkSpec> networks;
  std::vector<TestSpec> tests;

  struct Train {
    std::int64_t trials = 10, epochs = 20, batch = 128;
    double rate = 1e-3;
    std::string scaling =
        "unit";  ///< "unit": x / 255 for pixels; "standard": zero mean, unit variance by the training set; "none"
    double validation = 0;            ///< share of the training set kept for validation
    std::int64_t ranks_per_task = 0;  ///< 0: chosen from the network's size
    double checkpoint_seconds = 60;
    std::string device = "auto";  ///< "auto", "cpu", "cuda"
    bool operator==(const Train&) const = default;
  } train;

  struct Encode {
    std::vector<std::int64_t> dimensions = {2, 4, 8, 16};
    std::vector<std::int64_t> hidden = {256};
    std::int64_t epochs = 20, batch = 256;
    double rate = 1e-3;
    std::string output = "linear";  ///< activation of the last layer: "linear" or "relu"
    bool operator==(const Encode&) const = default;
  } encode;

  struct Hull {
    std::vector<std::string> spaces = {"latent"};  ///< of "pixel", "neural", "latent"
    std::string solver = "batched";
    bool projection = false;
    double eps = 0x1p-20;               ///< of the scale: a point within eps of the hull is counted apart
    std::int64_t shard = 250;           ///< queries a shard
    std::int64_t memory = 0;            ///< bytes of the points that a rank may hold; 0: what a node has free
    bool classes = false;               ///< also the hull of each class
    std::int64_t left_out = 0;          ///< training points that are asked whether the hull of the others holds them
    std::vector<std::int64_t> subsets;  ///< also hulls of so many training points
    bool operator==(const Hull&) const = default;
  } hull;

  struct Proximity {
    std::vector<std::string> spaces = {"pixel", "neural", "latent"};
    std::vector<std::string> measures = {"euclidean", "euclidean_true_class", "cosine"};
    std::vector<std::string> scores;  ///< further ones, for the table of statistics alone
    std::int64_t neighbour = 50;      ///< k of the score kth_neighbour
    bool operator==(const Proximity&) const = default;
  } proximity;

  struct Reduce {
    std::int64_t bootstrap = 2000, bins = 10;
    std::int64_t dimension = 16;      ///< the latent space of Fig. 5 (the largest studied one if it is not there)
    double relative_accuracy = 0.99;  ///< the rule of the intrinsic dimension
    bool allow_undecided = false;
    bool partial = false;  ///< work on what is there; a trial that lacks a file is left out
    bool operator==(const Reduce&) const = default;
  } reduce;

  struct Report {
    std::string title;
    bool operator==(const Report&) const = default;
  } report;

  struct Run {
    std::int64_t ranks = 0;    ///< 0: one a core
    std::int64_t threads = 1;  ///< a rank
    bool operator==(const Run&) const = default;
  } run;

  bool operator==(const Study&) const = default;
};

/// One row of the option table, for help and documentation.
struct OptionInfo {
  std::string key, type, range, default_value, stage, meaning;
};
const std::vector<OptionInfo>& options();

/// Reads a study file, lays the table [presets.NAME] that its key `preset` (or an override of it) names over it, and
/// applies "key=value" overrides in order. A file without presets may carry the key as a label. Throws UsageError
/// (file, line, key, what was found and expected; an unknown key names the nearest valid one). A relative data.folder
/// is taken from the study file's folder.
Study load(const std::string& path, const std::vector<std::string>& overrides = {});
Study parse(const std::string& toml, const std::string& file_name, const std::vector<std::string>& overrides = {});

/// "model-{trial}.pt" with the trial's two digits in place of {trial}.
std::string file_of_trial(std::string name, int trial);

/// The features of a network made elsewhere as a data set's name (SetRequest::name); `test`: "test" or a further one.
std::string features_set(const NetworkSpec& network, const std::string& test, int trial);

/// The resolved study: every key, in the table's order, with its value. parse(to_toml(s)) == s.
std::string to_toml(const Study& study);

/// The same without comments and without what cannot change a result (the folders, layout and limits of one run):
/// the study as results.h5 carries it.
std::string scientific_toml(const Study& study);

/// The resolved lines that belong to one stage (its own options only; for "train" the network's layers are the plan's
/// business), as canonical text: what enters the stage's options_hash.
std::string stage_options(const Study& study, const std::string& stage);

/// The table of options as Markdown (docs/study-file.md; a test compares them).
std::string options_as_markdown();

}  // namespace hullscope::study
