#include "trial_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <numeric>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

namespace hullscope::jobs {
namespace {

/// Rows of `dataset` (`columns` values each) for the ids in `ids` (ascending), found by the ids in `scale`, never by
/// position. Throws DataError unless the file holds each id once and no other.
template <class T>
std::vector<T> read_by_id(const store::ArtifactReader& reader, const std::string& file, const std::string& scale,
                          const std::string& dataset, const std::vector<std::int64_t>& ids, std::size_t columns = 1) {
  const auto there = reader.read<std::int64_t>(scale);
  const auto values = reader.read<T>(dataset);
  if (values.size() != there.size() * columns)
    throw DataError(file, dataset, fmt::format("found {} values, expected {}", values.size(), there.size() * columns));
  std::vector<std::size_t> order(there.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return there[a] < there[b]; });
  std::vector<T> joined;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i >= ids.size() || there[order[i]] != ids[i])
      throw DataError(file, scale,
                      fmt::format("found sample {}, expected the {} samples of the test set, each once",
                                  there[order[i]], ids.size()));
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(order[i] * columns);
    joined.insert(joined.end(), first, first + static_cast<std::ptrdiff_t>(columns));
  }
  if (order.size() != ids.size())
    throw DataError(file, scale, fmt::format("found {} samples, expected {}", order.size(), ids.size()));
  return joined;
}

void refuse_undecided(const std::string& file, const std::vector<std::uint8_t>& verdict, bool allowed) {
  const auto undecided = std::count(verdict.begin(), verdict.end(), 0);
  if (undecided > 0 && !allowed)
    throw UsageError(
        fmt::format("{}: {} of {} verdicts are undecided; run stage hull again without a limit, or set "
                    "reduce.allow_undecided = true to leave these points out",
                    file, undecided, verdict.size()));
}

double share_of(const std::vector<std::uint8_t>& flags) {
  return static_cast<double>(std::count(flags.begin(), flags.end(), 1)) / static_cast<double>(flags.size());
}

}  // namespace

const study::Task* StudyFiles::find(const std::string& stage, const std::string& network, int trial,
                                    const std::string& space, const std::string& test) const {
  for (const study::Task& task : tasks)
    if (task.stage == stage && task.network == network && task.trial == trial && task.hull.empty() &&
        task.test == test && (task.space == space || stage == "extract" || (stage == "proximity" && !network.empty())))
      return &task;
  return nullptr;
}

const study::Task* StudyFiles::find_hull(const std::string& network, int trial, const std::string& space,
                                         const std::string& hull, std::int64_t points, const std::string& test) const {
  for (const study::Task& task : tasks)
    if (task.hull == hull && task.hull_points == points && task.space == space && task.test == test &&
        (space == "pixel" || (task.network == network && task.trial == trial)))
      return &task;
  return nullptr;
}

std::string StudyFiles::path(const study::Task& task) const {
  return (std::filesystem::path(folder) / task.output).string();
}

Classifier read_classifier(const StudyFiles& files, const study::Task& extract) {
  const std::string file = files.path(extract);
  const store::ArtifactReader reader(file, "extract");
  Classifier result;
  result.id = reader.read<std::int64_t>("/test/sample");
  std::sort(result.id.begin(), result.id.end());
  result.label = read_by_id<std::int64_t>(reader, file, "/test/sample", "/test/label", result.id);
  result.predicted = read_by_id<std::int64_t>(reader, file, "/test/sample", "/test/predicted", result.id);
  for (std::size_t i = 0; i < result.id.size(); ++i) result.correct.push_back(result.predicted[i] == result.label[i]);
  result.accuracy_test = share_of(result.correct);

  const auto train_label = reader.read<std::int64_t>("/train/label"),
             train_predicted = reader.read<std::int64_t>("/train/predicted");
  std::vector<std::uint8_t> right;
  for (std::size_t i = 0; i < train_label.size(); ++i) right.push_back(train_label[i] == train_predicted[i]);
  result.accuracy_train = share_of(right);
  result.n_train = static_cast<std::int64_t>(train_label.size());
  return result;
}

Hybrid read_hybrid(const StudyFiles& files, const study::Task& encode, const Classifier& classifier) {
  const std::string file = files.path(encode);
  const store::ArtifactReader reader(file, "encode");
  const auto predicted =
      read_by_id<std::int64_t>(reader, file, "/test/sample", "/test/hybrid_predicted", classifier.id);
  std::vector<std::uint8_t> correct;
  for (std::size_t i = 0; i < predicted.size(); ++i) correct.push_back(predicted[i] == classifier.label[i]);
  const auto splits = reader.read_text("/split");
  const auto unexplained = reader.read<double>("/unexplained_variance");
  const auto test = std::find(splits.begin(), splits.end(), "test") - splits.begin();
  if (test >= static_cast<std::ptrdiff_t>(unexplained.size()))
    throw DataError(file, "/split", "found no entry \"test\", expected one beside /unexplained_variance");
  const bool has_head = std::count(predicted.begin(), predicted.end(), -1) == 0;
  return {has_head ? share_of(correct) : std::numeric_limits<double>::quiet_NaN(),
          unexplained[static_cast<std::size_t>(test)]};
}

Verdicts read_verdicts(const StudyFiles& files, const study::Task& hull, const std::vector<std::int64_t>& ids,
                       bool allow_undecided) {
  const std::string file = files.path(hull);
  const store::ArtifactReader reader(file, "hull");
  Verdicts result;
  result.verdict = read_by_id<std::uint8_t>(reader, file, "/sample", "/verdict", ids);
  result.distance_upper = read_by_id<double>(reader, file, "/sample", "/distance_upper", ids);
  result.scale = reader.number("/", "scale");
  refuse_undecided(file, result.verdict, allow_undecided);
  return result;
}

std::vector<double> Verdicts::distances() const {
  std::vector<double> distance = distance_upper;
  for (std::size_t i = 0; i < distance.size(); ++i)
    if (verdict[i] == 0) distance[i] = std::numeric_limits<double>::quiet_NaN();
  return distance;
}

std::int64_t ClassVerdicts::column(std::int64_t label) const {
  const auto found = std::lower_bound(classes.begin(), classes.end(), label);
  return found != classes.end() && *found == label ? found - classes.begin() : -1;
}

std::vector<std::uint8_t> ClassVerdicts::verdict_of(const std::vector<std::int64_t>& labels) const {
  std::vector<std::uint8_t> of_one;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int64_t c = column(labels[i]);
    of_one.push_back(c < 0 ? 2 : verdict(static_cast<Eigen::Index>(i), c));
  }
  return of_one;
}

std::vector<std::uint8_t> ClassVerdicts::verdict_of_any() const {
  std::vector<std::uint8_t> of_any;
  for (Eigen::Index i = 0; i < verdict.rows(); ++i) {
    const auto row = verdict.row(i).array();
    of_any.push_back((row == 1).any() ? 1 : (row == 0).any() ? 0 : 2);
  }
  return of_any;
}

std::vector<double> ClassVerdicts::distance_to(const std::vector<std::int64_t>& labels) const {
  std::vector<double> distance;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    const std::int64_t c = column(labels[i]);
    if (c < 0)
      distance.push_back(std::numeric_limits<double>::infinity());
    else
      distance.push_back(verdict(row, c) == 0 ? std::numeric_limits<double>::quiet_NaN() : distance_upper(row, c));
  }
  return distance;
}

std::vector<std::uint8_t> class_hull_verdicts(const ClassVerdicts& found, const std::string& which,
                                              const std::vector<std::int64_t>& label,
                                              const std::vector<std::int64_t>& predicted) {
  if (which == "any_class") return found.verdict_of_any();
  return found.verdict_of(which == "true_class" ? label : predicted);
}

ClassVerdicts read_class_verdicts(const StudyFiles& files, const study::Task& hull,
                                  const std::vector<std::int64_t>& ids, bool allow_undecided) {
  const std::string file = files.path(hull);
  const store::ArtifactReader reader(file, "hull");
  ClassVerdicts result;
  result.classes = reader.read<std::int64_t>("/class");
  const std::size_t columns = result.classes.size();
  const auto rows = static_cast<Eigen::Index>(ids.size()), cols = static_cast<Eigen::Index>(columns);
  const auto verdict = read_by_id<std::uint8_t>(reader, file, "/sample", "/class_hull/verdict", ids, columns);
  const auto upper = read_by_id<double>(reader, file, "/sample", "/class_hull/distance_upper", ids, columns);
  result.verdict = Eigen::Map<const Matrix<std::uint8_t>>(verdict.data(), rows, cols);
  result.distance_upper = Eigen::Map<const Matrix<double>>(upper.data(), rows, cols);
  refuse_undecided(file, verdict, allow_undecided);
  return result;
}

double read_fraction_inside(const StudyFiles& files, const study::Task& hull, bool allow_undecided) {
  const std::string file = files.path(hull);
  const auto verdict = store::ArtifactReader(file, "hull").read<std::uint8_t>("/verdict");
  refuse_undecided(file, verdict, allow_undecided);
  const auto inside = std::count(verdict.begin(), verdict.end(), 1);
  const auto decided = static_cast<std::ptrdiff_t>(verdict.size()) - std::count(verdict.begin(), verdict.end(), 0);
  return decided == 0 ? std::numeric_limits<double>::quiet_NaN()
                      : static_cast<double>(inside) / static_cast<double>(decided);
}

double read_unit(const StudyFiles& files, const study::Task& proximity, const std::string& space) {
  return store::ArtifactReader(files.path(proximity), "proximity").read<double>(fmt::format("/{}/unit", space)).at(0);
}

Distances read_distances(const StudyFiles& files, const study::Task& proximity, const std::string& space,
                         const std::vector<std::string>& measures, const std::vector<std::int64_t>& ids) {
  Distances result;
  for (const std::string& measure : measures)
    result.by_measure[measure] = read_score(files, proximity, space, measure, ids);
  result.unit = read_unit(files, proximity, space);
  return result;
}

std::vector<double> read_score(const StudyFiles& files, const study::Task& proximity, const std::string& space,
                               const std::string& measure, const std::vector<std::int64_t>& ids) {
  const std::string file = files.path(proximity);
  const store::ArtifactReader reader(file, "proximity");
  return read_by_id<double>(reader, file, "/sample", fmt::format("/{}/{}/distance", space, measure), ids);
}

std::vector<double> read_activation_norms(const StudyFiles& files, const study::Task& extract,
                                          const std::vector<std::int64_t>& ids) {
  const std::string file = files.path(extract);
  const store::ArtifactReader reader(file, "extract");
  const auto columns = static_cast<std::size_t>(reader.shape("/feature").at(0));
  const auto values = read_by_id<float>(reader, file, "/test/sample", "/test/activation", ids, columns);
  const Eigen::Map<const Matrix<float>> rows(values.data(), static_cast<Eigen::Index>(ids.size()),
                                             static_cast<Eigen::Index>(columns));
  std::vector<double> norms;
  for (Eigen::Index i = 0; i < rows.rows(); ++i) norms.push_back(rows.row(i).cast<double>().norm());
  return norms;
}

SpaceDimension read_space_dimension(const StudyFiles& files, const study::Task& proximity, const std::string& space) {
  const store::ArtifactReader reader(files.path(proximity), "proximity");
  SpaceDimension result;
  const auto estimators = reader.read_text("/estimator"), extents = reader.read_text("/extent");
  const auto values = reader.read<double>(fmt::format("/{}/dimension", space));
  for (std::size_t e = 0; e < estimators.size(); ++e)
    for (std::size_t x = 0; x < extents.size(); ++x)
      result.estimate[estimators[e] + ", " + extents[x]] = values.at(e * extents.size() + x);
  result.estimate["participation_ratio"] = reader.read<double>(fmt::format("/{}/participation_ratio", space)).at(0);
  return result;
}

}  // namespace hullscope::jobs
