// How often the tasks of a study were tried, and what that taught: which are given up, which ask for more memory.
#pragma once
#include <map>
#include <vector>

#include <hullscope/batch/record.hpp>
#include <hullscope/batch/slurm.hpp>
#include <hullscope/batch/submit.hpp>

namespace hullscope::batch::detail {

/// Counts what has ended since the last look: the tries of tasks that did not end well, and why.
void judge_ended(Record& record, const Queue& queue, const StudyState& state);

/// A user who asks again has changed something: all tries are open again.
void forgive(Record& record);

/// Tasks that are not tried any more, and those that need them, are wanted no more; they are named in the submission.
void give_up(const Record& record, const SubmitRequest& request, std::vector<bool>& wanted, Submission& submission);

/// What earlier tries have taught, by task of the plan.
std::map<std::size_t, Lesson> lessons_of(const Record& record, const StudyState& state);

}  // namespace hullscope::batch::detail
