#include "reduce_trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <hullscope/statistics/bins.hpp>
#include <hullscope/statistics/dimension.hpp>
#include <hullscope/statistics/histogram.hpp>
#include <hullscope/statistics/hull_fraction.hpp>
#include <hullscope/statistics/intervals.hpp>
#include <hullscope/statistics/logit.hpp>
#include <hullscope/statistics/two_sample.hpp>

namespace hullscope::jobs {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

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

}  // namespace

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

}  // namespace hullscope::jobs
