// hullscope hull: proved verdicts of all test points against the hull of the training points, in every space that the
// study asks for, in shards of queries shared by all ranks and threads.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/parallel/stop.hpp>

#include "hull_work.hpp"
#include "stage.hpp"

namespace hullscope::jobs {
namespace {

using parallel::Comm;

/// Where a task's points and queries are, as arrays that `verify` can read again, and the queries' sample ids.
struct Source {
  std::string points, queries;  ///< paths, with a data set's name if in an HDF5 file
  std::vector<std::int64_t> samples;
};

/// The raw values of one split as a NumPy file beside the pixel hull, so that the hull file's proofs stand on a file
/// of their own. uint8 for pixels, else float32. Written by one rank, whole or not at all.
void write_split(const datasets::LabelledSet& set, const std::string& path) {
  const std::string type = set.pixels() ? "|u1" : "<f4";
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}, {}), }}", type, set.size(), set.features());
  header.resize((header.size() + 11 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string bytes = std::string("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  std::vector<float> row(static_cast<std::size_t>(set.features()));
  for (std::int64_t i = 0; i < set.size(); ++i) {
    set.copy_row(i, row);
    if (set.pixels())
      for (float v : row) bytes += static_cast<char>(static_cast<std::uint8_t>(v));
    else
      bytes.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
  }
  store::publish_bytes(path, bytes);
}

/// Collective.
Source find_source(Stage& stage, const study::Task& task) {
  Source source;
  if (task.space == "pixel") {
    const std::filesystem::path folder = std::filesystem::path(stage.path(task.output)).parent_path();
    const datasets::LabelledSet &train = stage.data("train"), &test = stage.data("test");
    source.points = (folder / "train.npy").string();
    source.queries = (folder / "test.npy").string();
    if (stage.world().root()) {
      std::filesystem::create_directories(folder);
      write_split(train, source.points);
      write_split(test, source.queries);
    }
    stage.world().barrier();
    for (std::int64_t i = 0; i < test.size(); ++i) source.samples.push_back(test.sample_id(i));
    return source;
  }
  const bool neural = task.space == "neural";
  const std::string file = stage.path(task.inputs.at(neural ? "activations" : "codes"));
  const std::string name = neural ? "activation" : "code";
  source.points = file + ":/train/" + name;
  source.queries = file + ":/test/" + name;
  source.samples = store::ArtifactReader(file).read<std::int64_t>("/test/sample");
  return source;
}

/// One task: its data, its shards, its file. Collective.
void make(Stage& stage, const study::Task& task, parallel::Progress& progress) {
  const parallel::Stopwatch watch;
  const Comm& world = stage.world();
  const study::Study& study = stage.study();
  const Source source = find_source(stage, task);
  const RankGroup group = hull_group(world, source.points, static_cast<double>(study.hull.memory),
                                     study.hull.solver.starts_with("tao:"));
  const SharedPoints points = SharedPoints::read(world, group, source.points);
  const SharedPoints queries = SharedPoints::read(world, source.queries);
  const store::Provenance provenance = stage.provenance(task);
  const std::string path = stage.path(task.output);
  HullWork work{group,
                points,
                queries,
                {},
                {},
                {},
                study.hull.shard,
                static_cast<int>(study.run.threads),
                store::ShardSet(path, provenance.task_key)};
  work.options.solver = study.hull.solver;
  work.options.projection = study.hull.projection;
  work.options.eps = study.hull.eps;
  work.options.heartbeat = parallel::heartbeat;
  const hull::Membership membership = make_membership(work);
  find_shards(world, work, membership, done_shards(world, work), progress);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const HullAttributes attributes{
      points.relative_name(folder), queries.relative_name(folder), points.digest(), queries.digest(), "", ""};
  const HullSummary sum = write_hull_file(world, work, membership, path, provenance, source.samples, attributes, watch);
  const double memory = static_cast<double>(world.max(world.node().sum(parallel::Stopwatch::proportional_bytes())));
  progress.note(fmt::format("{}: inside {} outside {} of {}{}{}, {}, {} in memory", task.name, sum.inside, sum.outside,
                            sum.queries, sum.undecided > 0 ? fmt::format(", undecided {}", sum.undecided) : "",
                            sum.exact > 0 ? fmt::format(", {} by exact arithmetic", sum.exact) : "",
                            format_duration(watch.wall_seconds()), format_bytes(memory)));
}

/// Queries of a task, and how many of them finished shards hold.
std::pair<std::int64_t, std::int64_t> extent(Stage& stage, const study::Task& task) {
  const std::string path = stage.path(task.output);
  std::int64_t queries = 0, done = 0;
  if (task.space == "pixel")
    queries = stage.data("test").size();
  else
    queries = store::ArtifactReader(stage.path(task.inputs.at(task.space == "neural" ? "activations" : "codes")))
                  .shape("/test/sample")
                  .front();
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
