// What every stage program shares: its command line, the tasks to do, their keys and provenance, and the record of the
// run. A stage program is: for (task : stage.todo()) make(task).
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <hullscope/datasets/labelled_set.hpp>
#include <hullscope/parallel/comm.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/store/artifact.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::jobs {

class Ledger;

class Stage {
 public:
  /// Collective. Arguments: STUDY.toml [--output DIR] [--task NAME]... [--set key=value]... [--force-new].
  /// Default DIR: runs/<study name>. Writes DIR/study.toml first (refuses the folder of another study).
  Stage(const parallel::Comm& world, const std::vector<std::string>& arguments, const std::string& stage);

  const parallel::Comm& world() const { return world_; }
  const study::Study& study() const { return study_; }
  const std::string& folder() const { return folder_; }
  std::string path(const std::string& relative) const;  ///< under DIR
  /// The stage's tasks that are not done; the same on every rank. Collective on the first call. Says how many are done.
  /// Throws UsageError if a finished artifact was made with other options (unless --force-new) and EnvironmentError if
  /// an input is missing (names the stage that makes it).
  const std::vector<study::Task>& todo();
  /// Tasks that take a file of another task of this stage are not among todo() while that is to be made. Once it is:
  /// true, and todo() are those. False if there are none. Collective.
  bool look_again();
  /// Options hash, inputs with digests, seed, key. Collective on the first call of todo() or this; a look-up after it.
  store::Provenance provenance(const study::Task& task);
  /// The study's data set, loaded once. Collective.
  const datasets::LabelledSet& data(const std::string& split);
  /// What the task trains ("train") or tests on. Collective over `comm` unless it is the study's own set, which must
  /// have been loaded by then, or over world.
  datasets::LabelledSet data(const study::Task& task, const std::string& split, const parallel::Comm& comm);
  /// Content digests of the data that the tasks take, by name (Task::inputs). Collective.
  std::map<std::string, std::string> data_digests(const std::vector<study::Task>& tasks);

  /// Fills the run's record for publish(): wall and CPU seconds since the stopwatch, summed over comm. Collective.
  static store::RunRecord record(const parallel::Comm& comm, const parallel::Stopwatch& watch);

 private:
  std::vector<study::Task> selected_tasks() const;
  datasets::SetRequest request(const study::DataSource& source, const std::string& split) const;
  std::string data_digest(const study::Task& task, const std::string& role);
  std::string look(const std::vector<study::Task>& tasks);
  void judge();

  parallel::Comm world_;
  study::Study study_;
  std::string folder_, stage_;
  std::vector<std::string> only_;
  bool force_new_ = false;
  std::shared_ptr<Ledger> ledger_;
  std::vector<study::Task> todo_;
  bool later_ = false;  ///< some tasks wait for those of todo_
  std::optional<datasets::LabelledSet> train_, test_;
};

}  // namespace hullscope::jobs
