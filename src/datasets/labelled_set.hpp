// Labelled samples, as training and testing need them: one copy a node.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/sharing.hpp>

namespace hullscope::datasets {

/// N samples with labels. Pixels stay uint8 in memory (a quarter of float32); others are float32.
class LabelledSet {
 public:
  std::int64_t size() const;                              ///< N
  std::int64_t features() const;                          ///< d = product of sample_shape
  const std::vector<std::int64_t>& sample_shape() const;  ///< {channels, height, width} or {d}
  std::int64_t classes() const;
  std::int64_t sample_id(std::int64_t i) const;  ///< id of row i (its place in the original set)
  std::int64_t label(std::int64_t i) const;
  bool pixels() const;  ///< uint8 in the file
  /// Raw values of row i (0..255 for pixels), as float32, which is exact. out: d values.
  void copy_row(std::int64_t i, std::span<float> out) const;
  Matrix<float> rows(std::int64_t first, std::int64_t count) const;
  const std::string& digest() const;  ///< of samples, ids and labels
  const std::string& name() const;

  struct State;
  explicit LabelledSet(std::shared_ptr<const State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<const State> state_;
};

struct SetRequest {
  /// A named set ("fashion-mnist"), a synthetic one ("gaussian-classes?dimension=3&per_class_train=5000", see
  /// `hullscope datasets list`), or the user's arrays,
  /// "train_samples=ARRAY,train_labels=ARRAY,test_samples=ARRAY,test_labels=ARRAY" (for a training split alone also
  /// "samples=ARRAY,labels=ARRAY"). Arrays: N x d, N x height x width or N x channels x height x width; uint8 stays
  /// pixels, others must be exact in float32. Relative names are looked for in `folder` first.
  std::string name;
  std::string split;        ///< "train" or "test"
  std::int64_t limit = 0;   ///< the first so many samples; 0: all
  std::string folder;       ///< searched before HULLSCOPE_DATA; may be empty
  std::uint64_t seed = 0;   ///< of synthetic sets, and of the shift
  bool test_alone = false;  ///< arrays need not name a training split, which counts the classes otherwise
  std::string shift = "";   ///< "rotation", "translation", "noise", "contrast" of all samples (detail/shift.hpp), or ""
  double strength = 0;
};

/// Collective: one rank of each node reads, all share. Throws UsageError on an unknown name (nearest valid one named),
/// DataError on files that are not what they should be, EnvironmentError where a set is not on this machine (says how
/// to fetch it).
LabelledSet load(const parallel::Comm& comm, const SetRequest& request);

}  // namespace hullscope::datasets
