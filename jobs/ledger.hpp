// What of a plan is done: the files of an output folder against the keys of its tasks. Serial; no MPI.
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <hullscope/store/artifact.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::jobs {

enum class TaskState {
  done,     ///< a whole file with this task's key is there
  to_do,    ///< it is not, and all inputs are
  waiting,  ///< an input is missing; nothing can be said of the file itself
  refused   ///< a whole file is there, made with other options or from other data
};

struct TaskStatus {
  TaskState state = TaskState::to_do;
  std::string note;  ///< why it is waiting, refused or made again; "" otherwise
};

class Ledger {
 public:
  /// `plan`: of the study. `data_digests`: content digests of the data that the judged tasks take, by its name in
  /// Task::inputs.
  Ledger(study::Study study, std::vector<study::Task> plan, std::string folder,
         std::map<std::string, std::string> data_digests);

  /// Reads attributes only. A torn or foreign file counts as not there (the note of those who need it says why).
  TaskStatus judge(const study::Task& task);
  /// What the task's file will carry. Throws EnvironmentError if an input is missing (names the stage that makes it);
  /// of reduce, where reduce.partial allows that, only if all are, and the others are its inputs.
  store::Provenance provenance(const study::Task& task);
  /// The content digest of an artifact of the folder, as stored; "" if there is no whole one.
  std::string digest_of(const std::string& relative_path);
  /// Looks again at what was not there: a file that another node has made may be seen only after a while.
  void forget_missing();
  /// The digests that this ledger has read, and what another one has: so that one rank reads for all.
  const std::map<std::string, std::string>& digests_read() const { return file_digests_; }
  void learn(std::map<std::string, std::string> file_digests) { file_digests_ = std::move(file_digests); }
  const std::vector<study::Task>& plan() const { return plan_; }
  /// "encode": the stage that makes a file of the plan.
  std::string maker_of(const std::string& relative_path) const;

 private:
  std::string missing_input(const study::Task& task);
  std::string key_of(const study::Task& task);
  std::map<std::string, std::string> inputs_there(const study::Task& task);
  std::string difference(const store::Provenance& wanted, const store::Provenance& found) const;

  study::Study study_;
  std::string folder_;
  std::map<std::string, std::string> data_digests_, file_digests_, faults_;
  std::vector<study::Task> plan_;
  std::unordered_map<std::string, std::string> makers_, formats_;  ///< output -> stage, file format
};

/// Throws UsageError if the folder holds another study: one of another name, seed or data set. More trials, networks or
/// dimensions and other options of later stages are the same study, extended. A folder that is not there is free.
void check_folder(const study::Study& study, const std::string& folder);

/// check_folder; then creates the folder and its study.toml (whole or not at all).
void claim_folder(const study::Study& study, const std::string& folder);

/// "runs/<study name>", where --output is not given.
std::string default_folder(const study::Study& study);

}  // namespace hullscope::jobs
