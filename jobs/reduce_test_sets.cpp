#include "reduce_test_sets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/statistics/crossed_bootstrap.hpp>
#include <hullscope/statistics/hull_fraction.hpp>
#include <hullscope/statistics/ranking.hpp>
#include <hullscope/store/artifact.hpp>

#include "trial_judge.hpp"

namespace hullscope::jobs {
namespace {

using Weights = std::span<const std::int32_t>;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The study's own test set (name "") or a further one.
struct Asked {
  std::string name, set;
  double strength = kNaN;
  bool foreign = false, shifted = false;
};

std::vector<Asked> asked_of(const Frame& frame) {
  std::vector<Asked> all = {{"", ""}};
  for (const auto& split : study::test_splits(frame.study)) {
    const bool shifted = !split.spec.shift.empty();
    all.push_back({split.name, split.spec.name, split.strength, !shifted && !split.spec.same_classes, shifted});
  }
  return all;
}

/// One statistic of one trial: its place in the table, and its value on a resample of the set's points and of the
/// study's own ("known") ones.
struct Statistic {
  Scored scored;
  std::string name;
  std::function<double(Weights points, Weights known)> of;
};

/// Mean of the values over the points with flag; NaN without any.
std::function<double(Weights, Weights)> mean_of(std::vector<double> values, std::vector<std::uint8_t> flags) {
  return [values = std::move(values), flags = std::move(flags)](Weights points, Weights) {
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (flags[i]) sum += points[i] * values[i], count += points[i];
    return count > 0 ? sum / count : kNaN;
  };
}

class TrialOfSet {
 public:
  TrialOfSet(const Frame& frame, const std::string& network, int trial, const Asked& asked)
      : frame_(frame),
        network_(network),
        trial_(trial),
        asked_(asked),
        known_(answers("")),
        points_(answers(asked.name)) {
    add_accuracy();
    for (const HullPlace& place : hull_places(frame)) add_hull(place);
    for (const HullPlace& place : hull_places(frame)) add_class_hulls(place);
    for (const std::string& space : frame.spaces)
      for (const std::string& measure : frame.study.proximity.measures)
        if (!asked.foreign || !uses_label(measure)) add_distance(space, measure);
    for (const Quantity& q : quantities_of(frame)) {
      if (q.statistic != "auroc") continue;
      if (q.scored.space == "pixel" && !find("proximity", "pixel", asked.name)) continue;
      if (!asked.foreign) add_wrong(q.scored);
      if (asked.foreign && !uses_label(q.scored.measure)) add_foreign(q.scored);
    }
  }

  const std::vector<Statistic>& statistics() const { return statistics_; }
  std::int64_t points() const { return static_cast<std::int64_t>(points_.id.size()); }
  std::int64_t known() const { return static_cast<std::int64_t>(known_.id.size()); }
  std::int64_t wrong() const { return std::count(points_.right.begin(), points_.right.end(), 0.0); }

 private:
  struct Answered {
    std::vector<std::int64_t> id;  ///< ascending
    std::vector<std::int64_t> label, predicted;
    std::vector<double> right;  ///< 1 or 0
  };

  /// nullptr: the study asks nothing of that set in that space (there are no pixels of features).
  const study::Task* find(const std::string& stage, const std::string& space, const std::string& test) const {
    const bool pixel = space == "pixel";
    return frame_.files.find(stage, pixel ? "" : network_, pixel ? -1 : trial_, space, test);
  }
  const study::Task& task(const std::string& stage, const std::string& space, const std::string& test) const {
    const auto* found = find(stage, space, test);
    if (!found) throw InternalError(fmt::format("the study has no {} of test set \"{}\" in {}", stage, test, space));
    return *found;
  }

  Answered answers(const std::string& test) const {
    const store::ArtifactReader reader(frame_.files.path(task("extract", "neural", test)));
    const auto ids = reader.read<std::int64_t>("/test/sample"), labels = reader.read<std::int64_t>("/test/label"),
               predicted = reader.read<std::int64_t>("/test/predicted");
    std::vector<std::array<std::int64_t, 3>> joined;
    for (std::size_t i = 0; i < ids.size(); ++i) joined.push_back({ids[i], labels.at(i), predicted.at(i)});
    std::sort(joined.begin(), joined.end());
    Answered found;
    for (const auto& [id, label, guess] : joined) {
      found.id.push_back(id), found.label.push_back(label), found.predicted.push_back(guess);
      found.right.push_back(label == guess ? 1.0 : 0.0);
    }
    return found;
  }

  Verdicts verdicts(const std::string& space, const std::string& test) const {
    return read_verdicts(frame_.files, task("hull", space, test), test.empty() ? known_.id : points_.id,
                         frame_.study.reduce.allow_undecided);
  }

  /// nullptr: the study has no class hulls, or asks nothing of that set there.
  const study::Task* class_hulls(const std::string& space, const std::string& test) const {
    return frame_.files.find_hull(network_, trial_, space, "classes", -1, test);
  }
  ClassVerdicts class_verdicts(const std::string& space, const std::string& test) const {
    return read_class_verdicts(frame_.files, *class_hulls(space, test), test.empty() ? known_.id : points_.id,
                               frame_.study.reduce.allow_undecided);
  }

  std::vector<double> score(const Scored& scored, const std::string& test) const {
    const std::string space = frame_.space_name(scored.space);
    if (scored.measure == "hull_distance_predicted_class")
      return class_verdicts(space, test).distance_to(test.empty() ? known_.predicted : points_.predicted);
    if (scored.measure == "hull_distance") return verdicts(space, test).distances();
    const std::string holder = scored.space == "pixel" ? "pixel" : "";
    return read_score(frame_.files, task("proximity", holder, test), space, scored.measure,
                      test.empty() ? known_.id : points_.id);
  }

  void add_accuracy() {
    if (!asked_.foreign)
      statistics_.push_back(
          {{"", "", -1}, "set_accuracy", mean_of(points_.right, std::vector<std::uint8_t>(points_.right.size(), 1))});
  }

  void add_hull(const HullPlace& place) {
    if (!find("hull", place.name, asked_.name)) return;
    const auto found = verdicts(place.name, asked_.name);
    const Scored scored{place.space, "", place.dimension};
    std::vector<std::uint8_t> decided, in, out;
    std::vector<double> inside;
    for (const std::uint8_t v : found.verdict)
      decided.push_back(v != 0), in.push_back(v == 1), out.push_back(v == 2), inside.push_back(v == 1 ? 1 : 0);
    statistics_.push_back({scored, "set_fraction_inside", mean_of(inside, decided)});
    if (frame_.study.hull.projection)
      statistics_.push_back({scored, "set_mean_hull_distance", mean_of(found.distance_upper, decided)});
    if (asked_.foreign) return;
    const auto accuracy_in = mean_of(points_.right, in), accuracy_out = mean_of(points_.right, out);
    statistics_.push_back({scored, "set_accuracy_inside", accuracy_in});
    statistics_.push_back({scored, "set_accuracy_outside", accuracy_out});
    statistics_.push_back({scored, "set_accuracy_inside_minus_outside", [=](Weights points, Weights known) {
                             return accuracy_in(points, known) - accuracy_out(points, known);
                           }});
  }

  /// Share of the points inside the hull of their predicted class, of their true one, and of any.
  void add_class_hulls(const HullPlace& place) {
    if (!class_hulls(place.name, asked_.name)) return;
    const ClassVerdicts found = class_verdicts(place.name, asked_.name);
    for (const char* which : kClassHulls) {
      if (asked_.foreign && std::string(which) == "true_class") continue;
      std::vector<double> inside;
      std::vector<std::uint8_t> decided;
      for (const std::uint8_t v : class_hull_verdicts(found, which, points_.label, points_.predicted))
        inside.push_back(v == 1 ? 1 : 0), decided.push_back(v != 0);
      statistics_.push_back(
          {{place.space, which, place.dimension}, "set_fraction_inside_class_hull", mean_of(inside, decided)});
    }
  }

  void add_distance(const std::string& space, const std::string& measure) {
    if (!find("proximity", space == "pixel" ? space : "", asked_.name)) return;
    const Scored scored{space, measure, space == "latent" ? frame_.dimension : -1};
    auto distance = score(scored, asked_.name);
    std::vector<std::uint8_t> finite;
    for (double& d : distance) finite.push_back(std::isfinite(d)), d = std::isfinite(d) ? d : 0;
    statistics_.push_back({scored, "set_mean_distance", mean_of(distance, finite)});
  }

  /// Right answers against wrong ones, which are positive, among the set's own points.
  void add_wrong(const Scored& scored) {
    std::vector<std::uint8_t> wrong;
    for (const double right : points_.right) wrong.push_back(right == 0);
    const auto ranking = std::make_shared<statistics::Ranking>(score(scored, asked_.name), wrong);
    statistics_.push_back(
        {scored, "set_auroc", [ranking](Weights points, Weights) { return ranking->judge(points).auroc; }});
  }

  /// Known points against foreign ones, which are positive.
  void add_foreign(const Scored& scored) {
    auto all = score(scored, "");
    const auto foreign = score(scored, asked_.name);
    std::vector<std::uint8_t> flags(all.size(), 0);
    flags.resize(all.size() + foreign.size(), 1);
    all.insert(all.end(), foreign.begin(), foreign.end());
    const auto ranking = std::make_shared<statistics::Ranking>(all, flags);
    const auto judged = [ranking](Weights points, Weights known) {
      std::vector<std::int32_t> weight(known.begin(), known.end());
      weight.insert(weight.end(), points.begin(), points.end());
      return ranking->judge(weight);
    };
    statistics_.push_back(
        {scored, "set_auroc_foreign", [=](Weights points, Weights known) { return judged(points, known).auroc; }});
    statistics_.push_back(
        {scored, "set_fpr95_foreign", [=](Weights points, Weights known) { return judged(points, known).fpr95; }});
  }

  const Frame& frame_;
  std::string network_;
  int trial_;
  const Asked& asked_;
  Answered known_, points_;
  std::vector<Statistic> statistics_;
};

/// The resamples of the study's own points, as everywhere in reduce, and those of another set's.
std::uint64_t key_of(const Frame& frame, const Asked& asked) {
  const std::string name = frame.study.data.set + "/reduce/crossed";
  const bool own = asked.name.empty() || asked.shifted;
  return stream_key(static_cast<std::uint64_t>(frame.study.seed), own ? name : name + "/" + asked.name);
}

std::vector<std::int32_t> weights(std::int64_t n, std::uint64_t key, std::int64_t resample) {
  return resample < 0 ? std::vector<std::int32_t>(static_cast<std::size_t>(n), 1)
                      : statistics::point_weights(n, key, resample);
}

/// Values of all trials on every rank: [statistic][trial][1 + resamples], and each trial's points and wrong answers.
struct Drawn {
  std::vector<std::vector<std::vector<double>>> values;
  std::vector<double> points, wrong;
};

/// Collective.
Drawn draw(const parallel::Comm& world, const Frame& frame, const std::string& network, const Asked& asked,
           std::size_t statistics, std::int64_t resamples) {
  const auto trials = static_cast<std::size_t>(frame.study.train.trials),
             each = static_cast<std::size_t>(resamples) + 1;
  std::vector<double> all(statistics * trials * each, 0.0);
  Drawn drawn{{}, std::vector<double>(trials, 0.0), std::vector<double>(trials, 0.0)};
  for (auto t = static_cast<std::size_t>(world.rank()); t < trials; t += static_cast<std::size_t>(world.size())) {
    const TrialOfSet trial(frame, network, static_cast<int>(t), asked);
    drawn.points[t] = static_cast<double>(trial.points()), drawn.wrong[t] = static_cast<double>(trial.wrong());
    for (std::size_t b = 0; b < each; ++b) {
      const auto resample = static_cast<std::int64_t>(b) - 1;
      const auto points = weights(trial.points(), key_of(frame, asked), resample),
                 known = weights(trial.known(), key_of(frame, {}), resample);
      for (std::size_t q = 0; q < statistics; ++q)
        all[(q * trials + t) * each + b] = trial.statistics().at(q).of(points, known);
      parallel::heartbeat();
    }
  }
  for (auto* numbers : {&all, &drawn.points, &drawn.wrong}) world.sum_in_place(std::span<double>(*numbers));
  drawn.values.assign(statistics, std::vector<std::vector<double>>(trials));
  for (std::size_t q = 0; q < statistics; ++q)
    for (std::size_t t = 0; t < trials; ++t) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>((q * trials + t) * each);
      drawn.values[q][t].assign(first, first + static_cast<std::ptrdiff_t>(each));
    }
  return drawn;
}

std::string status_of(const std::string& statistic, std::size_t missing, std::size_t trials) {
  if (missing == 0) return "ok";
  const std::string why = statistic == "set_auroc" ? "one outcome or no values" : "no such points";
  return missing == trials ? why : fmt::format("{} in {} of {} trials", why, missing, trials);
}

/// Rows of one statistic: of each trial, and over them.
void add_rows(std::vector<ResultRow>& rows, ResultRow row, const Drawn& drawn, std::size_t q, std::uint64_t key) {
  const std::size_t trials = drawn.values[q].size();
  std::vector<double> known;
  std::vector<std::vector<double>> resampled;
  for (std::size_t t = 0; t < trials; ++t) {
    const auto& values = drawn.values[q][t];
    ResultRow single = row;
    single.trial = static_cast<std::int64_t>(t), single.trials = 1, single.value = values[0];
    single.n = std::llround(drawn.points[t]), single.n_wrong = std::llround(drawn.wrong[t]);
    single.status = status_of(row.statistic, std::isnan(values[0]) ? 1 : 0, 1);
    rows.push_back(single);
    if (!std::isnan(values[0])) known.push_back(values[0]);
    resampled.emplace_back(values.begin() + 1, values.end());
  }
  row.trials = static_cast<std::int64_t>(trials);
  row.value = statistics::mean(known);
  row.n = std::llround(*std::min_element(drawn.points.begin(), drawn.points.end()));
  row.n_wrong = std::llround(*std::min_element(drawn.wrong.begin(), drawn.wrong.end()));
  row.status = status_of(row.statistic, trials - known.size(), trials);
  if (!resampled[0].empty()) {
    const auto interval = statistics::percentile_interval(statistics::join_trials(resampled, key));
    row.lower = interval.lower, row.upper = interval.upper, row.method = "crossed bootstrap";
  }
  rows.push_back(row);
}

}  // namespace

std::vector<ResultRow> test_set_rows(const parallel::Comm& world, const Frame& frame, const std::string& network,
                                     std::size_t fewest_trials) {
  std::vector<ResultRow> rows;
  if (frame.study.tests.empty() || frame.study.train.trials < 1) return rows;
  const auto trials = static_cast<std::size_t>(frame.study.train.trials);
  const std::int64_t resamples = trials < fewest_trials ? 0 : frame.study.reduce.bootstrap;
  for (const Asked& asked : asked_of(frame)) {
    const auto list = TrialOfSet(frame, network, 0, asked).statistics();
    const Drawn drawn = draw(world, frame, network, asked, list.size(), resamples);
    for (std::size_t q = 0; q < list.size(); ++q) {
      ResultRow row;
      row.network = network, row.test_set = asked.set, row.strength = asked.strength;
      row.space = list[q].scored.space, row.dimension = list[q].scored.dimension;
      row.measure = list[q].scored.measure, row.statistic = list[q].name;
      add_rows(rows, row, drawn, q, key_of(frame, {}));
    }
  }
  return rows;
}

}  // namespace hullscope::jobs
