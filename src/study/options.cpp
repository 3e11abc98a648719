// Every option of a study, declared once.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/study/detail/option_table.hpp>

namespace hullscope::study::detail {

#define MEMBER(type, path) (+[](Study& s) -> type* { return &s.path; })
#define TEXT(path) Member(MEMBER(std::string, path))
#define INTEGER(path) Member(MEMBER(std::int64_t, path))
#define REAL(path) Member(MEMBER(double, path))
#define FLAG(path) Member(MEMBER(bool, path))
#define INTEGERS(path) Member(MEMBER(std::vector<std::int64_t>, path))
#define TEXTS(path) Member(MEMBER(std::vector<std::string>, path))

const std::vector<Option>& option_table() {
  using enum Role;
  static const std::vector<Option> table = {
      {"name",
       "study",
       extent,
       TEXT(name),
       {.folder_name = true},
       "name of the study; results go to runs/<name> if --output does not say otherwise"},
      {"seed",
       "study",
       science,
       INTEGER(seed),
       {.at_least = 0},
       "seed of every random stream, synthetic data included"},

      {"preset",
       "study",
       extent,
       TEXT(preset),
       {},
       "which table of [presets] is laid over the file: how much is computed"},

      {"data.set",
       "data",
       science,
       TEXT(data.set),
       {.required = true},
       "named set (`hullscope datasets list`), synthetic set such as \"gaussian-classes?dimension=3\", or own arrays "
       "\"samples=ARRAY,labels=ARRAY\""},
      {"data.folder",
       "data",
       execution,
       TEXT(data.folder),
       {},
       "folder searched for the data set's files before HULLSCOPE_DATA and the system's; relative to the study file"},
      {"data.train_limit",
       "data",
       science,
       INTEGER(data.train_limit),
       {.at_least = 0},
       "use only the first so many training samples; 0: all"},
      {"data.test_limit",
       "data",
       science,
       INTEGER(data.test_limit),
       {.at_least = 0},
       "use only the first so many test samples; 0: all"},
      {"data.per_trial",
       "data",
       science,
       FLAG(data.per_trial),
       {},
       "draw synthetic sets anew for each trial, instead of once for all"},

      {"train.trials",
       "train",
       extent,
       INTEGER(train.trials),
       {.at_least = 1, .at_most = 9999},
       "independently seeded trainings of each network; raising it extends a study in place"},
      {"train.epochs",
       "train",
       science,
       INTEGER(train.epochs),
       {.at_least = 1, .at_most = 1e6},
       "passes over the training set"},
      {"train.batch",
       "train",
       science,
       INTEGER(train.batch),
       {.at_least = 1, .at_most = 1e6},
       "samples per step of Adam"},
      {"train.rate", "train", science, REAL(train.rate), {.above = 0, .at_most = 10}, "learning rate of Adam"},
      {"train.scaling",
       "train",
       science,
       TEXT(train.scaling),
       {.one_of = {"unit", "standard", "none"}},
       "of the inputs; unit: pixels / 255, standard: zero mean and unit variance by the training set, none: as they "
       "are"},
      {"train.validation",
       "train",
       science,
       REAL(train.validation),
       {.at_least = 0, .below = 1},
       "share of the training set kept aside to record validation curves"},
      {"train.ranks_per_task",
       "train",
       science,
       INTEGER(train.ranks_per_task),
       {.at_least = 0, .at_most = 65536},
       "MPI ranks that train one network together; 0: chosen from the network's size"},
      {"train.checkpoint_seconds",
       "train",
       execution,
       REAL(train.checkpoint_seconds),
       {.at_least = 0, .at_most = 1e6},
       "seconds between checkpoints of a training; 0: after every epoch"},
      {"train.device",
       "train",
       execution,
       TEXT(train.device),
       {.one_of = {"auto", "cpu", "cuda"}},
       "where networks are trained and evaluated; auto: a GPU if there is one"},

      {"encode.dimensions",
       "encode",
       extent,
       INTEGERS(encode.dimensions),
       {.at_least = 1, .at_most = 65536},
       "bottleneck sizes d, one autoencoder each; adding one extends a study in place"},
      {"encode.hidden",
       "encode",
       science,
       INTEGERS(encode.hidden),
       {.at_least = 1, .at_most = 1e6},
       "widths of the encoder's hidden layers; the decoder mirrors them"},
      {"encode.epochs",
       "encode",
       science,
       INTEGER(encode.epochs),
       {.at_least = 1, .at_most = 1e6},
       "passes over the training activations"},
      {"encode.batch",
       "encode",
       science,
       INTEGER(encode.batch),
       {.at_least = 1, .at_most = 1e6},
       "samples per step of Adam"},
      {"encode.rate", "encode", science, REAL(encode.rate), {.above = 0, .at_most = 10}, "learning rate of Adam"},
      {"encode.output",
       "encode",
       science,
       TEXT(encode.output),
       {.one_of = {"linear", "relu"}},
       "activation of the decoder's last layer"},

      {"hull.spaces",
       "hull",
       extent,
       TEXTS(hull.spaces),
       {.one_of = {"pixel", "neural", "latent", "pca"}},
       "spaces whose test points are tested against the hull of the training points; pca: principal components of the "
       "activations, as many as each latent space has, the baseline of those"},
      {"hull.solver",
       "hull",
       science,
       TEXT(hull.solver),
       {.one_of = {"batched", "reference"}, .or_prefix = "tao:"},
       "batched: many queries at once, most points ruled out by bounds; reference: one query at a time, all points; "
       "tao:TYPE: a solver of PETSc/TAO"},
      {"hull.projection",
       "hull",
       science,
       FLAG(hull.projection),
       {},
       "also find the nearest hull point of outside queries, to relative 1e-6"},
      {"hull.eps",
       "hull",
       science,
       REAL(hull.eps),
       {.at_least = 0, .at_most = 1},
       "points proved within eps times the data's scale of the hull are counted apart"},
      {"hull.shard",
       "hull",
       science,
       INTEGER(hull.shard),
       {.at_least = 1, .at_most = 1e9},
       "queries per shard: the most that a killed run loses on each rank"},
      {"hull.memory",
       "hull",
       execution,
       INTEGER(hull.memory),
       {.at_least = 0, .at_most = 1e18},
       "bytes of the points that a rank may hold: where they take more, their rows are spread over as few ranks as "
       "that "
       "needs; 0: what a node has free (tao:TYPE: all ranks)"},
      {"hull.classes",
       "hull",
       extent,
       FLAG(hull.classes),
       {},
       "also test all test points, those of further test sets too, against the hull of each class of the training "
       "points (files hull-classes.h5; not in space pca)"},
      {"hull.left_out",
       "hull",
       extent,
       INTEGER(hull.left_out),
       {.at_least = 0, .at_most = 1e9},
       "also test a sample of so many training points, each against the hull of all others (hull-left-out-N.h5; not in "
       "space pca); 0: none"},
      {"hull.subsets",
       "hull",
       extent,
       INTEGERS(hull.subsets),
       {.at_least = 1, .at_most = 1e9},
       "also test all test points against hulls of so many training points, drawn by the seed, each set in the next "
       "(hull-subset-N.h5; not in space pca)"},

      {"proximity.spaces",
       "proximity",
       extent,
       TEXTS(proximity.spaces),
       {.one_of = {"pixel", "neural", "latent"}},
       "spaces in which distances to the training set are measured"},
      {"proximity.measures",
       "proximity",
       science,
       TEXTS(proximity.measures),
       {.one_of = {"euclidean", "euclidean_true_class", "cosine"}, .may_be_empty = false},
       "distances to the nearest training point"},

      {"proximity.scores",
       "proximity",
       science,
       TEXTS(proximity.scores),
       {.one_of = {"euclidean_predicted_class", "kth_neighbour", "inverse_trust", "mahalanobis", "class_mean",
                   "max_softmax"}},
       "further measures, judged beside the distances by how well they tell wrong answers from right ones; a larger "
       "value means less trust"},
      {"proximity.neighbour",
       "proximity",
       science,
       INTEGER(proximity.neighbour),
       {.at_least = 1, .at_most = 1e9},
       "k of the score kth_neighbour: distance to the k-th nearest training point on the unit sphere"},
      {"reduce.bootstrap",
       "reduce",
       science,
       INTEGER(reduce.bootstrap),
       {.at_least = 1, .at_most = 1e7},
       "bootstrap resamples"},
      {"reduce.bins", "reduce", science, INTEGER(reduce.bins), {.at_least = 1, .at_most = 1e5}, "bins of distance"},
      {"reduce.dimension",
       "reduce",
       science,
       INTEGER(reduce.dimension),
       {.at_least = 1, .at_most = 65536},
       "latent space of the distance statistics; the largest of encode.dimensions if it is not among them"},
      {"reduce.relative_accuracy",
       "reduce",
       science,
       REAL(reduce.relative_accuracy),
       {.above = 0, .at_most = 2},
       "the intrinsic dimension is the smallest d whose mean relative accuracy reaches this, there and at every larger "
       "d"},
      {"reduce.allow_undecided",
       "reduce",
       science,
       FLAG(reduce.allow_undecided),
       {},
       "accept undecided hull verdicts (counted, treated as missing) instead of refusing"},
      {"reduce.partial",
       "reduce",
       science,
       FLAG(reduce.partial),
       {},
       "where tasks have failed, work on what is there: a trial that lacks a file is left out and listed in /missing"},

      {"report.title",
       "report",
       execution,
       TEXT(report.title),
       {},
       "title of the report; empty: made from the study's name"},

      {"run.ranks",
       "run",
       execution,
       INTEGER(run.ranks),
       {.at_least = 0, .at_most = 65536},
       "MPI ranks that `hullscope run` starts; 0: one a core"},
      {"run.threads", "run", execution, INTEGER(run.threads), {.at_least = 1, .at_most = 1024}, "threads of a rank"},
  };
  return table;
}

std::string type_name(const Option& option) {
  static const char* names[] = {"text", "integer", "number", "true or false", "list of integers", "list of texts"};
  return names[option.member.index()];
}

std::string Range::text() const {
  std::vector<std::string> parts;
  if (at_least) parts.push_back(fmt::format(">= {:.15g}", *at_least));
  if (above) parts.push_back(fmt::format("> {:.15g}", *above));
  if (at_most) parts.push_back(fmt::format("<= {:.15g}", *at_most));
  if (below) parts.push_back(fmt::format("< {:.15g}", *below));
  if (!one_of.empty()) parts.push_back("one of " + join(one_of) + (or_prefix.empty() ? "" : ", " + or_prefix + "TYPE"));
  if (folder_name) parts.push_back("letters, digits and . _ + -, at most 100, not starting with . or -");
  if (required || !may_be_empty) parts.push_back("not empty");
  return join(parts, " and ");
}

std::string folder_name_fault(const std::string& name) {
  static const std::vector<std::string> reserved = {"input", "report", "results.h5", "study.toml", "progress.json"};
  const auto allowed = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '+' || c == '-';
  };
  if (name.empty()) return "it is empty";
  if (name.size() > 100) return fmt::format("it has {} characters", name.size());
  if (name[0] == '.' || name[0] == '-') return fmt::format("it starts with \"{}\"", name[0]);
  if (!std::all_of(name.begin(), name.end(), allowed))
    return "it has other characters than letters, digits and . _ + -";
  if (std::count(reserved.begin(), reserved.end(), name)) return "hullscope itself uses this name";
  return "";
}

namespace {

std::string number_fault(const Range& range, double value) {
  if (!std::isfinite(value)) return "it is not finite";
  if ((range.at_least && value < *range.at_least) || (range.above && value <= *range.above) ||
      (range.at_most && value > *range.at_most) || (range.below && value >= *range.below))
    return "it is out of range";
  return "";
}

std::string text_fault(const Range& range, const std::string& value) {
  if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return "it has control characters";
  if (range.folder_name) return folder_name_fault(value);
  if (range.required && value.empty()) return "it is empty";
  if (range.one_of.empty() || std::count(range.one_of.begin(), range.one_of.end(), value)) return "";
  if (!range.or_prefix.empty() && value.size() > range.or_prefix.size() && value.starts_with(range.or_prefix))
    return "";
  return fmt::format("it is none of the choices (nearest: \"{}\")", nearest_name(value, range.one_of));
}

std::string fault(const Range& range, std::int64_t value) {
  return number_fault(range, static_cast<double>(value));
}
std::string fault(const Range& range, double value) {
  return number_fault(range, value);
}
std::string fault(const Range& range, const std::string& value) {
  return text_fault(range, value);
}
std::string fault(const Range&, bool) {
  return "";
}

template <class T>
std::string fault(const Range& range, const std::vector<T>& values) {
  if (values.empty() && !range.may_be_empty) return "it is empty";
  for (const T& value : values)
    if (const auto found = fault(range, value); !found.empty()) return fmt::format("{}: {}", value, found);
  if (std::set<T>(values.begin(), values.end()).size() != values.size()) return "it names something twice";
  return "";
}

}  // namespace

std::string range_fault(const Option& option, const Study& study) {
  // hidden layers may well have equal widths; every other list is a set of tasks
  Study copy = study;
  if (option.key == "encode.hidden") {
    auto& widths = copy.encode.hidden;
    std::sort(widths.begin(), widths.end());
    widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
  }
  return std::visit([&](auto member) { return fault(option.range, *member(copy)); }, option.member);
}

}  // namespace hullscope::study::detail

namespace hullscope::study {

using detail::option_table;

const std::vector<OptionInfo>& options() {
  static const std::vector<OptionInfo> infos = [] {
    const Study defaults;
    std::vector<OptionInfo> made;
    for (const auto& o : option_table())
      made.push_back(
          {o.key, detail::type_name(o), o.range.text(), detail::value_text(o, defaults), o.stage, o.meaning});
    return made;
  }();
  return infos;
}

std::string options_as_markdown() {
  std::string out =
      "# The study file\n\n"
      "<!-- Made from the table in src/study/options.cpp by `hullscope run --help-options`; a test compares them. "
      "-->\n\n"
      "A study is one TOML file. Every key has a default but `data.set`; an unknown key, a wrong type or a value out "
      "of\n"
      "range is refused with the file, the line and what was expected. `--set key=value` overrides a key on the "
      "command\n"
      "line, and `hullscope run STUDY.toml --print-config` prints the study with every key.\n\n"
      "What a change of a key does to a finished study: *remake*: results of its stage and of those after it depend "
      "on\n"
      "it, and a finished file made with another value is not overwritten unless `--force-new` says so; *extend*: it "
      "says\n"
      "which results there are, and the same command makes what is missing; *free*: no result depends on it.\n";
  std::string section;
  for (const auto& o : option_table()) {
    if (o.stage != section) {
      section = o.stage;
      out += fmt::format("\n## {}\n\n| key | type | range | default | change | meaning |\n|---|---|---|---|---|---|\n",
                         section);
    }
    static const char* roles[] = {"remake", "extend", "free"};
    const std::string range = o.range.text();
    out +=
        fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", o.key, detail::type_name(o), range.empty() ? "any" : range,
                    o.range.required ? "none" : fmt::format("`{}`", detail::value_text(o, Study{})),
                    roles[static_cast<int>(o.role)], o.meaning);
  }
  return out + detail::tables_as_markdown();
}

}  // namespace hullscope::study
