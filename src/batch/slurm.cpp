#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/batch/process.hpp>
#include <hullscope/batch/slurm.hpp>

namespace hullscope::batch {
namespace {

/// Seconds that a command of Slurm may take. sbatch itself tries for a while to reach a busy slurmctld.
double patience() {
  const char* given = std::getenv("HULLSCOPE_SLURM_SECONDS");
  const double seconds = given ? std::atof(given) : 0;
  return seconds > 0 ? seconds : 60;
}

std::vector<std::string> fields_of(const std::string& line, std::size_t count) {
  std::vector<std::string> fields;
  std::size_t first = 0;
  while (fields.size() + 1 < count) {
    const auto bar = line.find('|', first);
    if (bar == std::string::npos) break;
    fields.push_back(line.substr(first, bar - first));
    first = bar + 1;
  }
  fields.push_back(line.substr(first));  // the last one may hold bars of its own
  return fields;
}

std::int64_t leading_number(const std::string& text) {
  std::int64_t value = 0;
  std::size_t i = 0;
  for (; i < text.size() && i < 15 && text[i] >= '0' && text[i] <= '9'; ++i) value = 10 * value + (text[i] - '0');
  return i == 0 ? -1 : value;
}

/// "1-02:03:04", "02:03:04", "03:04", "03:04.567"; -1 if it is none.
double seconds_of(const std::string& clock) {
  double days = 0, seconds = 0;
  std::string rest = clock;
  if (const auto dash = rest.find('-'); dash != std::string::npos) {
    days = static_cast<double>(leading_number(rest));
    rest = rest.substr(dash + 1);
  }
  if (rest.empty() || rest.find_first_not_of("0123456789:.") != std::string::npos || days < 0) return -1;
  std::istringstream parts(rest);
  for (std::string part; std::getline(parts, part, ':');) seconds = 60 * seconds + std::atof(part.c_str());
  return 86400 * days + seconds;
}

/// "1234K", "1.5G", "100" (bytes)
double bytes_of(const std::string& amount) {
  if (amount.empty()) return 0;
  const std::string units = "KMGT";
  const auto unit = units.find(amount.back());
  double bytes = std::atof(amount.c_str());
  for (std::size_t i = 0; unit != std::string::npos && i <= unit; ++i) bytes *= 1024;
  return bytes;
}

/// mem=... of "cpu=00:00:03,energy=0,mem=150M,..."
double memory_of(const std::string& tres) {
  const auto at = tres.find("mem=");
  return at == std::string::npos ? 0 : bytes_of(tres.substr(at + 4, tres.find(',', at) - at - 4));
}

std::string joined(const std::vector<std::int64_t>& jobs) {
  std::string text;
  for (const auto job : jobs) text += (text.empty() ? "" : ",") + std::to_string(job);
  return text;
}

}  // namespace

bool QueueEntry::alive() const {
  static const std::vector<std::string> states = {
      "PENDING",      "CONFIGURING", "RUNNING",   "SUSPENDED", "COMPLETING", "REQUEUED",     "RESIZING",
      "REQUEUE_HOLD", "REQUEUE_FED", "SIGNALING", "STOPPED",   "STAGE_OUT",  "SPECIAL_EXIT", "RESV_DEL_HOLD"};
  return std::count(states.begin(), states.end(), state) > 0;
}

bool QueueEntry::waits() const {
  static const std::vector<std::string> states = {"PENDING",     "REQUEUED",     "REQUEUE_HOLD",
                                                  "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"};
  return std::count(states.begin(), states.end(), state) > 0;
}

bool QueueEntry::held() const {
  return state == "REQUEUE_HOLD" || state == "SPECIAL_EXIT" ||
         (state == "PENDING" && reason.starts_with("JobHoldMaxRequeue"));
}

std::optional<Queue> read_queue(std::string& fault) {
  const auto result = run_process({"squeue", "--noheader", "--array", "--states=all",
                                   fmt::format("--user={}", getuid()), "--format=%F|%K|%T|%r|%M|%N|%j|%k"},
                                  patience());
  if (!result.ok()) {
    fault = result.words();
    return {};
  }
  Queue queue;
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    const auto field = fields_of(line, 8);
    const auto job = leading_number(field[0]);
    if (field.size() < 8 || job < 0) continue;
    const auto element = leading_number(field[1]);  // "N/A" of a job that is no array
    queue[{job, element < 0 ? 1 : static_cast<std::size_t>(element)}] = {field[2], field[3], field[5],
                                                                         field[6], field[7], seconds_of(field[4])};
  }
  return queue;
}

std::optional<std::map<JobElement, Usage>> read_accounting(const std::vector<std::int64_t>& jobs, std::string& fault) {
  const auto result = run_process({"sacct", "--noheader", "--parsable2", "--duplicates", "--jobs=" + joined(jobs),
                                   "--format=JobID,State,ElapsedRaw,TotalCPU,TRESUsageInTot,JobName"},
                                  patience());
  if (!result.ok()) {
    fault = result.words();
    return {};
  }
  std::map<JobElement, Usage> usage;
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    const auto field = fields_of(line, 6);
    const auto job = leading_number(field[0]);
    if (field.size() < 6 || job < 0) continue;
    const auto underscore = field[0].find('_'), dot = field[0].find('.');
    const auto element = underscore == std::string::npos ? 1 : leading_number(field[0].substr(underscore + 1));
    if (element < 0) continue;  // "[3-9]": elements that never began
    auto& used = usage[{job, static_cast<std::size_t>(element)}];
    if (dot != std::string::npos) {
      used.peak_bytes = std::max(used.peak_bytes, memory_of(field[4]));
      continue;
    }
    used.name = field[5];
    used.state = field[1].substr(0, field[1].find(' '));  // "CANCELLED by 1000"
    used.elapsed_seconds += std::max(0.0, std::atof(field[2].c_str()));
    used.cpu_seconds += std::max(0.0, seconds_of(field[3]));
  }
  return usage;
}

std::int64_t submit_script(const std::string& folder, const std::string& script,
                           const std::vector<std::string>& options) {
  std::vector<std::string> words = {"sbatch", "--parsable", "--chdir=" + folder};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(folder + "/" + script);
  const auto result = run_process(words, patience());
  if (result.not_found)
    throw EnvironmentError(
        "sbatch is not in PATH: there is no Slurm on this machine; submit on a login node of the cluster, "
        "or use hullscope run");
  if (!result.ok()) throw EnvironmentError(fmt::format("{} was not taken by Slurm: {}", script, result.words()));
  const auto job = leading_number(result.output);  // "123" or "123;cluster"
  if (job <= 0)
    throw EnvironmentError(fmt::format("sbatch answered \"{}\" for {}, expected a job id", result.words(), script));
  return job;
}

std::string cancel_jobs(const std::vector<std::int64_t>& jobs) {
  if (jobs.empty()) return "";
  std::vector<std::string> words = {"scancel"};
  for (const auto job : jobs) words.push_back(std::to_string(job));
  const auto result = run_process(words, patience());
  return result.ok() ? "" : result.words();
}

std::string release_jobs(const std::vector<std::int64_t>& jobs) {
  const auto result = run_process({"scontrol", "release", joined(jobs)}, patience());
  return result.ok() ? "" : result.words();
}

}  // namespace hullscope::batch
