#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <unordered_map>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/lag.hpp>
#include <hullscope/batch/outcome.hpp>
#include <hullscope/batch/script.hpp>

namespace hullscope::batch {
namespace fs = std::filesystem;

namespace {

/// Opening a folder makes a client of NFS ask the server anew what is in it.
bool is_seen(const std::string& path) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) return true;
  fs::directory_iterator(fs::path(path).parent_path(), ignored);
  return fs::exists(path, ignored);
}

double age_of(const std::string& path) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  return error ? 1e9 : std::chrono::duration<double>(fs::file_time_type::clock::now() - written).count();
}

}  // namespace

std::vector<std::string> unseen_outputs(const Record& record, const std::vector<study::Task>& plan, double seconds) {
  std::unordered_map<std::string, std::string> output_of;
  for (const auto& task : plan) output_of[task.name] = task.output;
  std::vector<std::string> unseen;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) {
      if (job.id == 0 || job.name == "report") continue;
      const std::string folder = round_folder(round.number);
      const auto lists = read_tasks(record.folder, folder, job.name);
      for (std::size_t e = 1; e <= lists.size(); ++e) {
        const std::string path = record.folder + "/" + outcome_path(folder, job.name, e);
        const auto outcome = read_outcome(path);
        if (!outcome.ended || outcome.code == kExitInterrupted || age_of(path) > seconds) continue;
        for (const auto& task : lists[e - 1])
          if (const auto output = output_of.find(task); output != output_of.end() && !outcome.failed.count(task) &&
                                                        !is_seen(record.folder + "/" + output->second))
            unseen.push_back(output->second);
      }
    }
  return unseen;
}

double wait_for_unseen(const Record& record, const std::vector<study::Task>& plan, double seconds) {
  const auto start = std::chrono::steady_clock::now();
  const auto waited = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  while (waited() < seconds && !unseen_outputs(record, plan, seconds).empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  return waited();
}

}  // namespace hullscope::batch
