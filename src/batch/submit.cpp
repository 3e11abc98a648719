#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/batch/outcome.hpp>
#include <hullscope/batch/process.hpp>
#include <hullscope/batch/script.hpp>
#include <hullscope/batch/submit.hpp>

namespace hullscope::batch {
namespace fs = std::filesystem;

namespace {

/// A task that runs out of memory is tried once more, with so much more.
constexpr std::int64_t kMoreMemory = 2;

void more_memory(TaskRecord& task, std::int64_t had, std::int64_t limit) {
  task.no_more_memory = task.megabytes > 0 || had >= limit;
  if (!task.no_more_memory) task.megabytes = std::min(kMoreMemory * had, limit);
}

std::string local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string new_token(const std::string& folder) {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return sha256(fmt::format("{} {} {}", folder, now, getpid())).substr(0, 8);
}

/// What squeue says of an element; nullptr if nothing, or if another job has that id now.
const QueueEntry* entry_of(const Queue& queue, const JobRecord& job, std::size_t element) {
  const auto found = queue.find({job.id, element});
  return found == queue.end() || found->second.name != job.label ? nullptr : &found->second;
}

bool alive(const Queue& queue, const JobRecord& job, std::size_t element) {
  const auto* entry = entry_of(queue, job, element);
  return entry && entry->alive();
}

std::size_t alive_elements(const Queue& queue, const JobRecord& job) {
  std::size_t count = 0;
  for (std::size_t e = 1; e <= job.elements; ++e) count += alive(queue, job, e);
  return count;
}

std::unordered_map<std::string, std::size_t> places(const std::vector<study::Task>& plan, bool by_output) {
  std::unordered_map<std::string, std::size_t> found;
  for (std::size_t i = 0; i < plan.size(); ++i) found[by_output ? plan[i].output : plan[i].name] = i;
  return found;
}

/// Jobs of this folder that are in the queue but not in the record: a submission was cut between sbatch's answer and
/// the record. Those of a known job are taken in; the rest is cancelled.
void adopt_strays(Record& record, const Queue& queue) {
  std::set<std::int64_t> known, strays;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) known.insert(job.id);
  const std::string mark = "hullscope " + record.token + "/";
  for (const auto& [place, entry] : queue) {
    if (!entry.alive() || known.count(place.job) || !entry.comment.starts_with(mark)) continue;
    bool taken = strays.count(place.job) > 0;
    for (auto& round : record.rounds)
      for (auto& job : round.jobs)
        if (!taken && entry.comment == fmt::format("{}{}/{}", mark, round.number, job.name) && job.id == 0) {
          job.id = place.job;
          job.state = "submitted";
          known.insert(place.job);
          taken = true;
        }
    if (!taken) strays.insert(place.job);
  }
  if (strays.empty()) return;
  const std::string fault = cancel_jobs({strays.begin(), strays.end()});
  if (!fault.empty())
    throw EnvironmentError(fmt::format(
        "{} jobs of a submission that was cut are in the queue and cannot be cancelled: {}", strays.size(), fault));
}

/// Jobs of this folder that Slurm holds go on; how many.
std::size_t release_held(const Record& record, const Queue& queue) {
  std::vector<std::int64_t> held;
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs)
      for (std::size_t e = 1; job.id > 0 && e <= job.elements; ++e) {
        const auto* entry = entry_of(queue, job, e);
        if (!entry || !entry->held()) continue;
        held.push_back(job.id);
        break;
      }
  if (held.empty()) return 0;
  const std::string fault = release_jobs(held);
  if (!fault.empty())
    throw EnvironmentError(
        fmt::format("{} jobs that Slurm holds after too many requeues cannot be released: {}", held.size(), fault));
  return held.size();
}

/// Of a round whose submission was cut, the jobs that never reached Slurm will not.
void withdraw_planned(Record& record) {
  for (auto& round : record.rounds)
    for (auto& job : round.jobs)
      if (job.state == "planned") job.state = "withdrawn";
}

/// The tasks that jobs in the queue will do -> the job's id. `report`: the id of a last job that is alive.
struct InQueue {
  std::map<std::size_t, std::int64_t> made_by;
  std::map<std::size_t, std::int64_t> ending;  ///< of jobs that were cancelled and have not quite ended
  std::vector<std::int64_t> reports;
  std::size_t elements = 0;
};

InQueue in_queue(const Record& record, const Queue& queue, const StudyState& state, const std::string& self) {
  InQueue found;
  for (const auto& [place, entry] : queue) found.elements += entry.alive();
  if (record.rounds.empty()) return found;
  const auto index = places(state.plan, false);
  for (const auto& round : record.rounds)
    for (const auto& job : round.jobs) {
      if (job.id == 0 || alive_elements(queue, job) == 0) continue;
      const bool ends = job.state != "submitted";
      if (job.name == "report") {
        if (!ends && std::to_string(job.id) != self) found.reports.push_back(job.id);
        continue;
      }
      const auto lists = read_tasks(record.folder, round_folder(round.number), job.name);
      for (std::size_t e = 0; e < lists.size(); ++e) {
        if (!alive(queue, job, e + 1)) continue;
        for (const auto& name : lists[e])
          if (const auto task = index.find(name); task != index.end() && !state.done[task->second])
            (ends ? found.ending : found.made_by)[task->second] = job.id;
      }
    }
  return found;
}

/// Jobs in the queue were planned with the study as it was then: another option of their tasks would make files of
/// both.
void refuse_other_options(const Record& record, const InQueue& queued, const StudyState& state) {
  std::set<std::int64_t> ids;
  for (const auto& [task, id] : queued.made_by) ids.insert(id);
  for (const auto& round : record.rounds) {
    const bool concerned =
        std::any_of(round.jobs.begin(), round.jobs.end(), [&](const auto& job) { return ids.count(job.id) > 0; });
    if (!concerned) continue;
    const auto before = study::parse(round.study, "study.toml of round " + std::to_string(round.number));
    for (const auto& [task, id] : queued.made_by)
      if (study::options_hash(before, state.plan[task]) != study::options_hash(state.study, state.plan[task]))
        throw UsageError(fmt::format(
            "{} is in the queue with other options than the study has now; hullscope cancel {} first, or go back to "
            "those options",
            state.plan[task].name, shell_word(record.folder)));
  }
}

/// Tasks that are not tried any more, and those that need them.
void give_up(const Record& record, const SubmitRequest& request, std::vector<bool>& wanted, Submission& submission) {
  if (record.tasks.empty()) return;
  const auto& plan = request.state.plan;
  const auto by_output = places(plan, true);
  std::vector<bool> lost(plan.size(), false);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (!wanted[i] || plan[i].stage == "reduce") continue;
    const auto known = record.tasks.find(plan[i].name);
    const bool tried = known != record.tasks.end() &&
                       (known->second.tries >= request.profile.work.tries || known->second.no_more_memory);
    bool blocked = false;
    for (const auto& [role, path] : plan[i].inputs)
      if (const auto maker = by_output.find(path); maker != by_output.end() && lost[maker->second]) blocked = true;
    if (!tried && !blocked) continue;
    lost[i] = true;
    wanted[i] = false;
    if (tried)
      submission.given_up.push_back(fmt::format("{}: {}", plan[i].name, known->second.reason));
    else
      submission.blocked.push_back(plan[i].name);
  }
}

std::map<std::size_t, Lesson> lessons_of(const Record& record, const StudyState& state) {
  std::map<std::size_t, Lesson> lessons;
  if (record.tasks.empty()) return lessons;
  for (std::size_t i = 0; i < state.plan.size(); ++i)
    if (const auto known = record.tasks.find(state.plan[i].name); known != record.tasks.end())
      lessons[i] = {known->second.megabytes, true};
  return lessons;
}

/// A user who asks again has changed something: all tries are open again.
void forgive(Record& record) {
  for (auto& [name, task] : record.tasks) {
    task.tries = 0;
    task.no_more_memory = false;
  }
}

Submission plan_with(const Record& record, const SubmitRequest& request, const Queue& queue) {
  Submission submission;
  const auto& state = request.state;
  const char* self = std::getenv("SLURM_JOB_ID");
  const auto queued = in_queue(record, queue, state, request.automatic && self ? self : "");
  refuse_other_options(record, queued, state);
  std::vector<bool> wanted(state.plan.size(), false);
  bool anything = false, reduce_missing = false;
  for (std::size_t i = 0; i < state.plan.size(); ++i) {
    wanted[i] = !state.done[i] && !queued.made_by.count(i);
    submission.done += state.done[i];
    if (state.plan[i].stage == "reduce") reduce_missing = !state.done[i];
  }
  submission.queued = queued.made_by.size();
  give_up(record, request, wanted, submission);
  for (std::size_t i = 0; i < state.plan.size(); ++i)
    anything = anything || (wanted[i] && state.plan[i].stage != "reduce");
  const bool report_missing = (reduce_missing || !state.report_done) && !request.automatic && queued.reports.empty();
  if (!anything && !report_missing) return submission;
  submission.round = record.rounds.empty() ? 1 : record.rounds.back().number + 1;
  submission.layout = make_layout({state.study, state.plan, state.data, request.profile, wanted, queued.made_by,
                                   queued.ending, lessons_of(record, state), queued.elements});
  return submission;
}

ScriptContext context_of(const Record& record, const SubmitRequest& request, int round) {
  return {request.state.study.name, record.folder,     record.workdir,   round_folder(round), record.token,
          record.program,           request.templates, request.force_new};
}

/// --dependency of a job, by ids or, in a dry run, by names.
std::vector<std::string> dependency_options(const Job& job, const std::map<std::string, std::string>& id_of) {
  std::string any, corresponding;
  for (const auto id : job.after_ids) any += fmt::format(":{}", id);
  for (const auto& after : job.after) (after.element_wise ? corresponding : any) += ":" + id_of.at(after.job);
  if (!any.empty()) any = "afterany" + any;
  if (!corresponding.empty()) any += (any.empty() ? "aftercorr" : ",aftercorr") + corresponding;
  if (any.empty()) return {};
  return {"--dependency=" + any, "--kill-on-invalid-dep=yes"};
}

void render(Submission& submission, const Record& record, const SubmitRequest& request) {
  const auto context = context_of(record, request, submission.round);
  std::map<std::string, std::string> names;
  for (const auto& job : submission.layout.jobs) {
    submission.scripts.push_back(render_script(job, request.profile, context));
    submission.options.push_back(dependency_options(job, names));
    names[job.name] = "<" + job.name + ">";
  }
}

Round round_of(const Submission& submission, const SubmitRequest& request, const Record& record) {
  Round round;
  round.number = submission.round;
  round.created = local_time();
  round.study = study::to_toml(request.state.study);
  round.profile = request.profile_name;
  round.requeues = request.profile.work.requeues;
  round.tries = request.profile.work.tries;
  round.memory_megabytes = megabytes_of(request.profile.limits.memory);
  round.running = request.profile.limits.running;
  round.time_factor = request.profile.work.time_factor;
  round.force_new = request.force_new;
  round.automatic = request.automatic;
  for (const auto& job : submission.layout.jobs) {
    JobRecord made;
    made.name = job.name;
    made.stage = job.stage;
    made.label = job_label(request.state.study.name, job.name);
    made.elements = job.elements.size();
    made.request = job.request;
    made.cpu_seconds = job.cpu_seconds;
    made.seconds = job.seconds;
    for (const auto& after : job.after) made.after.push_back(after.job);
    round.jobs.push_back(std::move(made));
    for (const auto& element : job.elements)
      for (const auto task : element) {
        const auto& output = request.state.plan[task].output;
        if (const auto identity = identity_of(record.folder + "/" + output); !identity.empty())
          round.replaces[output] = identity;
      }
  }
  return round;
}

void write_round(const Submission& submission, const SubmitRequest& request, const Record& record) {
  const std::string folder = record.folder + "/" + round_folder(submission.round);
  std::error_code error;
  for (const char* part : {"/log", "/outcome"}) {
    fs::create_directories(folder + part, error);
    if (error)
      throw EnvironmentError(fmt::format("{}{}: the folder cannot be made ({}); choose another with --output", folder,
                                         part, error.message()));
  }
  const std::string study = study::to_toml(request.state.study);
  if (read_whole(record.folder + "/study.toml") != study) write_whole(record.folder + "/study.toml", study);
  for (std::size_t j = 0; j < submission.layout.jobs.size(); ++j) {
    const auto& job = submission.layout.jobs[j];
    write_whole(record.folder + "/" + tasks_path(round_folder(submission.round), job.name),
                render_tasks(job, request.state.plan));
    write_whole(record.folder + "/" + script_path(round_folder(submission.round), job.name), submission.scripts[j]);
  }
}

/// Signals that would end us wait while jobs are being submitted; between two jobs they are looked at.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
    sigprocmask(SIG_BLOCK, &signals_, &before_);
  }
  ~HeldSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;

  /// Takes one that came; false if none did.
  bool came() const {
    const timespec now{0, 0};
    return sigtimedwait(&signals_, nullptr, &now) > 0;
  }

 private:
  sigset_t signals_{}, before_{};
};

/// Takes back what was submitted of the last round. "" or why some of it is still in the queue.
std::string withdraw_round(Record& record) {
  std::vector<std::int64_t> ids;
  for (const auto& job : record.rounds.back().jobs)
    if (job.id > 0) ids.push_back(job.id);
  const std::string fault = cancel_jobs(ids);
  for (auto& job : record.rounds.back().jobs)
    if (job.id == 0 || fault.empty()) job.state = "withdrawn";
  save_record(record);
  if (ids.empty()) return "; nothing was submitted";
  return fault.empty()
             ? fmt::format("; the {} jobs before it have been cancelled", ids.size())
             : fmt::format("; the {} jobs before it are in the queue and recorded, for cancelling them failed: {}",
                           ids.size(), fault);
}

void submit_round(Record& record, Submission& submission) {
  const HeldSignals signals;
  auto& round = record.rounds.back();
  std::map<std::string, std::string> id_of;
  for (std::size_t j = 0; j < round.jobs.size(); ++j) {
    auto& job = round.jobs[j];
    try {
      submission.options[j] = dependency_options(submission.layout.jobs[j], id_of);
      job.id = submit_script(record.folder, script_path(round_folder(round.number), job.name), submission.options[j]);
    } catch (const EnvironmentError& error) {
      throw EnvironmentError(error.what() + withdraw_round(record));
    }
    job.state = "submitted";
    id_of[job.name] = std::to_string(job.id);
    submission.ids.push_back(job.id);
    save_record(record);
    if (j + 1 < round.jobs.size() && signals.came())
      throw Interrupted("submit: stopped by a signal" + withdraw_round(record));
  }
}

/// The last jobs of earlier rounds have nothing to do any more: the new round has its own.
void replace_reports(Record& record, const std::vector<std::int64_t>& reports) {
  if (reports.empty()) return;
  if (!cancel_jobs(reports).empty()) return;  // harmless: they would find that a later round is in the queue
  for (auto& round : record.rounds)
    for (auto& job : round.jobs)
      if (std::count(reports.begin(), reports.end(), job.id)) job.state = "withdrawn";
}

}  // namespace

Record record_of(const std::string& folder) {
  Record record;
  record.folder = folder;
  load_record(folder, record);
  if (record.token.empty() || record.made_in != folder) {
    // New, or the folder was moved or copied: jobs of the other place are not ours.
    record.token = new_token(folder);
    for (auto& round : record.rounds)
      for (auto& job : round.jobs)
        if (job.state == "submitted") job.state = "withdrawn", job.id = 0;
  }
  record.made_in = folder;
  return record;
}

void judge_ended(Record& record, const Queue& queue, const StudyState& state) {
  if (record.rounds.empty()) return;
  const auto index = places(state.plan, false);
  const auto by_output = places(state.plan, true);
  const auto inputs_are_there = [&](const study::Task& task) {
    return std::all_of(task.inputs.begin(), task.inputs.end(), [&](const auto& input) {
      const auto maker = by_output.find(input.second);
      return maker == by_output.end() || state.done[maker->second];
    });
  };
  for (auto& round : record.rounds)
    for (auto& job : round.jobs) {
      if (job.state != "submitted" || job.judged.size() == job.elements || job.name == "report") continue;
      const std::string folder = round_folder(round.number);
      const auto lists = read_tasks(record.folder, folder, job.name);
      for (std::size_t e = 1; e <= std::min(lists.size(), job.elements); ++e) {
        if (std::count(job.judged.begin(), job.judged.end(), e) || alive(queue, job, e)) continue;
        job.judged.push_back(e);
        const auto outcome = read_outcome(record.folder + "/" + outcome_path(folder, job.name, e));
        for (const auto& name : lists[e - 1]) {
          const auto task = index.find(name);
          if (task == index.end() || state.done[task->second] || !inputs_are_there(state.plan[task->second])) continue;
          const auto failure =
              failure_of(name, outcome, record.folder + "/" + log_path(folder, job.name, job.elements, e),
                         entry_of(queue, job, e), job.request);
          auto& known = record.tasks[name];
          known.reason = failure.reason;
          known.tries += failure.counts;
          if (failure.out_of_memory) more_memory(known, job.request.megabytes, round.memory_megabytes);
        }
      }
    }
  for (std::size_t i = 0; i < state.plan.size(); ++i)
    if (state.done[i]) record.tasks.erase(state.plan[i].name);
}

Submission plan_submission(const SubmitRequest& request, const std::optional<Queue>& queue) {
  Record record = record_of(request.folder);
  record.workdir = request.workdir;
  record.program = request.program;
  if (queue) judge_ended(record, *queue, request.state);
  if (!request.automatic) forgive(record);
  auto submission = plan_with(record, request, queue.value_or(Queue()));
  render(submission, record, request);
  return submission;
}

namespace {

Queue queue_or_throw(const std::string& what) {
  std::string fault;
  auto queue = read_queue(fault);
  if (!queue)
    throw EnvironmentError(fmt::format(
        "squeue cannot be asked what is in the queue ({}); nothing was {}: {}", fault, what,
        fault.find("not in PATH") != std::string::npos ? "submit on a login node of the cluster, or use hullscope run"
                                                       : "try again when Slurm answers"));
  return *queue;
}

/// Rounds that last jobs have asked for since the user last did.
int automatic_rounds(const Record& record) {
  int count = 0;
  for (const auto& round : record.rounds) count = round.automatic ? count + 1 : 0;
  return count;
}

}  // namespace

Submission submit(const SubmitRequest& request) {
  const FolderLock lock(request.folder, 60);
  Record record = record_of(request.folder);
  record.workdir = request.workdir;
  record.program = request.program;
  const auto queue = queue_or_throw("submitted");
  adopt_strays(record, queue);
  withdraw_planned(record);
  judge_ended(record, queue, request.state);
  if (!request.automatic) forgive(record);
  const std::size_t released = request.automatic ? 0 : release_held(record, queue);
  auto submission = plan_with(record, request, queue);
  if (released > 0)
    submission.notes.push_back(
        fmt::format("{} job{} that Slurm held after too many requeues released", released, released == 1 ? "" : "s"));
  // each automatic round uses up tries; this bounds those that end before they begin
  if (request.automatic && !submission.layout.jobs.empty() &&
      automatic_rounds(record) >= 2 * request.profile.work.tries) {
    submission.layout.jobs.clear();
    submission.notes.push_back("enough automatic rounds; hullscope resume goes on when the cause is mended");
    for (std::size_t i = 0; i < request.state.plan.size(); ++i)
      if (!request.state.done[i] && request.state.plan[i].stage != "reduce")
        submission.blocked.push_back(request.state.plan[i].name);
  }
  if (submission.layout.jobs.empty()) {
    save_record(record);
    return submission;
  }
  const char* self = std::getenv("SLURM_JOB_ID");
  const auto reports = in_queue(record, queue, request.state, request.automatic && self ? self : "").reports;
  render(submission, record, request);
  write_round(submission, request, record);
  record.rounds.push_back(round_of(submission, request, record));
  save_record(record);
  submit_round(record, submission);
  replace_reports(record, reports);
  save_record(record);
  return submission;
}

std::size_t cancel(const std::string& folder) {
  const FolderLock lock(folder, 60);
  Record record = record_of(folder);
  const auto queue = queue_or_throw("cancelled");
  adopt_strays(record, queue);
  withdraw_planned(record);
  std::vector<std::int64_t> ids;
  std::size_t elements = 0;
  for (auto& round : record.rounds)
    for (auto& job : round.jobs) {
      const auto count = job.id > 0 ? alive_elements(queue, job) : 0;
      if (count == 0) continue;
      ids.push_back(job.id);
      elements += count;
      job.state = "cancelled";
      // A job that is told to stop writes its checkpoint and requeues itself: its script looks for this first.
      write_whole(folder + "/" + round_folder(round.number) + "/cancelled", "by hullscope cancel\n");
    }
  if (const auto fault = cancel_jobs(ids); !fault.empty())
    throw EnvironmentError(fmt::format("{} jobs could not be cancelled: {}", ids.size(), fault));
  save_record(record);
  return elements;
}

}  // namespace hullscope::batch
