// DIR/batch/: what was submitted, so that it is found again. One file, state.json, written whole or not at all, under a
// lock that ends with the process that holds it.
//
//   DIR/batch/state.json            rounds of submission, their jobs with Slurm's ids, tries of tasks
//   DIR/batch/lock                  who changes it now
//   DIR/batch/round-1/train.sbatch  the script of an array; train.tasks: its elements, a line of task names each
//   DIR/batch/round-1/log/          what the jobs print
//   DIR/batch/round-1/outcome/      what became of each element, in the job's own words
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hullscope/batch/layout.hpp>

namespace hullscope::batch {

struct JobRecord {
  std::string name, stage;
  std::string label;    ///< its name in Slurm: an id that is used again has another one
  std::int64_t id = 0;  ///< Slurm's; 0: not submitted
  std::size_t elements = 0;
  Request request;
  double cpu_seconds = 0;           ///< estimated, of all elements
  std::vector<double> seconds;      ///< estimated wall time of each element
  std::vector<std::string> after;   ///< names of the jobs of its round before it
  std::string state = "planned";    ///< then "submitted"; "withdrawn" (never to run), "cancelled" (by the user)
  std::vector<std::size_t> judged;  ///< elements whose end has been counted as a try, from 1
};

struct Round {
  int number = 1;
  std::string created;  ///< local time
  std::string study;    ///< resolved, TOML
  std::string profile;  ///< name or path, as given
  /// Of the profile: work.requeues, work.tries, limits.memory, limits.running, work.time_factor.
  std::int64_t requeues = 0, tries = 0, memory_megabytes = 0, running = 0;
  double time_factor = 1;
  bool force_new = false;
  bool automatic = false;  ///< submitted by the last job of the round before
  std::vector<JobRecord> jobs;
  std::map<std::string, std::string> replaces;  ///< outputs that were there and are made again: path -> identity
};

/// What is known of a task that did not end well.
struct TaskRecord {
  int tries = 0;
  std::int64_t megabytes = 0;   ///< a node, for the next try; 0: as estimated
  bool no_more_memory = false;  ///< it ran out of memory with more as well, or with all that a node has
  std::string reason = {};      ///< of its last failure, in words
  bool cancelled = false;       ///< while it ran, by the user
};

struct Record {
  std::string folder;   ///< where it is now, absolute
  std::string made_in;  ///< where it was when its jobs were submitted
  std::string workdir, program, token;
  std::vector<Round> rounds;
  std::map<std::string, TaskRecord> tasks;
};

/// False if nothing was ever submitted from the folder. Throws DataError on a damaged file.
bool load_record(const std::string& folder, Record& record);
void save_record(const Record& record);

/// Writes a text under `path` whole or not at all. Throws EnvironmentError with the system's reason (a full disk, a
/// quota). One writer at a time.
void write_whole(const std::string& path, const std::string& text);
/// "" if there is no such file.
std::string read_whole(const std::string& path);

/// "inode:nanoseconds:size" of a file, "" if there is none: changes when a new one is published in its place.
std::string identity_of(const std::string& path);

/// The task names of each element of a job, as its list has them.
std::vector<std::vector<std::string>> read_tasks(const std::string& folder, const std::string& round,
                                                 const std::string& job);

/// "batch/round-2"
std::string round_folder(int number);

/// Held while the folder's state is read and changed. flock, which ends with the process, however it ends; where the
/// file system has none, a file with host, process and its start time, so that a dead owner of this host is seen.
class FolderLock {
 public:
  /// Waits up to `seconds` for another submit, resume or cancel. Throws UsageError (says who holds it).
  FolderLock(const std::string& folder, double seconds);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
  std::string owner_file_;
};

}  // namespace hullscope::batch
