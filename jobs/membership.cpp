// hullscope membership: the hull test alone, on anyone's arrays.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/array.hpp>
#include <hullscope/parallel/stop.hpp>

#include "hull_work.hpp"

namespace hullscope::jobs {
namespace {

using parallel::Comm;

constexpr int kAlgorithmVersion = 6;  // raised when results change

/// Queries a shard; the same for every number of ranks, so that any can resume. A shard costs some milliseconds to
/// write and read, a pass of 100 queries over 60,000 x 784 numbers twice a second: in few dimensions shards are larger.
std::int64_t shard_size(std::int64_t points, std::int64_t dimension, std::int64_t queries) {
  const std::int64_t by_work = (std::int64_t{1} << 32) / std::max<std::int64_t>(points * dimension, 1);
  return std::clamp<std::int64_t>(std::min(by_work, queries / 16), 100, 1000);
}

constexpr const char* kUsage =
    "usage: hullscope membership --points P --queries Q --output F.h5 [options]\n"
    "Tests each query against the convex hull of all points; every verdict in F.h5 carries a proof (hullscope "
    "verify).\n"
    "Arrays are named file.npy, file.h5:/path or file-idx3-ubyte[.gz]; one point a row.\n"
    "  --projection       also the nearest hull point of outside queries, to relative 1e-6\n"
    "  --solver NAME      batched (default), reference (one query at a time), or tao:TYPE (a type of PETSc/TAO)\n"
    "  --subset S         only these rows of the points: an array of row numbers, or a mask (uint8, one a point)\n"
    "  --labels L         labels of the points: each query is also tested against the hull of each class, with proofs\n"
    "  --limit-seconds T  leave what is not decided by then undecided, with the interval of its distance\n"
    "  --memory BYTES     the most that a rank may hold of the points: where they take more, their rows are spread "
    "over\n"
    "                     as few ranks as that needs (default: what a node has free)\n"
    "  --threads N        threads of each rank (default 1)\n"
    "  --ranks N          start N MPI ranks\n"
    "  --force-new        replace a finished file, or pieces of one, made from other data or with other options\n"
    "Exit code 0: done; 2: wrong usage or bad input; 75: stopped by a signal, the same command does what is left.\n";

struct Options {
  std::string points, queries, output, solver = "batched", labels, subset;
  double limit_seconds = 0;
  int threads = 1;
  bool projection = false, force_new = false, help = false;
  double memory = 0;  ///< bytes of the points that a rank may hold; 0: what a node has free
};

template <class T>
T parse_number(const std::string& option, const std::string& text, T least, const std::string& expected,
               double most = 1e9) {
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != text.size() || !(value >= static_cast<double>(least)) || value > most ||
      static_cast<double>(static_cast<T>(value)) != value)
    throw UsageError(fmt::format("membership: {} is \"{}\", expected {}", option, text, expected));
  return static_cast<T>(value);
}

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  const std::vector<std::pair<std::string, std::string*>> texts = {
      {"--points", &options.points}, {"--queries", &options.queries}, {"--output", &options.output},
      {"--solver", &options.solver}, {"--labels", &options.labels},   {"--subset", &options.subset}};
  std::vector<std::string> valid = {"--limit-seconds", "--memory",    "--threads",
                                    "--projection",    "--force-new", "--help"};
  for (const auto& [name, target] : texts) valid.push_back(name);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string word = arguments[i];
    std::optional<std::string> joined;
    if (const std::size_t equals = word.find('='); word.starts_with("--") && equals != std::string::npos)
      joined = word.substr(equals + 1), word.resize(equals);
    const auto value = [&]() -> std::string {
      if (joined) return *joined;
      if (++i == arguments.size()) throw UsageError("membership: " + word + " needs a value (--help)");
      return arguments[i];
    };
    const auto text = std::find_if(texts.begin(), texts.end(), [&](const auto& t) { return t.first == word; });
    if (text != texts.end())
      *text->second = value();
    else if (word == "--projection")
      options.projection = true;
    else if (word == "--force-new")
      options.force_new = true;
    else if (word == "--help" || word == "-h")
      options.help = true;
    else if (word == "--limit-seconds")
      options.limit_seconds = parse_number<double>(word, value(), 1e-3, "seconds, at least 0.001");
    else if (word == "--memory")
      options.memory = parse_number<double>(word, value(), 1, "bytes, at least 1 (4e9 for 4 GB)", 1e18);
    else if (word == "--threads")
      options.threads = parse_number<int>(word, value(), 1, "an integer >= 1");
    else
      throw UsageError(
          fmt::format("membership has no option \"{}\"; did you mean {}? (--help)", word, nearest_name(word, valid)));
  }
  if (options.help) return options;
  for (std::size_t i = 0; i < 3; ++i)
    if (texts[i].second->empty()) throw UsageError("membership needs " + texts[i].first + " (--help)");
  hull::require_solver(options.solver);
  return options;
}

// --- Optional arrays ----------------------------------------------------------------------------------------------

struct Subset {
  std::vector<std::uint8_t> mask;
  std::string name, digest;  ///< relative to the output's folder
};

std::string relative_array(const datasets::Array& array, const std::string& folder) {
  const std::string file = std::filesystem::proximate(array.file, folder.empty() ? "." : folder).string();
  return array.dataset.empty() ? file : file + ":" + array.dataset;
}

Subset read_subset(const std::string& name, std::int64_t n, const std::string& folder) {
  if (name.empty()) return {};
  const datasets::Array array = datasets::read_array(name);
  if (array.shape.size() != 1)
    throw DataError(array.file, array.dataset, fmt::format("a subset has one axis, found {}", array.shape.size()));
  std::vector<std::int64_t> values;
  std::visit(
      [&](const auto& m) {
        for (Eigen::Index i = 0; i < m.size(); ++i) {
          const double v = static_cast<double>(m.data()[i]);
          if (v != static_cast<double>(static_cast<std::int64_t>(v)))
            throw DataError(array.file, array.dataset,
                            fmt::format("entry {} of the subset is {}, expected a row number or a mask", i, v));
          values.push_back(static_cast<std::int64_t>(v));
        }
      },
      datasets::as_points(array));
  return {subset_mask(values, array.type == "u8", n, "--subset " + name), relative_array(array, folder), array.digest};
}

/// An optional array that the file names.
struct NamedArray {
  std::string name, digest;  ///< relative to the output's folder; empty if there is none
};

/// A hull for each label that a point of the subset has.
ClassHulls read_classes(const std::string& name, std::int64_t n, const std::vector<std::uint8_t>& subset,
                        const std::string& folder, NamedArray& source) {
  ClassHulls classes;
  if (name.empty()) return classes;
  const datasets::Array array = datasets::read_array(name);
  const std::vector<std::int64_t> labels = datasets::as_labels(array);
  source = {relative_array(array, folder), array.digest};
  if (static_cast<std::int64_t>(labels.size()) != n)
    throw DataError(array.file, array.dataset,
                    fmt::format("found {} labels, expected one for each of the {} points", labels.size(), n));
  classes.labels = labels_present(labels, subset);
  for (const std::int64_t label : classes.labels) classes.masks.push_back(class_mask(labels, subset, label));
  return classes;
}

// --- The run ------------------------------------------------------------------------------------------------------

store::Provenance make_provenance(const Options& options, const SharedPoints& points, const SharedPoints& queries,
                                  const Subset& subset, const NamedArray& labels, const std::string& folder) {
  store::Provenance provenance;
  provenance.stage = "hull";
  const std::string text =
      fmt::format("hullscope membership options {}\nsolver = {}\nprojection = {}\nlimit_seconds = {}\nlabels = {}\n",
                  kAlgorithmVersion, options.solver, options.projection, options.limit_seconds, labels.digest);
  provenance.options_hash = sha256(text);
  provenance.inputs["points"] = {points.relative_name(folder), points.digest()};
  provenance.inputs["queries"] = {queries.relative_name(folder), queries.digest()};
  if (!subset.name.empty()) provenance.inputs["subset"] = {subset.name, subset.digest};
  if (!labels.name.empty()) provenance.inputs["labels"] = {labels.name, labels.digest};
  Digest key;
  key.update_text("hullscope membership key 1");
  key.update_text(provenance.options_hash);
  for (const auto& [role, input] : provenance.inputs) key.update_text(role), key.update_text(input.digest);
  provenance.task_key = key.hex();
  return provenance;
}

/// counts: by verdict (undecided, inside, outside). `what` is empty for the hull of all points.
void print_counts(const std::string& what, const std::array<std::int64_t, 3>& counts) {
  const auto [undecided, inside, outside] = counts;
  fmt::print("{}inside {} outside {} undecided {} of {}, all proved: {}\n", what, inside, outside, undecided,
             inside + outside + undecided, undecided == 0 ? "yes" : "no");
  std::fflush(stdout);
}

void print_class_counts(std::size_t classes, const std::array<std::int64_t, 3>& counts) {
  if (classes > 0) print_counts(fmt::format("hulls of {} classes: ", classes), counts);
}

/// Of a finished file.
std::array<std::int64_t, 3> class_counts(const store::ArtifactReader& reader) {
  std::array<std::int64_t, 3> counts = {};
  for (const std::uint8_t verdict : reader.read<std::uint8_t>("/class_hull/verdict")) ++counts.at(verdict);
  return counts;
}

/// True if the file is already there, made from the same data with the same options; its summary is then printed.
bool finished_before(const Comm& world, const Options& options, const std::string& key) {
  bool other = false;
  const bool done = world.any(world.root() && store::is_done(options.output, key, &other));
  if (world.any(other) && !options.force_new)
    throw UsageError(options.output +
                     ": a finished hull file made from other data or with other options; name another output or pass "
                     "--force-new");
  if (!done) return false;
  if (world.root()) {
    const store::ArtifactReader reader(options.output, "hull");
    const auto count = [&](const char* name) { return static_cast<std::int64_t>(reader.number("/", name)); };
    parallel::log_info(options.output + " is done already");
    store::ShardSet(options.output, key).remove();  // a run killed at its very end leaves them
    print_counts("", {count("undecided"), count("inside"), count("outside")});
    if (!options.labels.empty()) print_class_counts(reader.read<std::int64_t>("/class").size(), class_counts(reader));
  }
  return true;
}

/// An unfinished run's pieces are not thrown away because a file has changed meanwhile, or a word of the command.
void refuse_foreign_shards(const Comm& world, const Options& options, const std::string& key) {
  if (world.any(world.root() && !options.force_new && store::has_foreign_shards(options.output, key)))
    throw UsageError(options.output +
                     ".parts holds pieces of an unfinished run on other data (their digests differ) or with other "
                     "options; give it the same again to finish it, or pass --force-new to start afresh");
}

int run(const Comm& world, const std::vector<std::string>& arguments) {
  const Options options = parse(arguments);
  if (options.help) {
    if (world.root()) std::fputs(kUsage, stdout);
    return kExitDone;
  }
  const parallel::Stopwatch watch;
  const std::string folder = std::filesystem::path(options.output).parent_path().string();
  if (!folder.empty() && !std::filesystem::is_directory(folder))
    throw UsageError("membership: the folder of --output " + options.output + " does not exist; make it first");
  const RankGroup group = hull_group(world, options.points, options.memory, options.solver.starts_with("tao:"));
  const SharedPoints points = SharedPoints::read(world, group, options.points);
  const SharedPoints queries = SharedPoints::read(world, options.queries);
  if (points.dimension() != queries.dimension())
    throw UsageError(
        fmt::format("{} has {} coordinates a point, {} has {}; queries and points must have the same number",
                    options.points, points.dimension(), options.queries, queries.dimension()));
  if (points.size() == 0) throw UsageError(options.points + " holds no points; a hull needs at least one");
  const Subset subset = read_subset(options.subset, points.size(), folder);
  NamedArray labels;
  ClassHulls classes = read_classes(options.labels, points.size(), subset.mask, folder, labels);
  const store::Provenance provenance = make_provenance(options, points, queries, subset, labels, folder);
  if (finished_before(world, options, provenance.task_key)) return kExitDone;
  refuse_foreign_shards(world, options, provenance.task_key);

  HullWork work{group,
                points,
                queries,
                {},
                subset.mask,
                std::move(classes),
                shard_size(points.size(), points.dimension(), queries.size()),
                options.threads,
                store::ShardSet(options.output, provenance.task_key)};
  work.options.solver = options.solver;
  work.options.projection = options.projection;
  work.options.limit_seconds = options.limit_seconds;
  work.options.heartbeat = parallel::heartbeat;
  hull::Membership membership = make_membership(world, work);
  const std::string done = done_shards(world, work);
  std::int64_t before = 0;
  for (std::size_t i = 0; i < done.size(); ++i) {
    const auto [first, last] = parallel::block(static_cast<std::int64_t>(i), queries.size(), work.shard);
    if (done[i] == '1') before += last - first;
  }
  {
    parallel::Progress progress(world, "", "membership", "queries", queries.size(), before);
    find_shards(world, work, membership, done, progress);
  }
  std::vector<std::int64_t> samples(static_cast<std::size_t>(queries.size()));
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<std::int64_t>(i);
  const HullAttributes attributes{points.relative_name(folder),
                                  queries.relative_name(folder),
                                  points.digest(),
                                  queries.digest(),
                                  subset.name,
                                  subset.digest,
                                  labels.name,
                                  labels.digest};
  const HullSummary sum =
      write_hull_file(world, work, std::move(membership), options.output, provenance, samples, attributes, watch);
  if (world.root()) {
    parallel::log_info(fmt::format("{} queries in {}, {} by exact arithmetic; products computed: {:.3g} of N d a query",
                                   sum.queries, format_duration(watch.wall_seconds()), sum.exact, sum.computed));
    print_counts("", {sum.undecided, sum.inside, sum.outside});
    print_class_counts(work.classes.labels.size(), sum.by_class);
  }
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
