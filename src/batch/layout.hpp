// From the tasks of a study to few Slurm jobs: an array a stage, small tasks packed into the elements of an array, what
// each asks for, and what waits for what. Pure: reads and submits nothing.
//
//   tasks of a stage, in the plan's order       t0 t1 t2 t3 t4 t5 t6 t7
//   packed to about work.target each            [t0 t1 t2] [t3 t4 t5] [t6 t7]
//   an array job of as many elements            --array=1-3%20
//
// In an element the ranks of one stage program share its tasks: each of train's and encode's tasks has one rank (a farm
// over MPI in one node), those of the other stages have all ranks one after another.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <hullscope/batch/profile.hpp>
#include <hullscope/study/cost.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::batch {

/// What one element of a job asks for.
struct Request {
  std::int64_t nodes = 1, ranks = 1, threads = 1;  ///< ranks of all nodes together
  std::int64_t gpus = 0;                           ///< a node
  std::int64_t minutes = 0, megabytes = 0;         ///< time limit; memory a node
  bool operator==(const Request&) const = default;
};

/// That a job starts after another: element i after element i ("aftercorr"), or after all of it has ended ("afterany").
struct After {
  std::string job;  ///< name of a job of this layout
  bool element_wise = false;
  bool operator==(const After&) const = default;
};

struct Job {
  std::string name;   ///< "train", "hull-pixel"; the last one is "report": reduction and report
  std::string stage;  ///< "reduce" for the last one
  std::vector<std::vector<std::size_t>> elements;  ///< indices into the plan
  std::vector<double> seconds;                     ///< estimated wall time of each element
  double cpu_seconds = 0;                          ///< estimated, of all elements
  Request request;
  std::vector<After> after;
  std::vector<std::int64_t> after_ids;  ///< Slurm ids of jobs of earlier rounds that make some of its inputs
  bool time_is_cut = false;             ///< the estimate is longer than the longest time limit

  std::size_t tasks() const;
};

struct Layout {
  std::vector<Job> jobs;
  std::size_t elements() const;  ///< of all jobs: what counts against the limit of submitted jobs
};

/// What earlier tries have taught about a task.
struct Lesson {
  std::int64_t megabytes = 0;  ///< a node; what it ran out of, and more
  bool alone = false;          ///< it was in a job that failed: it gets an element for itself
};

struct LayoutRequest {
  const study::Study& study;
  const std::vector<study::Task>& plan;
  study::DataShape data;
  const Profile& profile;
  std::vector<bool> wanted;                          ///< by task of the plan
  std::map<std::size_t, std::int64_t> made_by = {};  ///< tasks that are in the queue already -> Slurm id of their job
  std::map<std::size_t, std::int64_t> ending = {};   ///< tasks whose cancelled job has not quite ended -> its id
  std::map<std::size_t, Lesson> lessons = {};
  std::size_t in_queue = 0;  ///< elements that are in the queue already
};

/// As people ask, at least 10 min: 10, 15, 20, 30, 45, 60, 90 min, 2, 3, 4 ... 12 h, then whole quarters of a day.
std::int64_t rounded_minutes(double seconds);
/// The same of megabytes: at least 1 GB, by half a GB up to 4 GB, then whole GB.
std::int64_t rounded_megabytes(double bytes);

/// Throws UsageError if a task can never fit the profile's limits (says which, with limit and estimate) or if nothing
/// fits beside what is in the queue. Without wanted tasks but reduce the layout is the last job alone.
Layout make_layout(const LayoutRequest& request);

}  // namespace hullscope::batch
