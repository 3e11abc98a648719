// hullscope hull: proved verdicts of all test points against the hull of the training points, in every space that the
// study asks for, in shards of queries shared by all ranks and threads.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/parallel/stop.hpp>

#include "hull_source.hpp"
#include "hull_work.hpp"
#include "stage.hpp"

namespace hullscope::jobs {
namespace {

using parallel::Comm;

/// One task: its data, its shards, its file. Collective.
void make(Stage& stage, const study::Task& task, parallel::Progress& progress) {
  const parallel::Stopwatch watch;
  parallel::Stopwatch::begin_peak();
  const Comm& world = stage.world();
  const study::Study& study = stage.study();
  HullSource source = find_hull_source(stage, task);
  const RankGroup group =
      hull_group(world, source.points, static_cast<double>(study.hull.memory), study.hull.solver.starts_with("tao:"));
  const SharedPoints points = SharedPoints::read(world, group, source.points);
  const SharedPoints queries = SharedPoints::read(world, source.queries);
  const store::Provenance provenance = stage.provenance(task);
  const std::string path = stage.path(task.output);
  HullWork work{group,
                points,
                queries,
                {},
                source.mask,
                std::move(source.classes),
                study.hull.shard,
                static_cast<int>(study.run.threads),
                store::ShardSet(path, provenance.task_key),
                source.leave_out};
  work.options.solver = study.hull.solver;
  work.options.projection = study.hull.projection;
  work.options.eps = study.hull.eps;
  work.options.heartbeat = parallel::heartbeat;
  hull::Membership membership = make_membership(world, work);
  find_shards(world, work, membership, done_shards(world, work), progress);
  const HullSummary sum = write_hull_file(world, work, std::move(membership), path, provenance, source.samples,
                                          source.attributes(path, points, queries), watch);
  progress.note(fmt::format("{}: inside {} outside {} of {}{}{}, {}, at most {} in memory", task.name, sum.inside,
                            sum.outside, sum.queries,
                            sum.undecided > 0 ? fmt::format(", undecided {}", sum.undecided) : "",
                            sum.exact > 0 ? fmt::format(", {} by exact arithmetic", sum.exact) : "",
                            format_duration(watch.wall_seconds()), format_bytes(sum.peak_bytes)));
}

/// Queries of a task, and how many of them finished shards hold.
std::pair<std::int64_t, std::int64_t> extent(Stage& stage, const study::Task& task) {
  const std::string path = stage.path(task.output);
  const std::int64_t queries = hull_queries(stage, task);
  std::int64_t done = 0;
  const store::ShardSet shards(path, stage.provenance(task).task_key);
  const std::int64_t size = stage.study().hull.shard;
  if (stage.world().root())
    for (std::int64_t i = 0; i * size < queries; ++i) {
      const auto [first, last] = parallel::block(i, queries, size);
      if (shards.done(i)) done += last - first;
    }
  return {queries, stage.world().sum(done)};
}

/// A run that was killed between publishing a file and deleting its shards left them behind.
void remove_leftovers(const Stage& stage, const std::vector<study::Task>& todo) {
  for (const study::Task& task : study::make_plan(stage.study())) {
    const std::string path = stage.path(task.output);
    const bool waiting = std::any_of(todo.begin(), todo.end(), [&](const auto& t) { return t.output == task.output; });
    if (task.stage != "hull" || waiting || !std::filesystem::exists(path + ".parts")) continue;
    bool other = false;
    const std::string key = std::filesystem::exists(path) ? store::ArtifactReader(path).provenance().task_key : "";
    if (!key.empty() && store::is_done(path, key, &other)) store::ShardSet(path, key).remove();
  }
}

int run(const Comm& world, const std::vector<std::string>& arguments) {
  Stage stage(world, arguments, "hull");
  hull::require_solver(stage.study().hull.solver);
  const std::vector<study::Task>& tasks = stage.todo();
  if (world.root()) remove_leftovers(stage, tasks);
  if (tasks.empty()) return kExitDone;
  std::int64_t total = 0, before = 0;
  for (const study::Task& task : tasks) {
    const auto [queries, done] = extent(stage, task);
    total += queries;
    before += done;
  }
  parallel::Progress progress(world, stage.folder(), "hull", "queries", total, before);
  for (const study::Task& task : tasks) make(stage, task, progress);
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
