// hullscope proximity: distance of every test point to its nearest training point, per space and measure.
//
// A space's work is cut into shards: of test points, then of the sampled training points that its unit and dimension
// are measured on, then one for that sample by itself. Ranks draw shards from a counter; each is published when it is
// done, so that a kill loses at most the ones in hand. Shards depend on the task alone, never on ranks or threads.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/proximity/class_model.hpp>
#include <hullscope/proximity/nearest.hpp>
#include <hullscope/proximity/unit.hpp>
#include <hullscope/statistics/neighbour_dimension.hpp>
#include <hullscope/store/shards.hpp>

#include "proximity_space.hpp"

namespace hullscope::jobs {
namespace {

using parallel::Comm;
using proximity::Measure;

constexpr std::int64_t kNeighbours = 20;  // of the sampled training points, for their unit and dimension

/// What is measured of each test point in one space.
struct Wanted {
  std::vector<Measure> measures;    ///< of the study
  std::vector<std::string> scores;  ///< of the study, those that this space has
  std::vector<Measure> searched;    ///< measures, and what the scores need
  std::int64_t neighbour = 0;       ///< k of kth_neighbour

  bool scored(const std::string& name) const { return std::count(scores.begin(), scores.end(), name) > 0; }
};

Wanted wanted_of(const study::Study& study, bool has_predictions) {
  Wanted wanted;
  for (const std::string& name : study.proximity.measures) wanted.measures.push_back(proximity::parse_measure(name));
  for (const proximity::Score& score : proximity::scores())
    if (std::count(study.proximity.scores.begin(), study.proximity.scores.end(), score.name) &&
        (has_predictions || !score.needs_prediction))
      wanted.scores.push_back(score.name);
  wanted.searched = wanted.measures;
  if (wanted.scored("euclidean_predicted_class") || wanted.scored("inverse_trust"))
    wanted.searched.push_back(Measure::kEuclideanPredictedClass);
  if (wanted.scored("inverse_trust")) wanted.searched.push_back(Measure::kEuclideanOtherClass);
  wanted.neighbour = study.proximity.neighbour;
  return wanted;
}

/// One shard: rows [first, last) of the test points, or of the sample of training points, or what is said of the whole
/// sample.
struct Piece {
  enum Kind { kQueries, kLeaveOneOut, kSample } kind;
  std::int64_t first, last;
};

/// A whole number of query tiles, about the same work whatever the dimension.
std::int64_t rows_a_shard(std::int64_t dimension) {
  return 512 * std::clamp<std::int64_t>(256 / std::max<std::int64_t>(dimension, 1), 1, 8);
}

/// `sampled` -1: nothing is asked of the training points themselves.
std::vector<Piece> pieces_of(const Space& space, std::int64_t tests, std::int64_t sampled) {
  std::vector<Piece> pieces;
  const std::int64_t size = rows_a_shard(space.dimension);
  for (const auto kind : {Piece::kQueries, Piece::kLeaveOneOut})
    for (std::int64_t first = 0, n = kind == Piece::kQueries ? tests : sampled; first < n; first += size)
      pieces.push_back({kind, first, std::min(n, first + size)});
  if (sampled >= 0) pieces.push_back({Piece::kSample, 0, 1});
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
      pieces.push_back(pieces_of(space, inputs.test.size(),
                                 task.test.empty() ? static_cast<std::int64_t>(sample.size()) : std::int64_t{-1}));
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

/// A space's training points, ready for questions.
struct Prepared {
  Prepared(const OpenTask& open, MatrixView<float> all, const Wanted& asked)
      : points(all), wanted(asked), search(all, open.inputs.train.id, open.inputs.train.label) {
    if (wanted.scored("mahalanobis") || wanted.scored("class_mean")) classes.emplace(all, open.inputs.train.label);
  }
  MatrixView<float> points;
  const Wanted& wanted;
  proximity::NearestSearch search;
  std::optional<proximity::ClassModel> classes;
};

store::Shard measure_queries(const OpenTask& open, const Prepared& space, MatrixView<float> queries, std::size_t first,
                             int threads) {
  const Wanted& wanted = space.wanted;
  const auto count = static_cast<std::size_t>(queries.rows());
  const auto predicted = open.inputs.predicted.empty() ? std::span<const std::int64_t>()
                                                       : std::span(open.inputs.predicted).subspan(first, count);
  auto answers = space.search.find(queries, {std::span(open.inputs.test.label).subspan(first, count), predicted},
                                   wanted.searched, threads);
  store::Shard shard;
  std::map<Measure, std::size_t> place;
  for (std::size_t m = wanted.searched.size(); m-- > 0;) place[wanted.searched[m]] = m;
  const auto distance = [&](Measure measure) { return answers[place.at(measure)].distance; };
  if (wanted.scored("euclidean_predicted_class"))
    shard["euclidean_predicted_class"] = distance(Measure::kEuclideanPredictedClass);
  if (wanted.scored("inverse_trust")) {
    // A point that coincides with points of both is as doubtful as one halfway: 0 / 0 counts as 1.
    auto ratio = distance(Measure::kEuclideanPredictedClass);
    const auto other = distance(Measure::kEuclideanOtherClass);
    for (std::size_t i = 0; i < ratio.size(); ++i)
      ratio[i] = ratio[i] == other[i] ? 1 : std::isinf(other[i]) ? 0 : ratio[i] / other[i];
    shard["inverse_trust"] = std::move(ratio);
  }
  if (wanted.scored("kth_neighbour"))
    shard["kth_neighbour"] = space.search.kth_direction(queries, wanted.neighbour, threads);
  if (wanted.scored("mahalanobis")) shard["mahalanobis"] = space.classes->mahalanobis(queries);
  if (wanted.scored("class_mean")) shard["class_mean"] = space.classes->class_mean(queries, predicted);
  for (std::size_t m = 0; m < wanted.measures.size(); ++m) {
    const std::string name(proximity::measure_name(wanted.measures[m]));
    shard[name + "_distance"] = std::move(answers[m].distance);
    shard[name + "_nearest"] = std::move(answers[m].nearest);
  }
  return shard;
}

std::vector<double> flat(const Matrix<double>& m) {
  return {m.data(), m.data() + m.size()};
}

/// The sampled training points by themselves: their neighbours among one another, and their spread.
store::Shard measure_sample(const OpenTask& open, const Prepared& space, int threads) {
  const auto n = static_cast<std::int64_t>(open.sample.size());
  auto order = open.sample;  // rows stand by class, and by id in a class; a subset in that order does as well
  std::sort(order.begin(), order.end());
  Matrix<float> points(n, space.points.cols());
  std::vector<std::int64_t> ids, labels, rows;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t row = order[static_cast<std::size_t>(i)];
    points.row(i) = space.points.row(row);
    ids.push_back(open.inputs.train.id[static_cast<std::size_t>(row)]);
    labels.push_back(open.inputs.train.label[static_cast<std::size_t>(row)]);
    rows.push_back(i);
  }
  store::Shard shard;
  const proximity::NearestSearch search(view(points), ids, labels);
  shard["sample_distance"] = flat(search.leave_one_out(rows, kNeighbours, threads));
  shard["participation_ratio"] = std::vector<double>{statistics::participation_ratio(view(points))};
  return shard;
}

store::Shard compute(const OpenTask& open, const Prepared& space, const Matrix<float>& tests, const Piece& piece,
                     int threads) {
  const auto first = static_cast<std::size_t>(piece.first), count = static_cast<std::size_t>(piece.last - piece.first);
  if (piece.kind == Piece::kSample) return measure_sample(open, space, threads);
  if (piece.kind == Piece::kQueries) {
    const MatrixView<float> queries(tests.data() + piece.first * tests.cols(), piece.last - piece.first, tests.cols());
    return measure_queries(open, space, queries, first, threads);
  }
  store::Shard shard;
  shard["leave_one_out"] =
      flat(space.search.leave_one_out(std::span(open.sample).subspan(first, count), kNeighbours, threads));
  return shard;
}

/// Makes the shards of one space that are not done. Collective.
void search_space(Stage& stage, const OpenTask& open, std::size_t number, const Wanted& wanted,
                  parallel::Progress& progress) {
  const Space& space = open.inputs.spaces[number];
  const std::int64_t first_shard = open.first_shard(number), n = open.inputs.train.size(), d = space.dimension;
  const auto done = open.done.substr(static_cast<std::size_t>(first_shard), open.pieces[number].size());
  if (done.find('0') == std::string::npos) return;
  const parallel::SharedBytes shared(stage.world(), static_cast<std::size_t>(n * d) * sizeof(float), [&](auto bytes) {
    space.fill_train({reinterpret_cast<float*>(bytes.data()), static_cast<std::size_t>(n * d)});
  });
  const Prepared prepared(open, MatrixView<float>(reinterpret_cast<const float*>(shared.bytes().data()), n, d), wanted);
  const Matrix<float> tests = space.read_test();
  parallel::WorkCounter counter(stage.world());
  for (auto i = counter.next(); i < static_cast<std::int64_t>(done.size()); i = counter.next()) {
    if (parallel::stop_requested()) break;
    if (done[static_cast<std::size_t>(i)] == '1') continue;
    const Piece& piece = open.pieces[number][static_cast<std::size_t>(i)];
    open.shards.publish(first_shard + i,
                        compute(open, prepared, tests, piece, static_cast<int>(stage.study().run.threads)));
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

/// What a space's shards come to. Each rank reads a run of the shards of test points; the sample's are read by all.
struct SpaceResult {
  std::int64_t first_row = 0;
  std::vector<proximity::Neighbours> neighbours;     // by measure, of this rank's rows
  std::map<std::string, std::vector<double>> score;  // by name, likewise
  std::vector<double> leave_one_out;                 // sample x kNeighbours, among all training points
  std::vector<double> sample_distance;               // ... among the sample
  double participation_ratio = 0;
};

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void collect_queries(store::Shard& shard, std::int64_t size, const Wanted& wanted, SpaceResult& result) {
  for (std::size_t m = 0; m < wanted.measures.size(); ++m) {
    const std::string name(proximity::measure_name(wanted.measures[m]));
    append(result.neighbours[m].distance, take<double>(shard, name + "_distance", size));
    append(result.neighbours[m].nearest, take<std::int64_t>(shard, name + "_nearest", size));
  }
  for (const std::string& name : wanted.scores) append(result.score[name], take<double>(shard, name, size));
}

SpaceResult collect(const Comm& world, const OpenTask& open, std::size_t number, const Wanted& wanted) {
  const auto& pieces = open.pieces[number];
  const auto blocks =
      std::count_if(pieces.begin(), pieces.end(), [](const Piece& p) { return p.kind == Piece::kQueries; });
  const std::int64_t begin = blocks * world.rank() / world.size(), end = blocks * (world.rank() + 1) / world.size();
  SpaceResult result;
  result.neighbours.resize(wanted.measures.size());
  for (const std::string& name : wanted.scores) result.score[name];
  result.first_row = begin < end ? pieces[static_cast<std::size_t>(begin)].first : 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(pieces.size()); ++i) {
    const Piece& piece = pieces[static_cast<std::size_t>(i)];
    if (piece.kind == Piece::kQueries && (i < begin || i >= end)) continue;
    store::Shard shard = open.shards.read(open.first_shard(number) + i);
    const std::int64_t size = piece.last - piece.first;
    if (piece.kind == Piece::kQueries) {
      collect_queries(shard, size, wanted, result);
    } else if (piece.kind == Piece::kLeaveOneOut) {
      append(result.leave_one_out, take<double>(shard, "leave_one_out", size * kNeighbours));
    } else {
      result.sample_distance =
          take<double>(shard, "sample_distance", static_cast<std::int64_t>(open.sample.size()) * kNeighbours);
      result.participation_ratio = take<double>(shard, "participation_ratio", 1)[0];
    }
  }
  return result;
}

/// The unit of distances and what the neighbours say of the dimension. Collective.
void write_sample(store::ArtifactWriter& writer, const std::string& space, const SpaceResult& result,
                  std::int64_t size) {
  const MatrixView<double> among_all(result.leave_one_out.data(), size, kNeighbours);
  const MatrixView<double> among_sample(result.sample_distance.data(), size, kNeighbours);
  std::vector<double> nearest;
  for (std::int64_t i = 0; i < size; ++i) nearest.push_back(among_all(i, 0));
  const double unit = proximity::median(nearest);
  writer.write<double>(fmt::format("/{}/unit", space), {}, std::span(&unit, 1));
  writer.attribute(fmt::format("/{}/unit", space), "sample_size", size);
  std::vector<double> dimension;
  for (const auto& estimate :
       {std::function([](MatrixView<double> m) { return statistics::two_nn(m); }),
        std::function([](MatrixView<double> m) { return statistics::levina_bickel(m, kNeighbours / 2); }),
        std::function([](MatrixView<double> m) { return statistics::levina_bickel(m, kNeighbours); })})
    for (const auto& distance : {among_all, among_sample}) dimension.push_back(estimate(distance).value);
  const std::string path = fmt::format("/{}/dimension", space);
  writer.write<double>(path, {3, 2}, dimension);
  writer.attribute(path, "duplicates", statistics::two_nn(among_all).dropped);
  writer.write<double>(fmt::format("/{}/participation_ratio", space), {}, std::span(&result.participation_ratio, 1));
}

/// Collective.
void write_space(Stage& stage, store::ArtifactWriter& writer, const OpenTask& open, std::size_t number,
                 const Wanted& wanted) {
  const Space& space = open.inputs.spaces[number];
  const SpaceResult result = collect(stage.world(), open, number, wanted);
  const std::vector<std::int64_t> shape = {open.inputs.test.size()};
  for (std::size_t m = 0; m < wanted.measures.size(); ++m) {
    const auto& [distance, nearest] = result.neighbours[m];
    const std::string group = fmt::format("/{}/{}", space.name, proximity::measure_name(wanted.measures[m]));
    writer.write_rows<double>(group + "/distance", shape, result.first_row, distance);
    writer.write_rows<std::int64_t>(group + "/nearest", shape, result.first_row, nearest);
    const auto repeats = static_cast<std::int64_t>(std::count(distance.begin(), distance.end(), 0.0));
    writer.attribute(group + "/distance", "zero_distances", stage.world().sum(repeats));
  }
  for (const auto& [name, values] : result.score)
    writer.write_rows<double>(fmt::format("/{}/{}/distance", space.name, name), shape, result.first_row, values);
  // Of a further test set the trial's own file has it: it is about the training points.
  if (open.task.test.empty()) write_sample(writer, space.name, result, static_cast<std::int64_t>(open.sample.size()));
}

/// Collective.
void write_task(Stage& stage, const OpenTask& open, const Wanted& wanted, const parallel::Stopwatch& watch) {
  store::ArtifactWriter writer(stage.world(), stage.path(open.task.output), open.provenance);
  writer.write<std::int64_t>("/sample", {open.inputs.test.size()}, open.inputs.test.id);
  writer.write_text("/estimator", {"two_nn", "levina_bickel_10", "levina_bickel_20"});
  writer.write_text("/extent", {"all", "sample"});
  for (std::size_t s = 0; s < open.inputs.spaces.size(); ++s) write_space(stage, writer, open, s, wanted);
  const auto& scores = stage.study().proximity.scores;
  if (open.task.space != "pixel" && std::count(scores.begin(), scores.end(), "max_softmax"))
    writer.write<double>("/output/max_softmax/distance", {open.inputs.test.size()},
                         softmax_risk(test_activations(stage, open.task)));
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
    const Wanted wanted = wanted_of(stage.study(), open.task.space != "pixel");
    for (std::size_t s = 0; s < open.inputs.spaces.size(); ++s) {
      search_space(stage, open, s, wanted, progress);
      if (parallel::stop_agreed(world)) leave();
    }
    write_task(stage, open, wanted, watch);
    progress.note(fmt::format("{}: {} space{} in {:.1f} s", open.task.name, open.inputs.spaces.size(),
                              open.inputs.spaces.size() == 1 ? "" : "s", watch.wall_seconds()));
  }
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
