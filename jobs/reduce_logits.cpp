#include "reduce_logits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include <hullscope/statistics/firth.hpp>
#include <hullscope/statistics/hull_fraction.hpp>
#include <hullscope/statistics/in_hull_effect.hpp>
#include <hullscope/statistics/intervals.hpp>
#include <hullscope/statistics/pooled_logit.hpp>

#include "reduce_rows.hpp"

namespace hullscope::jobs {
namespace {

using statistics::Coefficient;
using statistics::DistanceCurve;

constexpr double kFewestInACell = 10;  // of right or wrong, inside or outside: below, Firth's fit stands beside
constexpr double kTwoSided95 = 1.959963984540054;

/// One trial's test points in the latent space.
struct TrialPoints {
  Classifier classifier;
  std::vector<double> in_hull, log_norm;
  std::vector<double> max_softmax;  ///< 1 - largest probability; empty if the study has it not
  std::map<std::string, std::vector<double>> distance;
};

std::vector<double> log_of(const std::vector<double>& norms) {
  double least = std::numeric_limits<double>::infinity();  // stands for the norm of an all-zero vector
  for (const double v : norms)
    if (v > 0) least = std::min(least, v);
  std::vector<double> logs;
  for (const double v : norms) logs.push_back(std::log(v > 0 ? v : std::isfinite(least) ? least : 1));
  return logs;
}

TrialPoints read_points(const Frame& frame, const std::string& network, int trial) {
  const auto* extract = frame.files.find("extract", network, trial);
  const auto* proximity = frame.proximity("latent", network, trial);
  const std::string space = frame.space_name("latent");
  TrialPoints points;
  points.classifier = read_classifier(frame.files, *extract);
  const auto& ids = points.classifier.id;
  const auto verdicts = read_verdicts(frame.files, *frame.files.find("hull", network, trial, space), ids,
                                      frame.study.reduce.allow_undecided);
  points.in_hull = statistics::in_hull(verdicts.verdict);
  points.distance = read_distances(frame.files, *proximity, space, frame.study.proximity.measures, ids).by_measure;
  points.log_norm = log_of(read_activation_norms(frame.files, *extract, ids));
  const auto& scores = frame.study.proximity.scores;
  if (std::count(scores.begin(), scores.end(), "max_softmax"))
    points.max_softmax = read_score(frame.files, *proximity, "output", "max_softmax", ids);
  return points;
}

ResultRow latent_row(const Frame& frame, const std::string& network, const std::string& measure,
                     const std::string& statistic, const Classifier& classifier) {
  ResultRow row = row_of(network, statistic, frame.study.train.trials);
  row.space = "latent", row.dimension = frame.dimension, row.measure = measure;
  row.n = static_cast<std::int64_t>(classifier.id.size());
  return row;
}

void fill(ResultRow& row, const Coefficient& coefficient, const std::string& method) {
  row.value = coefficient.value, row.p = coefficient.p;
  row.lower = coefficient.value - kTwoSided95 * coefficient.standard_error;
  row.upper = coefficient.value + kTwoSided95 * coefficient.standard_error;
  if (std::isfinite(row.lower)) row.method = method;
}

void add_pooled(const Frame& frame, const std::string& network, const std::string& measure,
                const std::vector<TrialPoints>& trials, std::vector<ResultRow>& rows) {
  std::vector<statistics::PooledTrial> pool;
  for (const TrialPoints& t : trials)
    pool.push_back({t.distance.at(measure), t.in_hull, t.classifier.correct, t.classifier.id});
  const auto logit = statistics::fit_pooled_logit(pool);
  const std::array<const char*, statistics::kPooledTerms> names = {"distance", "in_hull", "interaction"};
  for (std::size_t k = 0; k < names.size(); ++k) {
    ResultRow row = latent_row(frame, network, measure, fmt::format("pooled_logit_{}", names[k]), trials[0].classifier);
    row.trials = logit.trials;
    fill(row, logit.term[k], "wald, trial effects, clustered by sample");
    row.status = statistics::status_name(logit.status);
    if (row.status == "ok" && logit.trials < static_cast<int>(trials.size()))
      row.status = fmt::format("without {} of {} trials: one outcome",
                               trials.size() - static_cast<std::size_t>(logit.trials), trials.size());
    rows.push_back(row);
  }
}

/// Why maximum likelihood of one trial cannot be trusted, or "".
std::string reason_for_firth(const Frame& frame, ResultsTable& table, std::int64_t w, std::int64_t t, std::int64_t m,
                             const TrialPoints& points) {
  const auto& distance = points.distance.at(frame.study.proximity.measures[static_cast<std::size_t>(m)]);
  const auto status = statistics::fit_logit(distance, points.in_hull, points.classifier.correct).status;
  if (status != statistics::LogitStatus::kOk) return std::string(statistics::status_name(status));
  double fewest = std::numeric_limits<double>::infinity();
  for (const std::int64_t outcome : {0, 1})
    for (const std::int64_t inside : {0, 1})
      fewest = std::min(fewest, table.at("/distance_by_cell/count", {w, t, m, outcome, inside}));
  return fewest < kFewestInACell ? fmt::format("{:.0f} points in a cell of right x inside", fewest) : "";
}

void add_firth(const Frame& frame, ResultsTable& table, std::int64_t w, std::int64_t m,
               const std::vector<TrialPoints>& trials, std::vector<ResultRow>& rows) {
  const std::string& network = frame.networks[static_cast<std::size_t>(w)];
  const std::string& measure = frame.study.proximity.measures[static_cast<std::size_t>(m)];
  const std::array<const char*, statistics::kTerms> names = {"intercept", "distance", "in_hull", "interaction"};
  for (std::size_t t = 0; t < trials.size(); ++t) {
    const TrialPoints& points = trials[t];
    const std::string reason = reason_for_firth(frame, table, w, static_cast<std::int64_t>(t), m, points);
    if (reason.empty()) continue;
    const auto fit =
        statistics::fit_firth_logit(points.distance.at(measure), points.in_hull, points.classifier.correct);
    for (std::size_t k = 1; k < names.size(); ++k) {
      ResultRow row = latent_row(frame, network, measure, fmt::format("firth_logit_{}", names[k]), points.classifier);
      row.trial = static_cast<std::int64_t>(t), row.trials = 1;
      fill(row, fit.coefficient[k], "wald, firth");
      const std::string own(statistics::status_name(fit.status));
      row.status = own == "ok" ? "beside maximum likelihood: " + reason : own;
      rows.push_back(row);
    }
  }
}

void add_effects(const Frame& frame, const std::string& network, const std::string& measure,
                 const std::vector<TrialPoints>& trials, std::vector<ResultRow>& rows) {
  struct Model {
    const char* statistic;
    DistanceCurve curve;
    bool norm, softmax;
  };
  for (const Model& model : {Model{"in_hull_effect_linear", DistanceCurve::linear, false, false},
                             Model{"in_hull_effect_spline", DistanceCurve::spline, false, false},
                             Model{"in_hull_effect_spline_norm", DistanceCurve::spline, true, false},
                             Model{"in_hull_effect_spline_softmax", DistanceCurve::spline, false, true}}) {
    if (model.softmax && trials[0].max_softmax.empty()) continue;
    std::vector<double> effects;
    for (const TrialPoints& t : trials) {
      std::vector<std::vector<double>> covariates;
      if (model.norm) covariates.push_back(t.log_norm);
      if (model.softmax) covariates.push_back(t.max_softmax);
      effects.push_back(
          statistics::in_hull_effect(t.distance.at(measure), t.in_hull, t.classifier.correct, model.curve, covariates));
    }
    ResultRow row = latent_row(frame, network, measure, model.statistic, trials[0].classifier);
    add_over_trials(rows, row, effects);
  }
}

}  // namespace

void add_logit_rows(const Frame& frame, ResultsTable& table, std::int64_t w, std::vector<ResultRow>& rows) {
  const bool distances = std::count(frame.spaces.begin(), frame.spaces.end(), "latent") > 0;
  if (!distances || !tests_hull(frame, "latent")) return;
  const std::string& network = frame.networks[static_cast<std::size_t>(w)];
  std::vector<TrialPoints> trials;
  for (int t = 0; t < frame.study.train.trials; ++t) trials.push_back(read_points(frame, network, t));
  const auto& measures = frame.study.proximity.measures;
  for (std::size_t m = 0; m < measures.size(); ++m) {
    add_pooled(frame, network, measures[m], trials, rows);
    add_firth(frame, table, w, static_cast<std::int64_t>(m), trials, rows);
    add_effects(frame, network, measures[m], trials, rows);
  }
}

}  // namespace hullscope::jobs
