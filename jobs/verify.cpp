// hullscope verify FILE.h5 ...: re-proves every stored verdict from the data, with code that shares nothing with the
// finder. Two kinds of refusal: integrity (a digest does not fit) and mathematics (a stored claim is false).
#include <cblas.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/proof/checker.hpp>

#include "hull_file.hpp"
#include "verify_data.hpp"

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
  jobs::GivenArrays given;
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
      options.given.points = value();
    } else if (word == "--queries") {
      options.given.queries = value();
    } else if (word == "--subset") {
      options.given.subset = value();
    } else if (word == "--labels") {
      options.given.labels = value();
    } else if (word == "--left-out") {
      options.given.left_out = value();
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
  Verification(const parallel::Comm& comm, const jobs::HullFile& file, const jobs::HullData& data)
      : comm_(comm),
        file_(file),
        data_(data),
        checker_(jobs::HullData::view_of(data.points)),
        counts_(1 + file.classes().size()) {
    masks_.push_back(data.mask);
    for (const std::int64_t label : file.classes()) masks_.push_back(jobs::class_mask(data.labels, data.mask, label));
  }

  /// Collective. Progress is shown where it takes more than some seconds.
  void run(int threads) {
    std::optional<parallel::Progress> progress;
    const std::int64_t total = file_.queries() * static_cast<std::int64_t>(masks_.size());
    const PointsView points = jobs::HullData::view_of(data_.points);
    if (static_cast<double>(total) * static_cast<double>(rows(points) * cols(points)) > 1e10)
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
    const auto results =
        checker_.check(jobs::HullData::view_of(data_.queries), proofs, first, masks_[hull], data_.left_out);
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
  const jobs::HullData& data_;
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
  const jobs::HullData data = jobs::read_hull_data(path, *file, options.given, outcome.integrity);
  outcome.mathematics = jobs::false_frame(path, *file, data, options.given);
  if (!outcome.mathematics.empty()) return outcome;
  outcome.mathematics = jobs::false_summary(*file, data);
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
