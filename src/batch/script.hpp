// The job scripts: templates of slurm/templates filled in. What comes from the user stands quoted where bash reads it,
// and nowhere else.
#pragma once
#include <string>

#include <hullscope/batch/layout.hpp>

namespace hullscope::batch {

/// What all scripts of one submission share.
struct ScriptContext {
  std::string study_name;
  std::string folder;     ///< output folder, absolute
  std::string workdir;    ///< where the command was typed, absolute: relative paths of the study hold there
  std::string round;      ///< "batch/round-1", in the folder
  std::string token;      ///< names the output folder in the comments of its jobs
  std::string program;    ///< hullscope, absolute
  std::string templates;  ///< folder slurm/templates
  bool force_new = false;
};

/// "mnist-mlp.train": its name in Slurm.
std::string job_label(const std::string& study_name, const std::string& job);

/// "hullscope 5f3a9c01/1/train": the comment by which a job is found again in the queue.
std::string job_comment(const ScriptContext& context, const Job& job);

/// The whole script of a job. Throws EnvironmentError if a template is missing.
std::string render_script(const Job& job, const Profile& profile, const ScriptContext& context);

/// The list of an array: a line an element, its tasks' names between blanks.
std::string render_tasks(const Job& job, const std::vector<study::Task>& plan);

/// "batch/round-1/train.sbatch", and what an element writes: "batch/round-1/log/train-3.log", ".../outcome/train.3".
/// Elements count from 1, as Slurm's array does.
std::string script_path(const std::string& round, const std::string& job);
std::string tasks_path(const std::string& round, const std::string& job);
std::string log_path(const std::string& round, const std::string& job, std::size_t elements, std::size_t element);
std::string outcome_path(const std::string& round, const std::string& job, std::size_t element);

}  // namespace hullscope::batch
