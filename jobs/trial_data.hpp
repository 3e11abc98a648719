// What the statistics of one trial are made of: the test points in the order of their sample ids, with everything that
// the stages' files say of each.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <hullscope/base/matrix.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::jobs {

/// The finished files of one study, by what they are.
struct StudyFiles {
  std::string folder;
  std::vector<study::Task> tasks;
  /// The task of that stage, or nullptr. network "": of the data set itself; test: of a further test set.
  const study::Task* find(const std::string& stage, const std::string& network, int trial,
                          const std::string& space = "", const std::string& test = "") const;
  /// The task of a further hull of that space (study::Task::hull), or nullptr. network "": pixel space.
  const study::Task* find_hull(const std::string& network, int trial, const std::string& space, const std::string& hull,
                               std::int64_t points = -1, const std::string& test = "") const;
  std::string path(const study::Task& task) const;
};

struct Classifier {
  std::vector<std::int64_t> id;       ///< of the test points, ascending
  std::vector<std::uint8_t> correct;  ///< of the test points
  std::vector<std::int64_t> label, predicted;
  double accuracy_train = 0, accuracy_test = 0;
  std::int64_t n_train = 0;
};
Classifier read_classifier(const StudyFiles& files, const study::Task& extract);

struct Hybrid {
  double accuracy_test = 0;
  double unexplained_variance = 0;  ///< on the test set
};
Hybrid read_hybrid(const StudyFiles& files, const study::Task& encode, const Classifier& classifier);

struct Verdicts {
  std::vector<std::uint8_t> verdict;  ///< in the order of the ids asked for
  std::vector<double> distance_upper;
  double scale = 0;

  /// distance_upper, NaN where the verdict is undecided.
  std::vector<double> distances() const;
};
/// Throws UsageError if a verdict is undecided and that is not allowed.
Verdicts read_verdicts(const StudyFiles& files, const study::Task& hull, const std::vector<std::int64_t>& ids,
                       bool allow_undecided);

/// Verdicts against the hull of each class, a row a test point.
struct ClassVerdicts {
  std::vector<std::int64_t> classes;  ///< ascending
  Matrix<std::uint8_t> verdict;       ///< ids x classes
  Matrix<double> distance_upper;
  /// Of each point, its verdict against the hull of one class, `labels` (a label a point): outside where no training
  /// point is of that class.
  std::vector<std::uint8_t> verdict_of(const std::vector<std::int64_t>& labels) const;
  /// Of each point, is it inside the hull of at least one class?
  std::vector<std::uint8_t> verdict_of_any() const;
  /// Of each point, its distance to the hull of one class: infinite where no training point is of it, NaN where the
  /// verdict is undecided.
  std::vector<double> distance_to(const std::vector<std::int64_t>& labels) const;

 private:
  /// Column of a label, or -1.
  std::int64_t column(std::int64_t label) const;
};
/// The class hulls whose shares are statistics: measure, and its verdicts by label and prediction.
inline constexpr std::array<const char*, 3> kClassHulls = {"predicted_class", "true_class", "any_class"};
std::vector<std::uint8_t> class_hull_verdicts(const ClassVerdicts& found, const std::string& which,
                                              const std::vector<std::int64_t>& label,
                                              const std::vector<std::int64_t>& predicted);
/// Throws UsageError if a verdict is undecided and that is not allowed.
ClassVerdicts read_class_verdicts(const StudyFiles& files, const study::Task& hull,
                                  const std::vector<std::int64_t>& ids, bool allow_undecided);

/// Share of a file's queries, whatever they are, that are inside; NaN if there are none.
double read_fraction_inside(const StudyFiles& files, const study::Task& hull, bool allow_undecided);

/// The unit of lengths in a space: the median distance of a training point to its nearest other one.
double read_unit(const StudyFiles& files, const study::Task& proximity, const std::string& space);

/// Distances of one space: by measure, in the order of the ids asked for; and its unit.
struct Distances {
  std::map<std::string, std::vector<double>> by_measure;
  double unit = 0;
};
Distances read_distances(const StudyFiles& files, const study::Task& proximity, const std::string& space,
                         const std::vector<std::string>& measures, const std::vector<std::int64_t>& ids);

/// One score of one space, in the order of the ids asked for.
std::vector<double> read_score(const StudyFiles& files, const study::Task& proximity, const std::string& space,
                               const std::string& measure, const std::vector<std::int64_t>& ids);

/// Euclidean norms of the test points' activations, in the order of the ids asked for.
std::vector<double> read_activation_norms(const StudyFiles& files, const study::Task& extract,
                                          const std::vector<std::int64_t>& ids);

/// What the neighbours of training points say of a space's dimension.
struct SpaceDimension {
  std::map<std::string, double> estimate;  ///< "two_nn, all", "levina_bickel_20, sample", ..., "participation_ratio"
};
SpaceDimension read_space_dimension(const StudyFiles& files, const study::Task& proximity, const std::string& space);

}  // namespace hullscope::jobs
