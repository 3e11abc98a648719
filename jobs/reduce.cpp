// hullscope reduce: every statistic of the study, from the files of all its tasks, in one results.h5.
//
// Trials are shared over the ranks; what each finds is added up (all but one term are 0), and what spans trials is then
// computed by every rank from the same numbers, so that any number of ranks writes the same file.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/statistics/bins.hpp>
#include <hullscope/statistics/dimension.hpp>
#include <hullscope/statistics/histogram.hpp>
#include <hullscope/statistics/hull_fraction.hpp>
#include <hullscope/statistics/intervals.hpp>
#include <hullscope/statistics/logit.hpp>
#include <hullscope/statistics/two_sample.hpp>

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

/// The study's axes and files, as the statistics need them.
struct Frame {
  const study::Study& study;
  StudyFiles files;
  std::vector<std::string> networks, spaces;  // spaces: of latent, neural, pixel, those with distances
  std::int64_t dimension;                     // d of the space "latent"

  std::string space_name(const std::string& space) const {
    return space == "latent" ? study::latent_name(dimension) : space;
  }
};

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
    const bool pixel = frame.spaces[s] == "pixel";
    const auto* task = pixel ? frame.files.find("proximity", "", -1, "pixel")
                             : frame.files.find("proximity", network, static_cast<int>(trial.t));
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

Frame make_frame(const Stage& stage) {
  const study::Study& study = stage.study();
  Frame frame{study, {stage.folder(), study::make_plan(study)}, {}, {}, 0};
  for (const auto& network : study.networks) frame.networks.push_back(network.name);
  for (const char* space : {"latent", "neural", "pixel"})
    if (std::count(study.proximity.spaces.begin(), study.proximity.spaces.end(), space) &&
        (std::string(space) != "latent" || !study.encode.dimensions.empty()))
      frame.spaces.push_back(space);
  const auto& grid = study.encode.dimensions;
  const bool there = std::count(grid.begin(), grid.end(), study.reduce.dimension) > 0;
  frame.dimension = there || grid.empty() ? study.reduce.dimension : *std::max_element(grid.begin(), grid.end());
  return frame;
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

  store::ArtifactWriter writer(world, stage.path(task.output), provenance);
  write_scales(writer, frame, table, provenance);
  table.write(writer);
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
