#include "reduce_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include <hullscope/base/random.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/proximity/unit.hpp>
#include <hullscope/statistics/crossed_bootstrap.hpp>
#include <hullscope/statistics/dimension.hpp>
#include <hullscope/statistics/trend.hpp>

#include "judge_scores.hpp"
#include "reduce_logits.hpp"
#include "reduce_over_trials.hpp"
#include "reduce_test_sets.hpp"

namespace hullscope::jobs {

ResultRow row_of(const std::string& network, const std::string& statistic, std::int64_t trials) {
  ResultRow row;
  row.network = network, row.statistic = statistic, row.trials = trials;
  return row;
}

/// Mean over trials with Student's t; values of trials are rows of their own.
void add_over_trials(std::vector<ResultRow>& rows, ResultRow row, const std::vector<double>& values) {
  std::vector<double> known;
  for (std::size_t t = 0; t < values.size(); ++t) {
    ResultRow single = row;
    single.trial = static_cast<std::int64_t>(t), single.value = values[t], single.trials = 1;
    if (std::isnan(values[t]))
      single.status = "undefined";
    else
      known.push_back(values[t]);
    rows.push_back(single);
  }
  if (known.size() < values.size()) {
    row.trials = static_cast<std::int64_t>(known.size());
    row.status = fmt::format("undefined in {} of {} trials", values.size() - known.size(), values.size());
  }
  row.value = statistics::mean(known);
  const auto interval = t_interval(known);
  row.lower = interval.lower, row.upper = interval.upper;
  if (std::isfinite(interval.lower)) row.degrees = static_cast<double>(known.size()) - 1, row.method = "student t";
  rows.push_back(row);
}

namespace {

/// How often each d is the intrinsic dimension when trials are drawn with replacement.
void add_dimension_frequencies(const Frame& frame, ResultsTable& table, std::int64_t w, std::vector<ResultRow>& rows) {
  const auto& grid = frame.study.encode.dimensions;
  const std::int64_t trials = table.size("trial"), resamples = frame.study.reduce.bootstrap;
  if (trials < static_cast<std::int64_t>(kFewestTrialsForAnInterval)) return;
  std::map<std::int64_t, double> count;
  const std::string& network = frame.networks[static_cast<std::size_t>(w)];
  const auto key = stream_key(static_cast<std::uint64_t>(frame.study.seed),
                              fmt::format("{}/{}/reduce/dimension", frame.study.data.set, network));
  for (std::int64_t b = 0; b < resamples; ++b) {
    const auto weight = statistics::trial_weights(trials, key, b);
    std::vector<double> mean(grid.size(), 0.0);
    for (std::int64_t t = 0; t < trials; ++t)
      for (std::size_t d = 0; d < grid.size(); ++d)
        mean[d] += weight[static_cast<std::size_t>(t)] *
                   table.at("/relative_accuracy/value", {w, t, static_cast<std::int64_t>(d)});
    for (double& v : mean) v /= static_cast<double>(trials);
    ++count[statistics::intrinsic_dimension(grid, mean, frame.study.reduce.relative_accuracy)];
  }
  for (const auto& [d, times] : count) {
    ResultRow row = row_of(network, "dimension_frequency", trials);
    row.space = "latent", row.dimension = d, row.value = times / static_cast<double>(resamples);
    row.method = "bootstrap of trials";
    rows.push_back(row);
  }
}

/// Relative accuracy through as many principal components as the latent space has dimensions.
void add_principal_rows(const Frame& frame, ResultsTable& table, std::int64_t w, std::vector<ResultRow>& rows) {
  const std::string& network = frame.networks[static_cast<std::size_t>(w)];
  const auto trials = frame.study.train.trials;
  for (const std::int64_t d : frame.study.encode.dimensions) {
    std::vector<double> relative;
    for (int t = 0; t < trials; ++t)
      if (const auto* encode = frame.files.find("encode", network, t, fmt::format("pca-{:02}", d))) {
        const Classifier classifier = read_classifier(frame.files, *frame.files.find("extract", network, t));
        relative.push_back(read_hybrid(frame.files, *encode, classifier).accuracy_test /
                           table.at("/accuracy/test", {w, t}));
      }
    ResultRow row = row_of(network, "relative_accuracy_pca", trials);
    row.space = "latent", row.dimension = d;
    if (!relative.empty()) add_over_trials(rows, row, relative);
  }
}

void add_network_rows(const Frame& frame, ResultsTable& table, std::int64_t w, std::vector<ResultRow>& rows) {
  const std::string& network = frame.networks[static_cast<std::size_t>(w)];
  const std::int64_t trials = table.size("trial");
  for (std::int64_t d = 0; d < table.size("bottleneck"); ++d) {
    std::vector<double> relative;
    for (std::int64_t t = 0; t < trials; ++t) relative.push_back(table.at("/relative_accuracy/value", {w, t, d}));
    ResultRow row = row_of(network, "relative_accuracy", trials);
    row.space = "latent", row.dimension = frame.study.encode.dimensions[static_cast<std::size_t>(d)];
    add_over_trials(rows, row, relative);
  }
  add_principal_rows(frame, table, w, rows);
  add_over_trials(rows, row_of(network, "accuracy", trials), table.last_axis("/accuracy/test", {w}));
  add_over_trials(rows, row_of(network, "log2_dimension", trials), table.last_axis("/intrinsic_dimension/log2", {w}));
  add_dimension_frequencies(frame, table, w, rows);
}

/// Dimensions by neighbours and covariance, of every space of every trial.
void add_space_dimensions(const Frame& frame, const std::string& network, std::vector<ResultRow>& rows) {
  struct Place {
    std::string space, name;
    std::int64_t dimension;
  };
  std::vector<Place> places;
  for (const std::string& space : frame.spaces) {
    if (space != "latent") places.push_back({space, space, -1});
    for (const std::int64_t d : space == "latent" ? frame.study.encode.dimensions : std::vector<std::int64_t>())
      places.push_back({space, study::latent_name(d), d});
  }
  for (const Place& place : places) {
    std::map<std::string, std::vector<double>> estimates;
    for (int t = 0; t < frame.study.train.trials; ++t) {
      const auto found = read_space_dimension(frame.files, *frame.proximity(place.space, network, t), place.name);
      for (const auto& [name, value] : found.estimate) estimates[name].push_back(value);
    }
    for (const auto& [name, values] : estimates) {
      ResultRow row = row_of(network, "intrinsic_dimension", frame.study.train.trials);
      row.space = place.space, row.dimension = place.dimension, row.measure = name;
      add_over_trials(rows, row, values);
    }
  }
}

/// Share of the training points, each left out of its own hull, that the others hold.
void add_left_out_rows(const Frame& frame, const std::string& network, std::vector<ResultRow>& rows) {
  const std::int64_t n = frame.study.hull.left_out;
  for (const HullPlace& place : n > 0 ? hull_places(frame) : std::vector<HullPlace>()) {
    std::vector<double> inside;
    for (int t = 0; t < frame.study.train.trials; ++t)
      inside.push_back(read_fraction_inside(frame.files, *frame.files.find_hull(network, t, place.name, "left-out", n),
                                            frame.study.reduce.allow_undecided));
    ResultRow row = row_of(network, "fraction_inside_left_out", frame.study.train.trials);
    row.space = place.space, row.dimension = place.dimension, row.n = n;
    add_over_trials(rows, row, inside);
  }
}

/// Of distances to a hull, 0 inside of it and infinite where there is none: the mean of all, and the median of those
/// outside, both over `unit`. NaN where there is no such point, or no unit.
std::pair<double, double> mean_and_median_outside(const std::vector<double>& distance, double unit) {
  std::vector<double> known, outside;
  for (const double d : distance) {
    if (!std::isfinite(d) || !(unit > 0)) continue;
    known.push_back(d / unit);
    if (d > 0) outside.push_back(d / unit);
  }
  return {statistics::mean(known), proximity::median(outside)};
}

/// How far outside the test points are: of the hull of all training points, of their predicted class, of their true
/// class. In units of the space, so that spaces and trials can be compared.
void add_hull_distance_rows(const Frame& frame, const std::string& network, std::vector<ResultRow>& rows) {
  for (const HullPlace& place : frame.study.hull.projection ? hull_places(frame) : std::vector<HullPlace>()) {
    if (std::count(frame.spaces.begin(), frame.spaces.end(), place.space) == 0) continue;  // no distances, so no unit
    std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> found;      // by hull, a value a trial
    for (int t = 0; t < frame.study.train.trials; ++t) {
      const Classifier classifier = read_classifier(frame.files, *frame.files.find("extract", network, t));
      const double unit = read_unit(frame.files, *frame.proximity(place.space, network, t), place.name);
      const auto add = [&](const std::string& hull, const std::vector<double>& distance) {
        const auto [mean, median] = mean_and_median_outside(distance, unit);
        found[hull].first.push_back(mean), found[hull].second.push_back(median);
      };
      add("", read_verdicts(frame.files, *frame.hull(place.name, network, t), classifier.id,
                            frame.study.reduce.allow_undecided)
                  .distances());
      if (!frame.study.hull.classes) continue;
      const ClassVerdicts of_classes =
          read_class_verdicts(frame.files, *frame.files.find_hull(network, t, place.name, "classes"), classifier.id,
                              frame.study.reduce.allow_undecided);
      add("predicted_class", of_classes.distance_to(classifier.predicted));
      add("true_class", of_classes.distance_to(classifier.label));
    }
    for (const auto& [hull, values] : found) {
      ResultRow row = row_of(network, "mean_hull_distance", frame.study.train.trials);
      row.space = place.space, row.dimension = place.dimension, row.measure = hull;
      add_over_trials(rows, row, values.first);
      row.statistic = "median_hull_distance_outside";
      add_over_trials(rows, row, values.second);
    }
  }
}

/// Share of the test points of each class that are inside the hull of the training points of that class.
void add_class_rows(const Frame& frame, const std::string& network, std::vector<ResultRow>& rows) {
  for (const HullPlace& place : frame.study.hull.classes ? hull_places(frame) : std::vector<HullPlace>()) {
    std::map<std::int64_t, std::vector<double>> inside;  // by class, a value a trial
    std::map<std::int64_t, std::int64_t> points;
    for (int t = 0; t < frame.study.train.trials; ++t) {
      const Classifier classifier = read_classifier(frame.files, *frame.files.find("extract", network, t));
      const ClassVerdicts found =
          read_class_verdicts(frame.files, *frame.files.find_hull(network, t, place.name, "classes"), classifier.id,
                              frame.study.reduce.allow_undecided);
      for (std::size_t c = 0; c < found.classes.size(); ++c) {
        double in = 0, all = 0;
        for (std::size_t i = 0; i < classifier.label.size(); ++i) {
          if (classifier.label[i] != found.classes[c]) continue;
          const auto verdict = found.verdict(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(c));
          all += verdict != 0, in += verdict == 1;
        }
        inside[found.classes[c]].push_back(in / all);
        points[found.classes[c]] = static_cast<std::int64_t>(all);
      }
    }
    for (const auto& [label, values] : inside) {
      ResultRow row = row_of(network, "fraction_inside_class_hull", frame.study.train.trials);
      row.space = place.space, row.dimension = place.dimension, row.n = points[label];
      row.measure = fmt::format("true_class_{}", label);
      add_over_trials(rows, row, values);
    }
  }
}

/// Of networks whose names differ in the size behind the last hyphen: log2 d of the most accurate minus that of the
/// least accurate, and the trend over all sizes.
void add_family_rows(const Frame& frame, ResultsTable& table, std::vector<ResultRow>& rows) {
  std::map<std::string, std::vector<std::int64_t>> families;
  for (std::size_t w = 0; w < frame.networks.size(); ++w)
    families[family_of(frame.networks[w])].push_back(static_cast<std::int64_t>(w));
  const std::int64_t trials = table.size("trial");
  for (auto& [family, members] : families) {
    if (members.size() < 2) continue;
    const auto size_of = [&](std::int64_t w) {
      return std::stod("0" + frame.networks[static_cast<std::size_t>(w)].substr(
                                 std::min(family.size() + 1, frame.networks[static_cast<std::size_t>(w)].size())));
    };
    std::sort(members.begin(), members.end(), [&](std::int64_t a, std::int64_t b) { return size_of(a) < size_of(b); });
    const auto accuracy = [&](std::int64_t w) { return table.at("/accuracy/test_mean", {w}); };
    auto order = members;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t a, std::int64_t b) { return accuracy(a) < accuracy(b); });
    const auto log2_of = [&](std::int64_t w) { return table.last_axis("/intrinsic_dimension/log2", {w}); };
    const auto contrast = statistics::welch(log2_of(order.back()), log2_of(order.front()));
    ResultRow row = row_of(family, "log2_dimension_contrast", trials);
    row.value = contrast.value;
    row.measure = "";
    if (trials >= static_cast<std::int64_t>(kFewestTrialsForAnInterval)) {
      row.lower = contrast.interval.lower, row.upper = contrast.interval.upper, row.degrees = contrast.degrees;
      row.method = fmt::format("welch t, {} minus {}", frame.networks[static_cast<std::size_t>(order.back())],
                               frame.networks[static_cast<std::size_t>(order.front())]);
    }
    rows.push_back(row);
    std::vector<std::vector<double>> groups;
    for (const std::int64_t w : members) groups.push_back(log2_of(w));
    const auto trend = statistics::jonckheere_terpstra(groups);
    ResultRow support = row_of(family, "jonckheere_terpstra", trials);
    support.value = trend.z, support.p = trend.p, support.method = "normal approximation with ties, by size";
    rows.push_back(support);
  }
}

}  // namespace

std::vector<ResultRow> make_long_table(const parallel::Comm& world, const Frame& frame, ResultsTable& table,
                                       const std::string& folder) {
  std::vector<ResultRow> rows;
  parallel::Progress progress(world, folder, "reduce", "networks", static_cast<std::int64_t>(frame.networks.size()));
  for (std::size_t w = 0; w < frame.networks.size(); ++w) {
    add_network_rows(frame, table, static_cast<std::int64_t>(w), rows);
    add_space_dimensions(frame, frame.networks[w], rows);
    add_logit_rows(frame, table, static_cast<std::int64_t>(w), rows);
    add_left_out_rows(frame, frame.networks[w], rows);
    add_class_rows(frame, frame.networks[w], rows);
    add_hull_distance_rows(frame, frame.networks[w], rows);
    if (!frame.spaces.empty() || !hull_places(frame).empty()) {
      auto judged = judge_scores(world, frame, frame.networks[w], kFewestTrialsForAnInterval);
      rows.insert(rows.end(), std::make_move_iterator(judged.begin()), std::make_move_iterator(judged.end()));
      auto sets = test_set_rows(world, frame, frame.networks[w], kFewestTrialsForAnInterval);
      rows.insert(rows.end(), std::make_move_iterator(sets.begin()), std::make_move_iterator(sets.end()));
    }
    if (world.root()) progress.add(1);  // its ranks judge a network together
  }
  add_family_rows(frame, table, rows);
  return rows;
}

}  // namespace hullscope::jobs
