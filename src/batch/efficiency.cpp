#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <hullscope/base/text.hpp>
#include <hullscope/batch/detail/slurm_view.hpp>
#include <hullscope/batch/efficiency.hpp>
#include <hullscope/batch/outcome.hpp>
#include <hullscope/batch/script.hpp>

namespace hullscope::batch {
namespace {

constexpr std::size_t kFilesRead = 32;  // of a stage: a status stays a matter of a second

/// One rank each makes a file of these stages; of the others all ranks of a job do.
bool one_rank_each(const std::string& stage) {
  return stage == "train" || stage == "encode";
}

struct Element {
  const JobRecord* job;
  std::size_t number;
  double seconds;                  ///< of all its runs
  std::vector<std::string> files;  ///< of its tasks that are done, relative to the folder
};

std::vector<Element> ended_elements(const Record& record, const detail::SlurmView& slurm, const std::string& stage,
                                    const std::unordered_map<std::string, std::string>& done) {
  std::vector<Element> elements;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) {
      if (job.stage != stage || job.id == 0) continue;
      const std::string folder = round_folder(round.number);
      const auto lists = read_tasks(record.folder, folder, job.name);
      for (std::size_t e = 1; e <= job.elements; ++e) {
        const auto outcome = read_outcome(record.folder + "/" + outcome_path(folder, job.name, e));
        if (!outcome.ended) continue;
        const auto* used = slurm.usage(job, e);
        elements.push_back({&job, e, used ? std::max(used->elapsed_seconds, outcome.seconds) : outcome.seconds, {}});
        if (e > lists.size()) continue;
        for (const auto& task : lists[e - 1])
          if (const auto file = done.find(task); file != done.end()) elements.back().files.push_back(file->second);
      }
    }
  return elements;
}

/// Memory and CPU by sacct. False if it knows nothing of some element.
bool from_accounting(const std::vector<Element>& elements, const detail::SlurmView& slurm, Efficiency& sum) {
  double cpu = 0, peak = 0;
  for (const auto& element : elements) {
    const auto* used = slurm.usage(*element.job, element.number);
    if (!used) return false;
    cpu += used->cpu_seconds;
    peak = std::max(peak, used->peak_bytes / static_cast<double>(element.job->request.nodes));
  }
  sum.cpu_seconds = cpu;
  sum.peak_bytes = peak;
  sum.source = "sacct";
  return true;
}

/// So many items, evenly over the list.
template <class T>
std::vector<T> some_of(const std::vector<T>& list, std::size_t most) {
  std::vector<T> chosen;
  const std::size_t count = std::min(most, list.size());
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(list[i * list.size() / count]);
  return chosen;
}

void from_files(const Record& record, const std::vector<Element>& elements, const std::string& stage,
                std::int64_t group, const CostsOf& runs, Efficiency& sum) {
  struct File {
    std::string path;
    double at_once;  ///< so many of a node's ranks, or groups of them, make one such file each
  };
  std::vector<File> files;
  for (const auto& element : elements) {
    const auto& ask = element.job->request;
    const auto a_node = static_cast<double>(ask.ranks) / static_cast<double>(std::max<std::int64_t>(1, ask.nodes));
    const double at_once = one_rank_each(stage) ? std::clamp(a_node / static_cast<double>(group), 1.0,
                                                             std::max(1.0, double(element.files.size())))
                                                : 1;
    for (const auto& file : element.files) files.push_back({record.folder + "/" + file, at_once});
  }
  const auto chosen = some_of(files, kFilesRead);
  if (chosen.empty() || !runs) return;
  std::vector<std::string> paths;
  for (const auto& file : chosen) paths.push_back(file.path);
  const auto found = runs(paths);
  double cpu = 0;
  std::size_t known = 0;
  for (std::size_t i = 0; i < found.size() && i < chosen.size(); ++i) {
    if (!found[i]) continue;
    ++known;
    cpu += found[i]->cpu_seconds;
    sum.peak_bytes = std::max(sum.peak_bytes, found[i]->peak_bytes * chosen[i].at_once);
  }
  if (known == 0) return;
  sum.cpu_seconds = cpu / static_cast<double>(known) * static_cast<double>(files.size());
  sum.source = fmt::format("files of {} task{}", known, known == 1 ? "" : "s");
}

}  // namespace

Efficiency efficiency_of(const Record& record, const detail::SlurmView& slurm, const std::string& stage,
                         const std::unordered_map<std::string, std::string>& done, std::int64_t group,
                         const CostsOf& runs) {
  Efficiency sum;
  const auto elements = ended_elements(record, slurm, stage, done);
  if (elements.empty()) return sum;
  sum.elements = elements.size();
  for (const auto& element : elements) {
    const auto& ask = element.job->request;
    sum.sum_seconds += element.seconds;
    sum.longest_seconds = std::max(sum.longest_seconds, element.seconds);
    sum.requested_seconds = std::max(sum.requested_seconds, 60.0 * static_cast<double>(ask.minutes));
    sum.requested_bytes = std::max(sum.requested_bytes, 1048576.0 * static_cast<double>(ask.megabytes));
    sum.core_seconds += element.seconds * static_cast<double>(ask.ranks * ask.threads);
    sum.ranks = ask.ranks;
    sum.threads = ask.threads;
  }
  // The last job also draws the report, whose program leaves no word of what it used.
  if (!from_accounting(elements, slurm, sum) && stage != "reduce")
    from_files(record, elements, stage, group, runs, sum);
  sum.suggestion = suggest(sum, stage, record.rounds.back().time_factor);
  return sum;
}

std::string suggest(const Efficiency& used, const std::string& stage, double time_factor) {
  if (used.elements == 0) return "";
  std::vector<std::string> parts;
  const auto minutes = rounded_minutes(1.5 * used.longest_seconds);
  if (60.0 * static_cast<double>(minutes) < 0.7 * used.requested_seconds)
    parts.push_back(fmt::format("stage.{}.time = \"{}\"", stage, slurm_time(minutes)));
  if (used.longest_seconds > 0.9 * used.requested_seconds)
    parts.push_back(fmt::format("work.time_factor above {:g}", time_factor));
  if (used.peak_bytes > 0) {
    const auto megabytes = rounded_megabytes(1.3 * used.peak_bytes);
    const double bytes = 1048576.0 * static_cast<double>(megabytes);
    if (bytes < 0.7 * used.requested_bytes || used.peak_bytes > 0.9 * used.requested_bytes)
      parts.push_back(fmt::format("stage.{}.memory = \"{}\"", stage, slurm_memory(megabytes)));
  }
  const double share = used.core_seconds > 0 ? used.cpu_seconds / used.core_seconds : 1;
  if (used.cpu_seconds >= 0 && used.core_seconds > 600 && share < 0.5 && used.ranks > 1) {
    const auto ranks = static_cast<std::int64_t>(std::ceil(1.2 * share * static_cast<double>(used.ranks)));
    parts.push_back(fmt::format("stage.{}.ranks = {}", stage, std::max<std::int64_t>(1, ranks)));
  }
  return join(parts, "; ");
}

}  // namespace hullscope::batch
