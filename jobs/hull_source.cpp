#include "hull_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <span>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/datasets/array.hpp>

namespace hullscope::jobs {
namespace {

namespace fs = std::filesystem;

// --- NumPy files beside the hull file. Written by one rank, whole or not at all.

std::string npy_header(const std::string& type, const std::string& shape) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, shape);
  header.resize((header.size() + 11 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string bytes = std::string("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header;
}

template <class T>
std::string raw_bytes(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

void write_integers(const std::vector<std::int64_t>& values, const std::string& path) {
  store::publish_bytes(
      path, npy_header("<i8", fmt::format("{},", values.size())) + raw_bytes(std::span<const std::int64_t>(values)));
}

/// Those rows of an array of points, in its precision.
void write_rows(const datasets::Array& array, const std::vector<std::int64_t>& rows, const std::string& path) {
  const auto points = datasets::as_points(array);
  std::visit(
      [&](const auto& m) {
        using T = typename std::decay_t<decltype(m)>::Scalar;
        std::string bytes = npy_header(sizeof(T) == 4 ? "<f4" : "<f8", fmt::format("{}, {}", rows.size(), m.cols()));
        for (const std::int64_t row : rows)
          bytes += raw_bytes(std::span<const T>(m.data() + row * m.cols(), static_cast<std::size_t>(m.cols())));
        store::publish_bytes(path, bytes);
      },
      points);
}

/// The raw values of one split, so that the pixel hull's proofs stand on a file of their own: uint8 for pixels, else
/// float32.
void write_split(const datasets::LabelledSet& set, const std::string& path) {
  std::string bytes = npy_header(set.pixels() ? "|u1" : "<f4", fmt::format("{}, {}", set.size(), set.features()));
  const std::int64_t size = set.size() * set.features() * (set.pixels() ? 1 : 4);
  bytes.reserve(bytes.size() + static_cast<std::size_t>(size));
  std::vector<float> row(static_cast<std::size_t>(set.features()));
  for (std::int64_t i = 0; i < set.size(); ++i) {
    set.copy_row(i, row);
    if (set.pixels())
      for (float v : row) bytes += static_cast<char>(static_cast<std::uint8_t>(v));
    else
      bytes += raw_bytes(std::span<const float>(row));
  }
  store::publish_bytes(path, bytes);
}

// --- where points, queries and labels are

std::vector<std::int64_t> samples_of(const datasets::LabelledSet& set) {
  std::vector<std::int64_t> samples;
  for (std::int64_t i = 0; i < set.size(); ++i) samples.push_back(set.sample_id(i));
  return samples;
}

/// The trial's file that holds the space.
std::string file_of(const Stage& stage, const study::Task& task) {
  return stage.path(task.inputs.at(task.space == "neural" ? "activations" : "codes"));
}

/// Sample ids of the points.
std::vector<std::int64_t> point_samples(Stage& stage, const study::Task& task) {
  if (task.space == "pixel") return samples_of(stage.data("train"));
  return store::ArtifactReader(file_of(stage, task)).read<std::int64_t>("/train/sample");
}

/// Collective.
HullSource plain_source(Stage& stage, const study::Task& task) {
  HullSource source;
  if (task.space == "pixel") {
    const fs::path folder = fs::path(stage.path(task.output)).parent_path();
    const datasets::LabelledSet &train = stage.data("train"), &test = stage.data("test");
    source.points = (folder / "train.npy").string();
    source.queries = (folder / "test.npy").string();
    source.samples = samples_of(test);
    if (stage.world().root()) {
      fs::create_directories(folder);
      write_split(train, source.points);
      write_split(test, source.queries);
    }
    return source;
  }
  const std::string file = file_of(stage, task), name = task.space == "neural" ? "activation" : "code";
  source.points = file + ":/train/" + name;
  source.queries = file + ":/test/" + name;
  source.samples = store::ArtifactReader(file).read<std::int64_t>("/test/sample");
  return source;
}

/// The same training points, asked by a further test set. Collective.
HullSource test_set_source(Stage& stage, const study::Task& task) {
  HullSource source;
  if (task.space == "pixel") {
    const fs::path folder = fs::path(stage.path(task.output)).parent_path();
    source.queries = (folder / "test.npy").string();
    const auto &train = stage.data("train"), test = stage.data(task, "test", stage.world());
    source.points = (folder.parent_path() / "train.npy").string();
    source.samples = samples_of(test);
    if (!stage.world().root()) return source;
    fs::create_directories(folder);
    write_split(train, source.points);
    write_split(test, source.queries);
    return source;
  }
  const std::string name = task.space == "neural" ? "activation" : "code",
                    asked = stage.path(task.inputs.at("queries"));
  source.points = file_of(stage, task) + ":/train/" + name;
  source.queries = asked + ":/test/" + name;
  source.samples = store::ArtifactReader(asked).read<std::int64_t>("/test/sample");
  return source;
}

/// "latent-08/hull-subset-1000" of the task's file, for the arrays beside it.
std::string stem_of(const Stage& stage, const study::Task& task) {
  return fs::path(stage.path(task.output)).replace_extension("").string();
}

// --- who takes part

void add_classes(Stage& stage, const study::Task& task, HullSource& source) {
  std::vector<std::int64_t> labels;
  if (task.space == "pixel") {
    const datasets::LabelledSet& train = stage.data("train");
    for (std::int64_t i = 0; i < train.size(); ++i) labels.push_back(train.label(i));
    source.labels = (fs::path(source.points).parent_path() / "train-labels.npy").string();
    if (stage.world().root()) write_integers(labels, source.labels);
  } else {
    const std::string file = stage.path(task.inputs.at("activations"));
    const store::ArtifactReader reader(file, "extract");
    if (reader.read<std::int64_t>("/train/sample") != point_samples(stage, task))
      throw DataError(file, "/train/sample",
                      "found other samples, or another order, than in " + file_of(stage, task) +
                          ", expected the same; run stage encode again");
    labels = reader.read<std::int64_t>("/train/label");
    source.labels = file + ":/train/label";
  }
  source.classes.labels = labels_present(labels, {});
  for (const std::int64_t label : source.classes.labels) source.classes.masks.push_back(class_mask(labels, {}, label));
}

/// The rows of `count` points, ascending, drawn by sample id: the first ones of an order that the seed and `purpose`
/// give all points, so that a smaller draw is part of a larger one, and every trial draws the same points.
std::vector<std::int64_t> draw_rows(const Stage& stage, const study::Task& task,
                                    const std::vector<std::int64_t>& samples, const std::string& purpose) {
  const std::string set = study::data_source(stage.study(), task).set;
  const auto key = stream_key(static_cast<std::uint64_t>(stage.study().seed), set + "/hull/" + purpose);
  std::vector<std::pair<std::uint64_t, std::int64_t>> order;
  for (const std::int64_t id : samples)
    order.emplace_back(RandomStream(key, static_cast<std::uint64_t>(id)).bits64(), id);
  std::vector<std::int64_t> rows(samples.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
    return order[static_cast<std::size_t>(a)] < order[static_cast<std::size_t>(b)];
  });
  rows.resize(static_cast<std::size_t>(task.hull_points));
  std::sort(rows.begin(), rows.end());
  return rows;
}

void add_left_out(Stage& stage, const study::Task& task, HullSource& source) {
  const auto samples = point_samples(stage, task);
  source.leave_out = draw_rows(stage, task, samples, "left-out");
  source.left_out = stem_of(stage, task) + "-rows.npy";
  source.queries = stem_of(stage, task) + "-points.npy";
  source.samples.clear();
  for (const std::int64_t row : source.leave_out) source.samples.push_back(samples[static_cast<std::size_t>(row)]);
  if (!stage.world().root()) return;
  write_integers(source.leave_out, source.left_out);
  write_rows(datasets::read_array(source.points), source.leave_out, source.queries);
}

void add_subset(Stage& stage, const study::Task& task, HullSource& source) {
  const auto samples = point_samples(stage, task);
  const auto rows = draw_rows(stage, task, samples, "subset");
  source.subset = stem_of(stage, task) + "-rows.npy";
  source.mask = subset_mask(rows, false, static_cast<std::int64_t>(samples.size()), source.subset);
  if (stage.world().root()) write_integers(rows, source.subset);
}

/// An array's name relative to a folder, and its digest.
void name_array(const std::string& name, const std::string& folder, std::string& relative, std::string& digest) {
  if (name.empty()) return;
  const datasets::Array array = datasets::read_array(name);
  relative = fs::proximate(array.file, folder.empty() ? "." : folder).string();
  if (!array.dataset.empty()) relative += ":" + array.dataset;
  digest = array.digest;
}

}  // namespace

HullAttributes HullSource::attributes(const std::string& path, const SharedPoints& of_points,
                                      const SharedPoints& of_queries) const {
  const std::string folder = fs::path(path).parent_path().string();
  HullAttributes found{of_points.relative_name(folder),
                       of_queries.relative_name(folder),
                       of_points.digest(),
                       of_queries.digest(),
                       "",
                       ""};
  name_array(subset, folder, found.subset, found.subset_digest);
  name_array(labels, folder, found.labels, found.labels_digest);
  name_array(left_out, folder, found.left_out, found.left_out_digest);
  return found;
}

HullSource find_hull_source(Stage& stage, const study::Task& task) {
  HullSource source = task.test.empty() ? plain_source(stage, task) : test_set_source(stage, task);
  stage.world().barrier();  // the root's files are there
  if (task.hull == "classes") add_classes(stage, task, source);
  if (task.hull == "left-out") add_left_out(stage, task, source);
  if (task.hull == "subset") add_subset(stage, task, source);
  stage.world().barrier();
  return source;
}

std::int64_t hull_queries(Stage& stage, const study::Task& task) {
  const std::int64_t points = task.space == "pixel"
                                  ? stage.data("train").size()
                                  : store::ArtifactReader(file_of(stage, task)).shape("/train/sample").front();
  if (task.hull_points > points)
    throw UsageError(fmt::format("{}: {} training points are asked for, but there are {}; give hull.{} smaller numbers",
                                 task.name, task.hull_points, points, task.hull == "subset" ? "subsets" : "left_out"));
  if (task.hull == "left-out") return task.hull_points;
  if (task.space == "pixel") return stage.data(task, "test", stage.world()).size();
  if (!task.test.empty())
    return store::ArtifactReader(stage.path(task.inputs.at("queries"))).shape("/test/sample").front();
  return store::ArtifactReader(file_of(stage, task)).shape("/test/sample").front();
}

}  // namespace hullscope::jobs
