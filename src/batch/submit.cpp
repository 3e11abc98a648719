#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/batch/detail/in_queue.hpp>
#include <hullscope/batch/detail/tries.hpp>
#include <hullscope/batch/process.hpp>
#include <hullscope/batch/script.hpp>
#include <hullscope/batch/submit.hpp>

namespace hullscope::batch {
namespace fs = std::filesystem;
using namespace detail;

namespace {

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

/// Of a round whose submission was cut, the jobs that never reached Slurm will not.
void withdraw_planned(Record& record) {
  for (auto& round : record.rounds)
    for (auto& job : round.jobs)
      if (job.state == "planned") job.state = "withdrawn";
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
