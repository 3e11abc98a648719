// hullscope reduce: every statistic of the study, from the files of all its tasks, in one results.h5.
//
// Trials are shared over the ranks; what each finds is added up (all but one term are 0), and what spans trials is then
// computed by every rank from the same numbers, so that any number of ranks writes the same file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <hullscope/base/error.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/statistics/logit.hpp>

#include "long_table.hpp"
#include "missing_files.hpp"
#include "reduce_over_trials.hpp"
#include "reduce_rows.hpp"
#include "reduce_trial.hpp"
#include "stage.hpp"

namespace hullscope::jobs {
namespace {

std::vector<std::int64_t> counting(std::int64_t n) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(i);
  return values;
}

std::string status_text(double code) {
  const int status = static_cast<int>(std::lround(code));
  if (status == kNoVerdicts) return "no hull verdicts";
  if (status == kNoDistances) return "no distances";
  return std::string(statistics::status_name(static_cast<statistics::LogitStatus>(status)));
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
  const auto plan = study::make_plan(stage.study());
  const auto missing = missing_files(task, provenance.inputs, plan, stage.folder());  // none, unless reduce.partial
  const WholePart part = whole_part(stage.study(), plan, missing, kFewestTrialsForAnInterval);
  if (world.root() && !missing.empty())
    parallel::log_warning(fmt::format("reduce: {} files are missing; reduced are {} trials of each of {} networks",
                                      missing.size(), part.study.train.trials, part.study.networks.size()));
  const Frame frame = make_frame(part.study, part.tasks, stage.folder());
  ResultsTable table = make_table(frame, provenance.inputs.size());
  const std::int64_t networks = table.size("network"), trials = table.size("trial"), measures = table.size("measure");
  // Optional arrays are made on every rank alike, also on those without a trial.
  if (networks * trials > 0 && !frame.spaces.empty()) table.at("/unit", {0, 0, 0}) = 0;
  if (frame.files.find("hull", "", -1, "pixel")) table.at("/hull/pixel_inside", {}) = 0;
  if (networks * trials > 0 && frame.files.find("hull", frame.networks[0], 0, "neural"))
    table.at("/hull/neural_inside", {0, 0}) = 0;

  std::vector<double> status(static_cast<std::size_t>(networks * trials * measures)), sizes(2);
  {
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
  }
  if (parallel::stop_agreed(world)) throw Interrupted("reduce: stopped by a signal; the same command does it again");
  table.share(world);
  world.sum_in_place(std::span(status));
  world.sum_in_place(std::span(sizes));
  for (std::int64_t w = 0; w < networks; ++w) reduce_network(frame, table, w);

  const auto rows = make_long_table(world, frame, table, stage.folder());

  store::ArtifactWriter writer(world, stage.path(task.output), provenance);
  write_scales(writer, frame, table, provenance);
  table.write(writer);
  write_long_table(writer, frame.study.data.set, rows);
  if (frame.study.reduce.partial) write_missing(writer, missing, part);
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
