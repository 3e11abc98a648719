// What a network that was made elsewhere comes as: a TorchScript file, or arrays of what it answered.
#pragma once
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/datasets/labelled_set.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::jobs {

/// A file of the task's network as it is found: {trial} filled in, in data.folder or as it is named.
std::string outside_file(const study::Study& study, const study::Task& task, const std::string& name);

/// Digest of what a role of the task stands for: "data/network", the file's bytes; "data/answers", the arrays of
/// predictions, logits and the head. Not collective.
std::string outside_digest(const study::Study& study, const study::Task& task, const std::string& role);

/// The last layer of a network that comes as arrays: classes x features, classes. Empty if it has none.
struct Head {
  Matrix<float> weight;
  std::vector<float> bias;
};
Head read_head(const study::Study& study, const study::Task& task);

/// What the network said of one split of its features.
struct Answers {
  Matrix<float> logit;                  ///< N x classes; no rows if it has none
  std::vector<std::int64_t> predicted;  ///< N
};
/// `split`: "train" or "test" (of the task's further test set, if it is about one). Logits are the array's, or computed
/// from the head in double; predictions the array's, or the largest logit, the smaller class of equals. Throws
/// DataError on arrays that do not fit the features. Not collective.
Answers read_answers(const study::Study& study, const study::Task& task, const std::string& split,
                     const datasets::LabelledSet& features, std::int64_t classes);

}  // namespace hullscope::jobs
