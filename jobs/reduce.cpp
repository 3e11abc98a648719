// hullscope reduce: every statistic of the study, from the files of all its tasks, in one results.h5.
//
// Trials are shared over the ranks; what each finds is added up (all but one term are 0), and what spans trials is then
// computed by every rank from the same numbers, so that any number of ranks writes the same file.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/statistics/bins.hpp>
#include <hullscope/statistics/crossed_bootstrap.hpp>
#include <hullscope/statistics/dimension.hpp>
#include <hullscope/statistics/histogram.hpp>
#include <hullscope/statistics/hull_fraction.hpp>
#include <hullscope/statistics/intervals.hpp>
#include <hullscope/statistics/logit.hpp>
#include <hullscope/statistics/trend.hpp>
#include <hullscope/statistics/two_sample.hpp>

#include "judge_scores.hpp"
#include "long_table.hpp"
#include "reduce_frame.hpp"
#include "results_table.hpp"
#include "stage.hpp"
#include "trial_data.hpp"

namespace hullscope::jobs {
namespace {

using statistics::LogitStatus;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kHistogramIntervals = 50;
constexpr std::size_t kFewestTrialsForAnInterval = 5;  // Student's t below that says more about t than about trials
constexpr int kNoVerdicts = -1;                        // in place of a LogitStatus: the space's hull was not tested
constexpr int kNoDistances = -2;                       // ... or no distances were measured in it

/// One trial's place in the table, and its data.
struct Trial {
  const Frame& frame;
  ResultsTable& table;
  std::int64_t w, t;
  Classifier classifier;
  std::vector<double> in_hull;  // in the space "latent"; empty if not tested
  std::vector<int> status;      // of the logit, by measure
};

// --- one measure of one space

struct Sample {
  std::vector<double> distance;
  std::vector<std::uint8_t> correct;
};

/// Without points that have no finite distance (no training point of their class).
Sample finite(const std::vector<double>& distance, const std::vector<std::uint8_t>& correct) {
  Sample sample;
  for (std::size_t i = 0; i < distance.size(); ++i)
    if (std::isfinite(distance[i])) sample.distance.push_back(distance[i]), sample.correct.push_back(correct[i]);
  return sample;
}

void store_bins(Trial& trial, std::int64_t s, std::int64_t m, const Sample& sample) {
  const int bins = static_cast<int>(trial.frame.study.reduce.bins);
  const auto paper = statistics::paper_bins(sample.distance, sample.correct, bins);
  const auto decile = statistics::quantile_bins(sample.distance, sample.correct, bins);
  for (std::int64_t b = 0; b < bins; ++b) {
    const auto set = [&](const char* name, double value) {
      trial.table.at(fmt::format("/bins/{}", name), {trial.w, trial.t, s, m, b}) = value;
    };
    const auto &of_paper = paper[static_cast<std::size_t>(b)], &of_decile = decile[static_cast<std::size_t>(b)];
    set("paper/centre", of_paper.centre);
    set("paper/accuracy", of_paper.accuracy);
    set("paper/count", static_cast<double>(of_paper.count));
    set("decile/mean_distance", of_decile.mean_distance);
    set("decile/accuracy", of_decile.accuracy);
    set("decile/count", static_cast<double>(of_decile.count));
  }
}

void store_histogram(Trial& trial, std::int64_t s, std::int64_t m, const Sample& sample) {
  const auto histogram = statistics::histogram(sample.distance, sample.correct, kHistogramIntervals);
  for (std::int64_t e = 0; e <= kHistogramIntervals; ++e)
    trial.table.at("/histogram/edges", {trial.w, trial.t, s, m, e}) = histogram.edges[static_cast<std::size_t>(e)];
  for (std::int64_t outcome = 0; outcome < 2; ++outcome)
    for (std::int64_t i = 0; i < kHistogramIntervals; ++i)
      trial.table.at("/histogram/count", {trial.w, trial.t, s, m, outcome, i}) =
          static_cast<double>(histogram.counts[static_cast<std::size_t>(outcome)][static_cast<std::size_t>(i)]);
}

/// How well the distance tells wrong from right. Infinite distances take part: they are larger than all others.
void store_separation(Trial& trial, std::int64_t s, std::int64_t m, const std::vector<double>& distance) {
  std::vector<double> right, wrong;
  std::vector<std::uint8_t> is_wrong;
  for (std::size_t i = 0; i < distance.size(); ++i) {
    (trial.classifier.correct[i] ? right : wrong).push_back(distance[i]);
    is_wrong.push_back(!trial.classifier.correct[i]);
  }
  const auto ks = statistics::kolmogorov_smirnov(right, wrong);
  trial.table.at("/ks/statistic", {trial.w, trial.t, s, m}) = ks.statistic;
  trial.table.at("/ks/p", {trial.w, trial.t, s, m}) = ks.p;
  trial.table.at("/auroc", {trial.w, trial.t, s, m}) = statistics::auroc(distance, is_wrong);
}

// --- the latent space: right or wrong by distance and in-hull

void store_cells(Trial& trial, std::int64_t m, const std::vector<double>& distance) {
  for (int outcome = 0; outcome < 2; ++outcome)
    for (int inside = 0; inside < 2; ++inside) {
      std::vector<double> cell;
      for (std::size_t i = 0; i < distance.size() && i < trial.in_hull.size(); ++i)
        if (trial.classifier.correct[i] == outcome && trial.in_hull[i] == inside && std::isfinite(distance[i]))
          cell.push_back(distance[i]);
      trial.table.at("/distance_by_cell/mean", {trial.w, trial.t, m, outcome, inside}) = statistics::mean(cell);
      trial.table.at("/distance_by_cell/count", {trial.w, trial.t, m, outcome, inside}) =
          static_cast<double>(cell.size());
    }
}

/// NaN where there is no fit.
void store_logit(Trial& trial, std::int64_t m, const statistics::Logit* logit) {
  for (const bool raw : {true, false})
    for (std::int64_t k = 0; k < statistics::kTerms; ++k) {
      const auto term = static_cast<std::size_t>(k);
      const statistics::Coefficient none{kNaN, kNaN, kNaN, kNaN};
      const auto& b = !logit ? none : raw ? logit->raw[term] : logit->standardised[term];
      const auto set = [&](const char* name, double value) {
        trial.table.at(fmt::format("/logit/{}/{}", raw ? "raw" : "standardised", name), {trial.w, trial.t, m, k}) =
            value;
      };
      set("coefficient", b.value);
      set("z", b.z);
      set("p", b.p);
    }
  for (std::int64_t k = 0; k < statistics::kRestrictions; ++k) {
    const auto test = logit ? logit->tests[static_cast<std::size_t>(k)] : statistics::LikelihoodRatio{kNaN, kNaN};
    trial.table.at("/logit/likelihood_ratio", {trial.w, trial.t, m, k}) = test.statistic;
    trial.table.at("/logit/likelihood_ratio_p", {trial.w, trial.t, m, k}) = test.p;
  }
}

void store_latent(Trial& trial, std::int64_t m, const std::vector<double>* distance) {
  store_cells(trial, m, distance ? *distance : std::vector<double>());
  int& status = trial.status[static_cast<std::size_t>(m)];
  status = !distance ? kNoDistances : kNoVerdicts;
  if (!distance || trial.in_hull.empty()) return store_logit(trial, m, nullptr);
  const auto logit = statistics::fit_logit(*distance, trial.in_hull, trial.classifier.correct);
  status = static_cast<int>(logit.status);
  store_logit(trial, m, &logit);
}

// --- one trial

void reduce_spaces(Trial& trial) {
  const Frame& frame = trial.frame;
  const auto& measures = frame.study.proximity.measures;
  const auto& network = frame.networks[static_cast<std::size_t>(trial.w)];
  bool latent = false;
  for (std::size_t s = 0; s < frame.spaces.size(); ++s) {
    const auto* task = frame.proximity(frame.spaces[s], network, static_cast<int>(trial.t));
    const auto found =
        read_distances(frame.files, *task, frame.space_name(frame.spaces[s]), measures, trial.classifier.id);
    const auto space = static_cast<std::int64_t>(s);
    trial.table.at("/unit", {trial.w, trial.t, space}) = found.unit;
    for (std::size_t k = 0; k < measures.size(); ++k) {
      const auto m = static_cast<std::int64_t>(k);
      const auto& distance = found.by_measure.at(measures[k]);
      const Sample sample = finite(distance, trial.classifier.correct);
      store_bins(trial, space, m, sample);
      store_histogram(trial, space, m, sample);
      store_separation(trial, space, m, distance);
      if (frame.spaces[s] == "latent") store_latent(trial, m, &distance), latent = true;
    }
  }
  for (std::size_t k = 0; k < measures.size() && !latent; ++k)
    store_latent(trial, static_cast<std::int64_t>(k), nullptr);
}

/// Fraction inside in one space, or NaN (and -1 undecided) if its hull was not tested.
statistics::HullFraction fraction_in(const Trial& trial, const study::Task* hull, std::vector<double>* in_hull) {
  if (!hull) return {kNaN, kNaN, -1};
  const auto& study = trial.frame.study;
  const auto found = read_verdicts(trial.frame.files, *hull, trial.classifier.id, study.reduce.allow_undecided);
  if (in_hull) *in_hull = statistics::in_hull(found.verdict);
  return statistics::hull_fraction(found.verdict, found.distance_upper, study.hull.eps, found.scale);
}

void reduce_dimensions(Trial& trial) {
  const Frame& frame = trial.frame;
  const auto& network = frame.networks[static_cast<std::size_t>(trial.w)];
  const auto& grid = frame.study.encode.dimensions;
  const int number = static_cast<int>(trial.t);
  for (std::size_t k = 0; k < grid.size(); ++k) {
    const auto d = static_cast<std::int64_t>(k);
    const std::string space = study::latent_name(grid[k]);
    const Hybrid hybrid =
        read_hybrid(frame.files, *frame.files.find("encode", network, number, space), trial.classifier);
    const double relative = hybrid.accuracy_test / trial.classifier.accuracy_test;
    trial.table.at("/relative_accuracy/value", {trial.w, trial.t, d}) = std::isfinite(relative) ? relative : kNaN;
    trial.table.at("/unexplained_variance/test", {trial.w, trial.t, d}) = hybrid.unexplained_variance;
    const auto fraction = fraction_in(trial, frame.files.find("hull", network, number, space),
                                      grid[k] == frame.dimension ? &trial.in_hull : nullptr);
    trial.table.at("/hull/inside", {trial.w, trial.t, d}) = fraction.inside;
    trial.table.at("/hull/within_eps", {trial.w, trial.t, d}) = fraction.within_eps;
    trial.table.at("/hull/undecided", {trial.w, trial.t, d}) = static_cast<double>(fraction.undecided);
  }
  trial.table.at("/intrinsic_dimension/log2", {trial.w, trial.t}) = statistics::interpolated_log2_dimension(
      grid, trial.table.last_axis("/relative_accuracy/value", {trial.w, trial.t}),
      frame.study.reduce.relative_accuracy);
  if (const auto* neural = frame.files.find("hull", network, number, "neural"))
    trial.table.at("/hull/neural_inside", {trial.w, trial.t}) = fraction_in(trial, neural, nullptr).inside;
}

void reduce_trial(Trial& trial) {
  const auto& network = trial.frame.networks[static_cast<std::size_t>(trial.w)];
  trial.classifier =
      read_classifier(trial.frame.files, *trial.frame.files.find("extract", network, static_cast<int>(trial.t)));
  const auto& correct = trial.classifier.correct;
  trial.table.at("/accuracy/test", {trial.w, trial.t}) = trial.classifier.accuracy_test;
  trial.table.at("/accuracy/train", {trial.w, trial.t}) = trial.classifier.accuracy_train;
  trial.table.at("/accuracy/wrong", {trial.w, trial.t}) =
      static_cast<double>(std::count(correct.begin(), correct.end(), 0));
  reduce_dimensions(trial);
  reduce_spaces(trial);
  if (const auto* pixel = trial.frame.files.find("hull", "", -1, "pixel"); pixel && trial.w == 0 && trial.t == 0)
    trial.table.at("/hull/pixel_inside", {}) = fraction_in(trial, pixel, nullptr).inside;
}

// --- over trials

void store_interval(ResultsTable& table, const std::string& path, std::initializer_list<std::int64_t> leading,
                    const statistics::Interval& interval) {
  const auto* i = leading.begin();
  if (leading.size() == 1) {
    table.at(path, {i[0], 0}) = interval.lower, table.at(path, {i[0], 1}) = interval.upper;
  } else {
    table.at(path, {i[0], i[1], 0}) = interval.lower, table.at(path, {i[0], i[1], 1}) = interval.upper;
  }
}

statistics::Interval t_interval(const std::vector<double>& values) {
  return values.size() < kFewestTrialsForAnInterval ? statistics::Interval{kNaN, kNaN}
                                                    : statistics::student_t_interval(values);
}

/// Means and intervals over trials of one quantity by d.
void reduce_over_trials(const Frame& frame, ResultsTable& table, std::int64_t w, const std::string& group,
                        const std::string& value) {
  const auto seed = static_cast<std::uint64_t>(frame.study.seed);
  for (std::int64_t d = 0; d < table.size("bottleneck"); ++d) {
    std::vector<double> values;
    for (std::int64_t t = 0; t < table.size("trial"); ++t) values.push_back(table.at(value, {w, t, d}));
    const std::string stream =
        fmt::format("{}/{}/{}/reduce{}", frame.study.data.set, frame.networks[static_cast<std::size_t>(w)],
                    study::latent_name(frame.study.encode.dimensions[static_cast<std::size_t>(d)]), group);
    table.at(group + "/mean", {w, d}) = statistics::mean(values);
    store_interval(table, group + "/interval", {w, d}, t_interval(values));
    store_interval(table, group + "/bootstrap", {w, d},
                   statistics::bootstrap_interval(values, frame.study.reduce.bootstrap, stream_key(seed, stream)));
  }
}

void reduce_network(const Frame& frame, ResultsTable& table, std::int64_t w) {
  const auto accuracies = table.last_axis("/accuracy/test", {w});
  table.at("/accuracy/test_mean", {w}) = statistics::mean(accuracies);
  store_interval(table, "/accuracy/test_interval", {w}, t_interval(accuracies));
  reduce_over_trials(frame, table, w, "/relative_accuracy", "/relative_accuracy/value");
  reduce_over_trials(frame, table, w, "/hull", "/hull/inside");
  table.at("/intrinsic_dimension/value", {w}) = static_cast<double>(
      statistics::intrinsic_dimension(frame.study.encode.dimensions, table.last_axis("/relative_accuracy/mean", {w}),
                                      frame.study.reduce.relative_accuracy));
}

// --- the long table

ResultRow row_of(const std::string& network, const std::string& statistic, std::int64_t trials) {
  ResultRow row;
  row.network = network, row.statistic = statistic, row.trials = trials;
  return row;
}

/// Mean over trials with Student's t; values of trials are rows of their own.
void add_over_trials(std::vector<ResultRow>& rows, ResultRow row, const std::vector<double>& values) {
  for (std::size_t t = 0; t < values.size(); ++t) {
    ResultRow single = row;
    single.trial = static_cast<std::int64_t>(t), single.value = values[t], single.trials = 1;
    rows.push_back(single);
  }
  row.value = statistics::mean(values);
  const auto interval = t_interval(values);
  row.lower = interval.lower, row.upper = interval.upper;
  if (std::isfinite(interval.lower)) row.degrees = static_cast<double>(values.size()) - 1, row.method = "student t";
  rows.push_back(row);
}

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

/// Collective.
std::vector<ResultRow> make_long_table(const parallel::Comm& world, const Frame& frame, ResultsTable& table) {
  std::vector<ResultRow> rows;
  for (std::size_t w = 0; w < frame.networks.size(); ++w) {
    add_network_rows(frame, table, static_cast<std::int64_t>(w), rows);
    add_space_dimensions(frame, frame.networks[w], rows);
    if (frame.spaces.empty() && !std::count(frame.study.hull.spaces.begin(), frame.study.hull.spaces.end(), "latent"))
      continue;
    auto judged = judge_scores(world, frame, frame.networks[w], kFewestTrialsForAnInterval);
    rows.insert(rows.end(), std::make_move_iterator(judged.begin()), std::make_move_iterator(judged.end()));
  }
  add_family_rows(frame, table, rows);
  return rows;
}

// --- the file

std::vector<std::int64_t> counting(std::int64_t n) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(i);
  return values;
}

std::string status_text(double code) {
  const int status = static_cast<int>(std::lround(code));
  if (status == kNoVerdicts) return "no hull verdicts";
  if (status == kNoDistances) return "no distances";
  return std::string(statistics::status_name(static_cast<LogitStatus>(status)));
}

/// Collective.
void write_scales(store::ArtifactWriter& writer, const Frame& frame, const ResultsTable& table,
                  const store::Provenance& provenance) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> texts = {
      {"network", frame.networks},
      {"measure", frame.study.proximity.measures},
      {"space", frame.spaces},
      {"term", {"intercept", "distance", "in_hull", "interaction"}},
      {"bound", {"lower", "upper"}},
      {"outcome", {"wrong", "right"}},
      {"membership", {"outside", "inside"}},
      {"restriction", {"no in_hull terms", "no distance terms"}}};
  for (const auto& [name, values] : texts) writer.write_text("/" + name, values);
  for (const char* name : {"trial", "bin", "edge", "interval", "file"})
    writer.write<std::int64_t>(fmt::format("/{}", name), {table.size(name)}, counting(table.size(name)));
  writer.write<std::int64_t>("/bottleneck", {table.size("bottleneck")}, frame.study.encode.dimensions);
  std::vector<std::string> files, digests;
  for (const auto& [role, input] : provenance.inputs) files.push_back(input.path), digests.push_back(input.digest);
  writer.write_text("/task_file", files);
  writer.write_text("/task_digest", digests);
}

ResultsTable make_table(const Frame& frame, std::size_t files) {
  const study::Study& study = frame.study;
  const auto count = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  return ResultsTable("reduce", {{"network", count(frame.networks)},
                                 {"trial", study.train.trials},
                                 {"bottleneck", count(study.encode.dimensions)},
                                 {"measure", count(study.proximity.measures)},
                                 {"space", count(frame.spaces)},
                                 {"bin", study.reduce.bins},
                                 {"term", statistics::kTerms},
                                 {"bound", 2},
                                 {"outcome", 2},
                                 {"membership", 2},
                                 {"edge", kHistogramIntervals + 1},
                                 {"interval", kHistogramIntervals},
                                 {"restriction", statistics::kRestrictions},
                                 {"file", static_cast<std::int64_t>(files)}});
}

/// Collective.
void reduce_task(Stage& stage, const study::Task& task) {
  const parallel::Stopwatch watch;
  const parallel::Comm& world = stage.world();
  const store::Provenance provenance = stage.provenance(task);
  const Frame frame = make_frame(stage);
  ResultsTable table = make_table(frame, provenance.inputs.size());
  const std::int64_t networks = table.size("network"), trials = table.size("trial"), measures = table.size("measure");
  // Optional arrays are made on every rank alike, also on those without a trial.
  if (networks * trials > 0 && !frame.spaces.empty()) table.at("/unit", {0, 0, 0}) = 0;
  if (frame.files.find("hull", "", -1, "pixel")) table.at("/hull/pixel_inside", {}) = 0;
  if (networks * trials > 0 && frame.files.find("hull", frame.networks[0], 0, "neural"))
    table.at("/hull/neural_inside", {0, 0}) = 0;

  std::vector<double> status(static_cast<std::size_t>(networks * trials * measures)), sizes(2);
  parallel::Progress progress(world, stage.folder(), "reduce", "trials", networks * trials);
  for (std::int64_t i = world.rank(); i < networks * trials; i += world.size()) {
    if (parallel::stop_requested()) break;
    Trial trial{frame, table, i / trials, i % trials, {}, {}, std::vector<int>(static_cast<std::size_t>(measures))};
    reduce_trial(trial);
    std::copy(trial.status.begin(), trial.status.end(), status.begin() + i * measures);
    if (i == 0)
      sizes = {static_cast<double>(trial.classifier.n_train), static_cast<double>(trial.classifier.id.size())};
    progress.add(1);
  }
  if (parallel::stop_agreed(world)) throw Interrupted("reduce: stopped by a signal; the same command does it again");
  table.share(world);
  world.sum_in_place(std::span(status));
  world.sum_in_place(std::span(sizes));
  for (std::int64_t w = 0; w < networks; ++w) reduce_network(frame, table, w);

  const auto rows = make_long_table(world, frame, table);

  store::ArtifactWriter writer(world, stage.path(task.output), provenance);
  write_scales(writer, frame, table, provenance);
  table.write(writer);
  write_long_table(writer, frame.study.data.set, rows);
  std::vector<std::string> texts;
  for (const double code : status) texts.push_back(status_text(code));
  writer.write_text("/logit/status", texts);
  writer.attribute("/", "dimension", frame.dimension);
  writer.attribute("/", "threshold", frame.study.reduce.relative_accuracy);
  writer.attribute("/", "eps", frame.study.hull.eps);
  writer.attribute("/", "n_train", static_cast<std::int64_t>(sizes[0]));
  writer.attribute("/", "n_test", static_cast<std::int64_t>(sizes[1]));
  writer.publish(Stage::record(world, watch));
}

int run(const parallel::Comm& world, const std::vector<std::string>& arguments) {
  Stage stage(world, arguments, "reduce");
  for (const study::Task& task : stage.todo()) reduce_task(stage, task);
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
