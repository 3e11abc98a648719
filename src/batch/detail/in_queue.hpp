// What is in the queue of a folder's jobs: which tasks they will do, those that nobody has recorded, those that Slurm
// holds.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hullscope/batch/record.hpp>
#include <hullscope/batch/slurm.hpp>
#include <hullscope/batch/submit.hpp>

namespace hullscope::batch::detail {

/// What squeue says of an element (from 1); nullptr if nothing, or if another job has that id now.
const QueueEntry* entry_of(const Queue& queue, const JobRecord& job, std::size_t element);
bool alive(const Queue& queue, const JobRecord& job, std::size_t element);
std::size_t alive_elements(const Queue& queue, const JobRecord& job);

/// Throws EnvironmentError if squeue cannot be asked; `what` was then not done: "submitted".
Queue queue_or_throw(const std::string& what);

/// Tasks of the plan that jobs in the queue will do -> the job's id.
struct InQueue {
  std::map<std::size_t, std::int64_t> made_by;
  std::map<std::size_t, std::int64_t> ending;  ///< of jobs that were cancelled and have not quite ended
  std::vector<std::int64_t> reports;           ///< last jobs that are alive
  std::size_t elements = 0;                    ///< of all jobs of the user
};

/// `self`: the id of the job that asks, "" if none does; it is no last job that is still to come.
InQueue in_queue(const Record& record, const Queue& queue, const StudyState& state, const std::string& self);

/// Jobs in the queue were planned with the study as it was then: another option of their tasks would make files of
/// both. Throws UsageError if there is one.
void refuse_other_options(const Record& record, const InQueue& queued, const StudyState& state);

/// Jobs of this folder that are in the queue but not in the record: a submission was cut between sbatch's answer and
/// the record. Those of a known job are taken in; the rest is cancelled (EnvironmentError if that fails).
void adopt_strays(Record& record, const Queue& queue);

/// Jobs of this folder that Slurm holds after too many requeues go on; how many. Throws EnvironmentError with Slurm's
/// words.
std::size_t release_held(const Record& record, const Queue& queue);

}  // namespace hullscope::batch::detail
