// hullscope verify FILE.h5 ...: re-proves every stored verdict from the data, with code that shares nothing with the
// finder. Two kinds of refusal: integrity (a digest does not fit) and mathematics (a stored claim is false).
#include <cblas.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/array.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/proof/checker.hpp>

#include "hull_file.hpp"

using namespace hullscope;

namespace {

constexpr const char* kUsage =
    "usage: hullscope verify FILE.h5 ... [--points P] [--queries Q] [--subset S] [--labels L] [--left-out R]\n"
    "                        [--threads N] [--ranks N]\n"
    "Re-proves every verdict of hull files from the points and queries that they name (or that are given), and\n"
    "recomputes their digests. Arrays are named file.npy, file.h5:/path or file-idx3-ubyte[.gz].\n"
    "Exit code 0: all proved; 1: a digest or a proof is false; 2: wrong usage or unreadable input.\n";
constexpr std::int64_t kBlock = 512;      // queries that are checked together
constexpr std::size_t kReasonsShown = 5;  // of each file

struct Options {
  std::vector<std::string> files;
  std::string points, queries, subset, labels, left_out;
  int threads = 0;  ///< 0: cores / ranks
  bool help = false;
};

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (++i == arguments.size()) throw UsageError(word + " needs a value (hullscope verify --help)");
      return arguments[i];
    };
    if (word == "--help" || word == "-h") {
      options.help = true;
    } else if (word == "--points") {
      options.points = value();
    } else if (word == "--queries") {
      options.queries = value();
    } else if (word == "--subset") {
      options.subset = value();
    } else if (word == "--labels") {
      options.labels = value();
    } else if (word == "--left-out") {
      options.left_out = value();
    } else if (word == "--threads") {
      const std::string& n = value();
      if (n.empty() || n.size() > 4 || n.find_first_not_of("0123456789") != std::string::npos || std::stoi(n) == 0)
        throw UsageError("--threads is '" + n + "'; a number from 1 to 9999 was expected");
      options.threads = std::stoi(n);
    } else if (word.starts_with("-")) {
      throw UsageError("verify has no option " + word + "; did you mean " +
                       nearest_name(word, {"--points", "--queries", "--subset", "--labels", "--left-out", "--threads",
                                           "--ranks", "--help"}) +
                       "?");
    } else {
      options.files.push_back(word);
    }
  }
  if (options.files.empty() && !options.help)
    throw UsageError("verify needs at least one hull file (hullscope verify --help)");
  return options;
}

/// What is false about one file.
struct Outcome {
  std::int64_t queries = 0, proved = 0, undecided = 0;
  std::int64_t classes = 0, class_queries = 0, class_proved = 0, class_undecided = 0;  ///< verdicts by class
  std::vector<std::string> integrity, mathematics;                                     ///< a sentence each, on rank 0
  bool holds() const { return integrity.empty() && mathematics.empty(); }
};

/// An array that a hull file names, relative to its folder unless `given` names another.
datasets::Array find_array(const std::string& hull_file, const std::string& stored, const std::string& given,
                           const std::string& option) {
  if (!given.empty()) return datasets::read_array(given);
  if (stored.empty()) throw UsageError(hull_file + " does not say where its data are; name them by " + option);
  const auto folder = std::filesystem::path(hull_file).parent_path();
  try {
    return datasets::read_array((folder / stored).string());
  } catch (const DataError& error) {
    throw UsageError(std::string(error.what()) + "; if the file has moved, name it by " + option);
  }
}

/// Everything that verdicts are judged by.
struct Data {
  std::variant<Matrix<float>, Matrix<double>> points, queries;
  std::vector<std::uint8_t> mask;
  std::vector<std::int64_t> labels;    ///< of the points, where the file has class hulls
  std::vector<std::int64_t> left_out;  ///< the row that each query is, and is asked without; or empty

  static PointsView view_of(const std::variant<Matrix<float>, Matrix<double>>& matrix) {
    return std::visit([](const auto& m) { return PointsView(view(m)); }, matrix);
  }
};

void compare_digest(const std::string& what, const std::string& stored, const std::string& found, Outcome& outcome) {
  if (stored != found)
    outcome.integrity.push_back("the digest of the " + what + " is " + found.substr(0, 16) + "..., the file says " +
                                stored.substr(0, 16) + "...");
}

/// Row numbers or a mask.
std::vector<std::uint8_t> read_mask(const datasets::Array& subset, std::int64_t n) {
  const bool is_mask = subset.type == "u8";
  const auto values = std::visit(
      [](const auto& m) {
        std::vector<std::int64_t> out;
        for (Eigen::Index i = 0; i < m.size(); ++i) out.push_back(static_cast<std::int64_t>(m.data()[i]));
        return out;
      },
      datasets::as_points(subset));
  return jobs::subset_mask(values, is_mask, n, "the subset " + subset.file);
}

Data read_data(const std::string& path, const jobs::HullFile& file, const Options& options, Outcome& outcome) {
  const jobs::HullAttributes& names = file.attributes();
  Data data;
  {
    const datasets::Array array = find_array(path, names.points, options.points, "--points");
    compare_digest("points", names.points_digest, array.digest, outcome);
    data.points = datasets::as_points(array);
  }
  const datasets::Array array = find_array(path, names.queries, options.queries, "--queries");
  compare_digest("queries", names.queries_digest, array.digest, outcome);
  data.queries = datasets::as_points(array);
  if (!names.subset.empty()) {
    const datasets::Array subset = find_array(path, names.subset, options.subset, "--subset");
    compare_digest("subset", names.subset_digest, subset.digest, outcome);
    data.mask = read_mask(subset, rows(Data::view_of(data.points)));
  }
  if (!names.labels.empty()) {
    const datasets::Array labels = find_array(path, names.labels, options.labels, "--labels");
    compare_digest("labels", names.labels_digest, labels.digest, outcome);
    data.labels = datasets::as_labels(labels);
  }
  if (!names.left_out.empty()) {
    const datasets::Array rows = find_array(path, names.left_out, options.left_out, "--left-out");
    compare_digest("list of left-out rows", names.left_out_digest, rows.digest, outcome);
    data.left_out = datasets::as_labels(rows);
  }
  return data;
}

/// A query that is left out of its own hull is one of the points.
std::string false_left_out(const Data& data) {
  const PointsView points = Data::view_of(data.points), queries = Data::view_of(data.queries);
  const std::int64_t n = rows(points), m = rows(queries);
  if (static_cast<std::int64_t>(data.left_out.size()) != m)
    return "there are " + std::to_string(data.left_out.size()) + " left-out rows for " + std::to_string(m) + " queries";
  if (cols(points) != cols(queries)) return {};  // said elsewhere
  for (std::int64_t q = 0; q < m; ++q) {
    const std::int64_t row = data.left_out[static_cast<std::size_t>(q)];
    if (row >= n)
      return "query " + std::to_string(q) + " leaves out row " + std::to_string(row) + " of " + std::to_string(n) +
             " points";
    const bool same = std::visit(
        [&](const auto& x, const auto& y) {
          return (x.row(row).template cast<double>().array() == y.row(q).template cast<double>().array()).all();
        },
        data.points, data.queries);
    if (!same) return "query " + std::to_string(q) + " is not row " + std::to_string(row) + ", which it leaves out";
  }
  return {};
}

/// Claims about the file as a whole: its size, its coordinates, and the sample ids, where the queries' file has them.
std::vector<std::string> false_frame(const std::string& path, const jobs::HullFile& file, const Data& data,
                                     const Options& options) {
  std::vector<std::string> reasons;
  const std::int64_t n = rows(Data::view_of(data.queries)), d = cols(Data::view_of(data.queries));
  if (file.queries() != n)
    reasons.push_back("it holds " + std::to_string(file.queries()) + " verdicts for " + std::to_string(n) + " queries");
  if (file.coordinates() != d || cols(Data::view_of(data.points)) != d)
    reasons.push_back("points, queries and directions have " + std::to_string(cols(Data::view_of(data.points))) + ", " +
                      std::to_string(d) + " and " + std::to_string(file.coordinates()) + " coordinates");
  if (!file.attributes().labels.empty()) {
    if (static_cast<std::int64_t>(data.labels.size()) != rows(Data::view_of(data.points)))
      reasons.push_back("there are " + std::to_string(data.labels.size()) + " labels for " +
                        std::to_string(rows(Data::view_of(data.points))) + " points");
    else if (jobs::labels_present(data.labels, data.mask) != file.classes())
      reasons.push_back("its classes are not the labels that its points have");
  }
  if (!file.attributes().left_out.empty())
    if (std::string reason = false_left_out(data); !reason.empty()) reasons.push_back(std::move(reason));
  const std::string& name = file.attributes().queries;
  const std::size_t colon = name.rfind(":/");
  if (!options.queries.empty() || colon == std::string::npos) return reasons;
  const store::ArtifactReader reader((std::filesystem::path(path).parent_path() / name.substr(0, colon)).string());
  const std::string sample = (std::filesystem::path(name.substr(colon + 1)).parent_path() / "sample").string();
  if (reader.has(sample) && reader.read<std::int64_t>(sample) != file.samples())
    reasons.push_back("its sample ids are not those of " + name.substr(0, colon) + ":" + sample);
  return reasons;
}

/// Mean distance of the points to their mean.
double scale_of(const PointsView& points) {
  return std::visit(
      [](const auto& x) {
        const Eigen::RowVectorXd mean = x.template cast<double>().colwise().mean();
        return (x.template cast<double>().rowwise() - mean).rowwise().norm().mean();
      },
      points);
}

/// The root attributes that sum the file up, as far as it has them: they must follow from the verdicts and the data.
std::vector<std::string> false_summary(const jobs::HullFile& file, const Data& data) {
  const store::ArtifactReader& reader = file.reader();
  std::vector<std::string> reasons;
  const auto attribute = [&](const char* name) -> std::optional<double> {
    try {
      return reader.number("/", name);
    } catch (const DataError&) {  // files of other makers may not have it
      return std::nullopt;
    }
  };
  const auto compare = [&](const char* name, double expected, double tolerance) {
    const std::optional<double> stored = attribute(name);
    if (!stored || std::fabs(*stored - expected) <= tolerance) return;
    std::ostringstream sentence;
    sentence << "its attribute `" << name << "` is " << *stored << ", but the file and its data make it " << expected;
    reasons.push_back(sentence.str());
  };
  const auto verdict = reader.read<std::uint8_t>("/verdict");
  const auto upper = reader.read<double>("/distance_upper");
  const double near = attribute("eps").value_or(0) * attribute("scale").value_or(0);
  double counts[3] = {}, within = 0;
  for (std::size_t q = 0; q < verdict.size(); ++q) {
    if (verdict[q] < 3) ++counts[verdict[q]];
    within += verdict[q] == 1 || upper[q] <= near ? 1 : 0;
  }
  compare("undecided", counts[0], 0);
  compare("inside", counts[1], 0);
  compare("outside", counts[2], 0);
  compare("within_eps", within, 0);
  compare("n_points", static_cast<double>(rows(Data::view_of(data.points))), 0);
  const double scale = scale_of(Data::view_of(data.points));
  compare("scale", scale, 1e-6 * scale);
  return reasons;
}

/// One verdict that is not proved. hull: 0 for the hull of all points, else 1 + the class's number.
struct Refusal {
  std::size_t hull = 0;
  std::int64_t query = 0;
  std::string reason;
  auto key() const { return std::pair(hull, query); }
};

/// The verdicts of one file, in blocks of one hull's queries: rank r takes blocks r, r + size, ...; its threads share
/// them.
class Verification {
 public:
  Verification(const parallel::Comm& comm, const jobs::HullFile& file, const Data& data)
      : comm_(comm),
        file_(file),
        data_(data),
        checker_(Data::view_of(data.points)),
        counts_(1 + file.classes().size()) {
    masks_.push_back(data.mask);
    for (const std::int64_t label : file.classes()) masks_.push_back(jobs::class_mask(data.labels, data.mask, label));
  }

  /// Collective. Progress is shown where it takes more than a second or so.
  void run(int threads) {
    std::optional<parallel::Progress> progress;
    const std::int64_t total = file_.queries() * static_cast<std::int64_t>(masks_.size());
    if (static_cast<double>(total) * static_cast<double>(rows(Data::view_of(data_.points))) > 1e8)
      progress.emplace(comm_, "", "verify", "verdicts", total);
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) workers.emplace_back([&] { work(progress ? &*progress : nullptr); });
    for (std::thread& worker : workers) worker.join();
    if (failure_) std::rethrow_exception(failure_);
  }

  /// Collective: the sums, and the reasons of all ranks in the order of hulls and queries.
  void collect(Outcome& outcome) const {
    for (std::size_t hull = 0; hull < counts_.size(); ++hull) {
      (hull == 0 ? outcome.proved : outcome.class_proved) += comm_.sum(counts_[hull].proved);
      (hull == 0 ? outcome.undecided : outcome.class_undecided) += comm_.sum(counts_[hull].undecided);
    }
    std::ostringstream mine;
    for (const Refusal& refusal : refusals_)
      mine << refusal.hull << ' ' << refusal.query << ' ' << refusal.reason << '\n';
    std::vector<Refusal> all;
    for (const std::string& text : comm_.gather(mine.str())) {
      std::istringstream lines(text);
      for (Refusal r; lines >> r.hull >> r.query && std::getline(lines >> std::ws, r.reason);) all.push_back(r);
    }
    std::sort(all.begin(), all.end(), [](const Refusal& a, const Refusal& b) { return a.key() < b.key(); });
    for (const Refusal& r : all) {
      const std::string sample = std::to_string(file_.samples()[static_cast<std::size_t>(r.query)]);
      const std::string hull =
          r.hull == 0 ? "" : " in the hull of class " + std::to_string(file_.classes()[r.hull - 1]);
      outcome.mathematics.push_back("query " + std::to_string(r.query) + " (sample " + sample + ")" + hull + ": " +
                                    r.reason);
    }
  }

 private:
  struct Counts {
    std::int64_t proved = 0, undecided = 0;
  };

  void work(parallel::Progress* progress) {
    const std::int64_t blocks = (file_.queries() + kBlock - 1) / kBlock;
    try {
      for (;;) {
        const std::int64_t number = comm_.rank() + comm_.size() * next_++;
        if (number >= blocks * static_cast<std::int64_t>(masks_.size()) || parallel::stop_requested()) return;
        const std::int64_t first = number % blocks * kBlock, count = std::min(kBlock, file_.queries() - first);
        check_block(static_cast<std::size_t>(number / blocks), first, count);
        parallel::heartbeat();
        if (progress != nullptr) progress->add(count);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void check_block(std::size_t hull, std::int64_t first, std::int64_t count) {
    std::vector<proof::Proof> proofs;
    {
      const std::lock_guard lock(mutex_);  // HDF5 is not thread-safe
      proofs = hull == 0 ? file_.proofs(first, count) : file_.class_proofs(hull - 1, first, count);
    }
    const auto results = checker_.check(Data::view_of(data_.queries), proofs, first, masks_[hull], data_.left_out);
    const std::lock_guard lock(mutex_);
    for (std::size_t q = 0; q < results.size(); ++q) {
      if (!results[q].proved)
        refusals_.push_back({hull, first + static_cast<std::int64_t>(q), results[q].reason});
      else
        ++(proofs[q].verdict == proof::Verdict::undecided ? counts_[hull].undecided : counts_[hull].proved);
    }
  }

  const parallel::Comm& comm_;
  const jobs::HullFile& file_;
  const Data& data_;
  proof::Checker checker_;
  std::vector<std::vector<std::uint8_t>> masks_;  ///< one a hull
  std::atomic<std::int64_t> next_ = 0;
  std::mutex mutex_;
  std::vector<Counts> counts_;  ///< one a hull
  std::vector<Refusal> refusals_;
  std::exception_ptr failure_;
};

std::string stored_digest_is_wrong(const std::string& path) {
  const std::string stored = store::ArtifactReader(path, "hull").content_digest();
  const std::string found = store::compute_content_digest(path);
  if (stored == found) return {};
  return "the content digest is " + found.substr(0, 16) + "..., the file says " + stored.substr(0, 16) + "...";
}

/// Collective.
Outcome verify(const parallel::Comm& comm, const std::string& path, const Options& options) {
  Outcome outcome;
  if (comm.root())
    if (std::string reason = stored_digest_is_wrong(path); !reason.empty()) outcome.integrity.push_back(reason);
  std::optional<jobs::HullFile> file;
  try {
    file.emplace(path);
  } catch (const DataError& error) {  // a file of ours whose arrays contradict each other
    outcome.mathematics.push_back(error.what());
    return outcome;
  }
  outcome.queries = file->queries();
  outcome.class_queries = file->queries() * static_cast<std::int64_t>(file->classes().size());
  outcome.classes = static_cast<std::int64_t>(file->classes().size());
  const Data data = read_data(path, *file, options, outcome);
  outcome.mathematics = false_frame(path, *file, data, options);
  if (!outcome.mathematics.empty()) return outcome;
  outcome.mathematics = false_summary(*file, data);
  if (comm.root() && file->unproved_classes())
    parallel::log_warning(path +
                          ": its verdicts by class have no proofs (format 1.0) and are not verified; make the file "
                          "again to have them");

  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const int threads = options.threads > 0 ? options.threads : std::max(1, cores / comm.node().size());
  Verification verification(comm, *file, data);
  verification.run(threads);
  if (parallel::stop_agreed(comm)) throw Interrupted("stopped by a signal before all verdicts were re-proved");
  verification.collect(outcome);
  return outcome;
}

void print_refusals(const std::string& path, const std::string& kind, const std::vector<std::string>& reasons) {
  for (std::size_t i = 0; i < std::min(kReasonsShown, reasons.size()); ++i)
    std::cerr << "hullscope: " << path << ": refused (" << kind << "): " << reasons[i] << "\n";
  if (reasons.size() > kReasonsShown)
    std::cerr << "hullscope: " << path << ": refused (" << kind << "): " << reasons.size() - kReasonsShown
              << " more like these\n";
}

void print_summary(const Outcome& outcome, const std::string& what) {
  const auto line = [&](const std::string& hulls, std::int64_t proved, std::int64_t all, std::int64_t undecided) {
    std::cout << hulls << "verified " << proved << " of " << all << ", undecided " << undecided << what << std::endl;
  };
  line("", outcome.proved, outcome.queries, outcome.undecided);
  if (outcome.classes > 0)
    line("hulls of " + std::to_string(outcome.classes) + " classes: ", outcome.class_proved, outcome.class_queries,
         outcome.class_undecided);
}

int verify_files(const parallel::Comm& comm, const std::vector<std::string>& arguments) {
  const Options options = parse(arguments);
  if (options.help) {
    if (comm.root()) std::cout << kUsage;
    return kExitDone;
  }
  openblas_set_num_threads(1);  // threads work on blocks of queries
  Outcome total;
  bool all = true;
  for (const std::string& path : options.files) {
    const Outcome outcome = verify(comm, path, options);
    all = all && outcome.holds();
    total.queries += outcome.queries;
    total.proved += outcome.proved;
    total.undecided += outcome.undecided;
    total.classes += outcome.classes;
    total.class_queries += outcome.class_queries;
    total.class_proved += outcome.class_proved;
    total.class_undecided += outcome.class_undecided;
    if (!comm.root()) continue;
    print_refusals(path, "integrity", outcome.integrity);
    print_refusals(path, "mathematics", outcome.mathematics);
    print_summary(outcome, options.files.size() > 1 ? ": " + path : "");
  }
  if (comm.root() && options.files.size() > 1)
    print_summary(total, ": " + std::to_string(options.files.size()) + " files");
  return all ? kExitDone : kExitFailed;
}

}  // namespace

int main(int argc, char** argv) {
  return parallel::run_program(argc, argv, verify_files);
}
