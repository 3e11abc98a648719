// What is missing of a study, into the queue: only that, once, and recorded before and after every job.
#pragma once
#include <string>
#include <vector>

#include <hullscope/batch/record.hpp>
#include <hullscope/batch/slurm.hpp>

namespace hullscope::batch {

/// The study as it stands, from the plan program.
struct StudyState {
  study::Study study;
  std::vector<study::Task> plan;
  std::vector<bool> done;    ///< by task of the plan
  bool report_done = false;  ///< the report was made from these results
  study::DataShape data;
};

struct SubmitRequest {
  StudyState state;
  Profile profile;
  std::string profile_name;  ///< as resume finds it again
  std::string folder, workdir, program, templates;
  bool force_new = false;
  bool automatic = false;  ///< asked by the last job of a round: tasks whose tries are used up stay as they are
};

/// What a submission would be, or was.
struct Submission {
  Layout layout;  ///< no jobs if there is nothing to submit
  std::vector<std::int64_t> ids;
  int round = 0;
  std::size_t done = 0, queued = 0;               ///< tasks
  std::vector<std::string> given_up;              ///< tasks whose tries are used up, with the reason
  std::vector<std::string> blocked;               ///< tasks that need one of those
  std::vector<std::string> scripts;               ///< of the layout's jobs, as text
  std::vector<std::vector<std::string>> options;  ///< of sbatch beside the script; ids by name in a dry run
  std::vector<std::string> notes;                 ///< what else the user should know, a line each
};

/// Looks and writes nothing. `queue`: what squeue said; nullopt where there is no Slurm to ask.
Submission plan_submission(const SubmitRequest& request, const std::optional<Queue>& queue);

/// Submits under the folder's lock. If Slurm refuses a job, those before it are cancelled, and its words are thrown
/// (EnvironmentError); a signal does the same (Interrupted). Both leave a record from which the next call goes on.
Submission submit(const SubmitRequest& request);

/// Cancels the jobs of this folder that are in the queue, no others. Returns how many elements there were.
std::size_t cancel(const std::string& folder);

/// A record for a folder: the one that is there, or a new one.
Record record_of(const std::string& folder);

}  // namespace hullscope::batch
