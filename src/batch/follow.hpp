// Where a submitted study stands, from its files, from squeue, and from accounting where that is on.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <hullscope/batch/efficiency.hpp>
#include <hullscope/batch/record.hpp>
#include <hullscope/batch/slurm.hpp>

namespace hullscope::batch {

enum class TaskState {
  done,     ///< its file is there
  running,  ///< in a job that runs; packed tasks may still wait for their turn in it
  waiting,  ///< in a job that waits in the queue
  failed,   ///< its last try did not end well, or was cancelled
  blocked,  ///< it needs a task that failed: it can never come unless that is done again
  absent    ///< not submitted yet (a study that was extended), or only a later round can do it
};

struct TaskStatus {
  TaskState state = TaskState::absent;
  std::string reason;  ///< why it waits or failed, in words
  std::string log;     ///< of the element it is or was in, relative to the folder
};

struct StageStatus {
  std::string stage;
  std::size_t done = 0, running = 0, waiting = 0, failed = 0, blocked = 0, absent = 0;
  std::map<std::string, std::size_t> reasons;  ///< of what waits or failed -> how many tasks
  Efficiency efficiency;
  std::size_t tasks() const { return done + running + waiting + failed + blocked + absent; }
};

struct Failed {
  std::string task, reason, log;
  int tries = 0;
  std::vector<std::string> last_lines;
};

/// Needs a task that failed, or one that needs such a task.
struct Blocked {
  std::string task, reason;
};

struct StudyStatus {
  std::string folder, study;
  std::string queue_fault;       ///< why squeue could not be asked; "" if it could
  std::string accounting_fault;  ///< the same of sacct
  std::vector<StageStatus> stages;
  std::vector<Failed> failed;
  std::vector<Blocked> blocked;
  std::vector<std::string> never;  ///< what waits for something that can never come, a sentence each
  std::string report;              ///< state of the last job in words
  bool complete = false;           ///< every task and the report are done
  bool alive = false;              ///< jobs of it are in the queue
  double seconds_left = -1;        ///< -1: not known
};

constexpr std::size_t kShownOnScreen = 8;  ///< failed tasks (only these with their last lines), and sentences

/// Throws UsageError if nothing was ever submitted from the folder. `runs`: reads what finished files say of their
/// runs, where accounting does not; may be empty. `accounting`: ask sacct.
StudyStatus follow(const std::string& folder, const CostsOf& runs, bool accounting = true);

/// One screen of text; a JSON object.
std::string status_text(const StudyStatus& status);
std::string status_json(const StudyStatus& status);

/// Paths of the logs of a task's elements, in the order of the rounds. Throws UsageError (nearest name).
std::vector<std::string> logs_of(const std::string& folder, const std::string& task);

}  // namespace hullscope::batch
