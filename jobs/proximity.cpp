// hullscope proximity: distance of every test point to its nearest training point, per space and measure.
//
// A space's work is cut into shards, first of test points, then of the training points that its unit is measured on.
// Ranks draw shards from a counter; each is published when it is done, so that a kill loses at most the ones in hand.
// Shards depend on the task alone, never on ranks or threads.
#include <fmt/format.h>

#include <algorithm>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/proximity/nearest.hpp>
#include <hullscope/proximity/unit.hpp>
#include <hullscope/store/shards.hpp>

#include "proximity_space.hpp"

namespace hullscope::jobs {
namespace {

using parallel::Comm;
using proximity::Measure;

/// One shard: rows [first, last) of the test points, or of the unit's sample.
struct Piece {
  bool unit;
  std::int64_t first, last;
};

/// A whole number of query tiles, about the same work whatever the dimension.
std::int64_t rows_a_shard(std::int64_t dimension) {
  return 512 * std::clamp<std::int64_t>(256 / std::max<std::int64_t>(dimension, 1), 1, 8);
}

std::vector<Piece> pieces_of(const Space& space, std::int64_t tests, std::int64_t sampled) {
  std::vector<Piece> pieces;
  const std::int64_t size = rows_a_shard(space.dimension);
  for (const bool unit : {false, true})
    for (std::int64_t first = 0, n = unit ? sampled : tests; first < n; first += size)
      pieces.push_back({unit, first, std::min(n, first + size)});
  return pieces;
}

/// A task opened: its inputs, its shards (numbered through all spaces) and which of them are done.
struct OpenTask {
  OpenTask(Stage& stage, const study::Task& made)
      : task(made),
        inputs(open_inputs(stage, made)),
        provenance(stage.provenance(made)),
        shards(stage.path(made.output), provenance.task_key) {
    const auto key = stream_key(static_cast<std::uint64_t>(stage.study().seed),
                                study::stream_name(stage.study(), made) + "/proximity/unit");
    sample = proximity::sample_rows(inputs.train.id, proximity::kUnitSample, key);
    for (const Space& space : inputs.spaces)
      pieces.push_back(pieces_of(space, inputs.test.size(), static_cast<std::int64_t>(sample.size())));
    std::string flags;
    if (stage.world().root())
      for (std::int64_t i = 0; i < first_shard(pieces.size()); ++i) flags += shards.done(i) ? '1' : '0';
    done = stage.world().broadcast(flags);
  }

  std::int64_t first_shard(std::size_t space) const {
    std::int64_t first = 0;
    for (std::size_t s = 0; s < space; ++s) first += static_cast<std::int64_t>(pieces[s].size());
    return first;
  }

  const study::Task& task;
  ProximityInputs inputs;
  store::Provenance provenance;
  store::ShardSet shards;
  std::vector<std::int64_t> sample;        // training rows of the unit
  std::vector<std::vector<Piece>> pieces;  // by space
  std::string done;                        // one letter a shard, '1': done before this run
};

store::Shard compute(const OpenTask& open, const proximity::NearestSearch& search, const Matrix<float>& tests,
                     const Piece& piece, const std::vector<Measure>& measures, int threads) {
  const auto first = static_cast<std::size_t>(piece.first), count = static_cast<std::size_t>(piece.last - piece.first);
  store::Shard shard;
  if (piece.unit) {
    shard["unit"] = search.leave_one_out(std::span(open.sample).subspan(first, count), threads);
    return shard;
  }
  const MatrixView<float> queries(tests.data() + piece.first * tests.cols(), piece.last - piece.first, tests.cols());
  auto answers = search.find(queries, std::span(open.inputs.test.label).subspan(first, count), measures, threads);
  for (std::size_t m = 0; m < measures.size(); ++m) {
    const std::string name(proximity::measure_name(measures[m]));
    shard[name + "_distance"] = std::move(answers[m].distance);
    shard[name + "_nearest"] = std::move(answers[m].nearest);
  }
  return shard;
}

/// Makes the shards of one space that are not done. Collective.
void search_space(Stage& stage, const OpenTask& open, std::size_t number, const std::vector<Measure>& measures,
                  parallel::Progress& progress) {
  const Space& space = open.inputs.spaces[number];
  const std::int64_t first_shard = open.first_shard(number), n = open.inputs.train.size(), d = space.dimension;
  const auto done = open.done.substr(static_cast<std::size_t>(first_shard), open.pieces[number].size());
  if (done.find('0') == std::string::npos) return;
  const parallel::SharedBytes shared(stage.world(), static_cast<std::size_t>(n * d) * sizeof(float), [&](auto bytes) {
    space.fill_train({reinterpret_cast<float*>(bytes.data()), static_cast<std::size_t>(n * d)});
  });
  const MatrixView<float> points(reinterpret_cast<const float*>(shared.bytes().data()), n, d);
  const proximity::NearestSearch search(points, open.inputs.train.id, open.inputs.train.label);
  const Matrix<float> tests = space.read_test();
  parallel::WorkCounter counter(stage.world());
  for (auto i = counter.next(); i < static_cast<std::int64_t>(done.size()); i = counter.next()) {
    if (parallel::stop_requested()) break;
    if (done[static_cast<std::size_t>(i)] == '1') continue;
    const Piece& piece = open.pieces[number][static_cast<std::size_t>(i)];
    open.shards.publish(first_shard + i,
                        compute(open, search, tests, piece, measures, static_cast<int>(stage.study().run.threads)));
    progress.add(piece.last - piece.first);
  }
}

/// The shard's array `name`, which must have `size` values.
template <class T>
std::vector<T> take(store::Shard& shard, const std::string& name, std::int64_t size) {
  const auto found = shard.find(name);
  if (found == shard.end() || !std::holds_alternative<std::vector<T>>(found->second) ||
      static_cast<std::int64_t>(std::get<std::vector<T>>(found->second).size()) != size)
    throw InternalError(fmt::format("a shard of proximity holds no {} of {} values", name, size));
  return std::move(std::get<std::vector<T>>(found->second));
}

/// What a space's shards come to. Each rank reads a run of the shards of test points; the unit's are read by all.
struct SpaceResult {
  std::int64_t first_row = 0;
  std::vector<proximity::Neighbours> neighbours;  // by measure, of this rank's rows
  std::vector<double> unit;
};

SpaceResult collect(const Comm& world, const OpenTask& open, std::size_t number, const std::vector<Measure>& measures) {
  const auto& pieces = open.pieces[number];
  const auto blocks = std::count_if(pieces.begin(), pieces.end(), [](const Piece& p) { return !p.unit; });
  const std::int64_t begin = blocks * world.rank() / world.size(), end = blocks * (world.rank() + 1) / world.size();
  SpaceResult result;
  result.neighbours.resize(measures.size());
  result.first_row = begin < end ? pieces[static_cast<std::size_t>(begin)].first : 0;
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(pieces.size()); ++i) {
    const Piece& piece = pieces[static_cast<std::size_t>(i)];
    if (!piece.unit && (i < begin || i >= end)) continue;
    store::Shard shard = open.shards.read(open.first_shard(number) + i);
    const std::int64_t size = piece.last - piece.first;
    if (piece.unit) append(result.unit, take<double>(shard, "unit", size));
    for (std::size_t m = 0; m < measures.size() && !piece.unit; ++m) {
      const std::string name(proximity::measure_name(measures[m]));
      append(result.neighbours[m].distance, take<double>(shard, name + "_distance", size));
      append(result.neighbours[m].nearest, take<std::int64_t>(shard, name + "_nearest", size));
    }
  }
  return result;
}

/// Collective.
void write_space(Stage& stage, store::ArtifactWriter& writer, const OpenTask& open, std::size_t number,
                 const std::vector<Measure>& measures) {
  const Space& space = open.inputs.spaces[number];
  const SpaceResult result = collect(stage.world(), open, number, measures);
  const std::vector<std::int64_t> shape = {open.inputs.test.size()};
  for (std::size_t m = 0; m < measures.size(); ++m) {
    const auto& [distance, nearest] = result.neighbours[m];
    const std::string group = fmt::format("/{}/{}", space.name, proximity::measure_name(measures[m]));
    writer.write_rows<double>(group + "/distance", shape, result.first_row, distance);
    writer.write_rows<std::int64_t>(group + "/nearest", shape, result.first_row, nearest);
    const auto repeats = static_cast<std::int64_t>(std::count(distance.begin(), distance.end(), 0.0));
    writer.attribute(group + "/distance", "zero_distances", stage.world().sum(repeats));
  }
  const double unit = proximity::median(result.unit);
  writer.write<double>(fmt::format("/{}/unit", space.name), {}, std::span(&unit, 1));
  const auto size = static_cast<std::int64_t>(open.sample.size());
  writer.attribute(fmt::format("/{}/unit", space.name), "sample_size", size);
}

/// Collective.
void write_task(Stage& stage, const OpenTask& open, const std::vector<Measure>& measures,
                const parallel::Stopwatch& watch) {
  store::ArtifactWriter writer(stage.world(), stage.path(open.task.output), open.provenance);
  writer.write<std::int64_t>("/sample", {open.inputs.test.size()}, open.inputs.test.id);
  for (std::size_t s = 0; s < open.inputs.spaces.size(); ++s) write_space(stage, writer, open, s, measures);
  writer.attribute("/", "n_train", open.inputs.train.size());
  writer.attribute("/", "n_test", open.inputs.test.size());
  writer.publish(Stage::record(stage.world(), watch));
  if (stage.world().root()) open.shards.remove();
}

[[noreturn]] void leave() {
  throw Interrupted("proximity: stopped by a signal; finished shards are kept, and the same command does what is left");
}

int run(const Comm& world, const std::vector<std::string>& arguments) {
  Stage stage(world, arguments, "proximity");
  std::vector<Measure> measures;
  for (const std::string& name : stage.study().proximity.measures) measures.push_back(proximity::parse_measure(name));
  std::vector<OpenTask> tasks;
  std::int64_t total = 0, before = 0;
  for (const study::Task& task : stage.todo()) {
    const OpenTask& open = tasks.emplace_back(stage, task);
    std::size_t shard = 0;
    for (const auto& pieces : open.pieces)
      for (const Piece& piece : pieces) {
        total += piece.last - piece.first;
        if (open.done[shard++] == '1') before += piece.last - piece.first;
      }
  }
  if (tasks.empty()) return kExitDone;
  parallel::Progress progress(world, stage.folder(), "proximity", "points", total, before);
  for (const OpenTask& open : tasks) {
    const parallel::Stopwatch watch;
    for (std::size_t s = 0; s < open.inputs.spaces.size(); ++s) {
      search_space(stage, open, s, measures, progress);
      if (parallel::stop_agreed(world)) leave();
    }
    write_task(stage, open, measures, watch);
    progress.note(
        fmt::format("{}: {} spaces in {:.1f} s", open.task.name, open.inputs.spaces.size(), watch.wall_seconds()));
  }
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
