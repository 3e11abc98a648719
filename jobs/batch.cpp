#include "batch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/batch/follow.hpp>
#include <hullscope/batch/lag.hpp>
#include <hullscope/batch/process.hpp>
#include <hullscope/batch/script.hpp>
#include <hullscope/batch/submit.hpp>

#include "command_line.hpp"
#include "launch.hpp"
#include "plan_view.hpp"

namespace hullscope::jobs {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

struct Options {
  std::string file, output, profile;
  std::vector<std::string> overrides;
  bool dry_run = false, force_new = false, automatic = false;
};

std::string absolute(const std::string& path) {
  return fs::weakly_canonical(fs::absolute(path)).string();
}

std::string own_program() {
  return fs::read_symlink("/proc/self/exe").string();
}

/// What the plan program says of the study: which tasks are done, and how large the data are. Refuses what was made
/// with other options.
batch::StudyState look(const Options& o, const study::Study& study, const std::string& folder) {
  std::vector<std::string> words = {o.file, "--output", folder};
  for (const auto& set : o.overrides) words.insert(words.end(), {"--set", set});
  if (o.force_new) words.push_back("--force-new");
  batch::StudyState state;
  std::size_t refused = 0;
  std::string first;
  const auto data = [&](const json& head) {
    state.data = {head["train"], head["test"], head["features"], head["classes"], head["sample_shape"]};
  };
  const auto add = [&](const json& task) {
    const std::string found = task["state"];
    state.done.push_back(found == "done");
    if (found == "refused" && refused++ == 0) first = task["note"];
  };
  if (const int code = ask_plan(words, data, add); code != 0)
    throw Error("the study cannot be planned (the line above says why)", code == kExitUsage ? kExitUsage : kExitFailed);
  state.study = study;
  state.plan = study::make_plan(study);
  if (state.done.size() != state.plan.size()) throw InternalError("plan knows other tasks than the dispatcher");
  if (refused > 0 && !o.force_new)
    throw UsageError(fmt::format("{}{}; go back to those, choose another --output, or give --force-new to make it anew",
                                 first, refused > 1 ? fmt::format(" (and {} more files so)", refused - 1) : ""));
  state.report_done = state.plan.empty() || fs::exists(folder + "/report/index.html");
  return state;
}

batch::SubmitRequest request_for(const Options& o, const study::Study& study, const std::string& folder,
                                 const std::string& workdir) {
  batch::SubmitRequest request;
  request.profile = batch::load_profile(o.profile, shared_folder("slurm") + "/profiles");
  // a path is taken from here, also when resume is typed elsewhere
  request.profile_name =
      o.profile.find('/') != std::string::npos || o.profile.ends_with(".toml") ? absolute(o.profile) : o.profile;
  request.state = look(o, study, folder);
  request.folder = folder;
  request.workdir = workdir;
  request.program = own_program();
  request.templates = shared_folder("slurm") + "/templates";
  request.force_new = o.force_new;
  request.automatic = o.automatic;
  return request;
}

std::string packing(const batch::Job& job) {
  std::size_t most = 0;
  for (const auto& element : job.elements) most = std::max(most, element.size());
  if (job.name == "report") return job.tasks() > 0 ? "statistics and report" : "report";
  const std::string tasks = fmt::format("{} task{}", job.tasks(), job.tasks() == 1 ? "" : "s");
  if (most <= 1) return tasks;
  return fmt::format("{}, packed to {}{} a job", tasks, job.elements.size() > 1 ? "at most " : "", most);
}

std::string waits_for(const batch::Job& job) {
  std::vector<std::string> names;
  for (const auto& after : job.after) names.push_back(after.job + (after.element_wise ? " (element by element)" : ""));
  for (const auto id : job.after_ids) names.push_back(fmt::format("job {}", id));
  return names.empty() ? "" : "after " + join(names);
}

/// The graph, a line a job: what, how many, what each asks for, about how long, after what.
void print_layout(const batch::Submission& submission) {
  say(fmt::format("{:<16} {:>5}  {:<34} {:>5} {:>5} {:>8} {:>12} {:>11}  {}", "job", "jobs", "what", "nodes", "ranks",
                  "memory", "time limit", "estimate", "waits"));
  for (std::size_t j = 0; j < submission.layout.jobs.size(); ++j) {
    const auto& job = submission.layout.jobs[j];
    const auto& ask = job.request;
    const double longest = *std::max_element(job.seconds.begin(), job.seconds.end());
    say(fmt::format(
        "{:<16} {:>5}  {:<34} {:>5} {:>5} {:>8} {:>12} {:>11}  {}", job.name, job.elements.size(), packing(job),
        ask.nodes, ask.threads > 1 ? fmt::format("{}x{}", ask.ranks, ask.threads) : std::to_string(ask.ranks),
        batch::slurm_memory(ask.megabytes), batch::slurm_time(ask.minutes), format_duration(longest), waits_for(job)));
    if (job.time_is_cut)
      say(fmt::format("{:<16}        longer than the time limit: goes on from its checkpoints after requeues", ""));
  }
}

void print_left_out(const batch::Submission& submission) {
  constexpr std::size_t kShown = 20;
  const auto& lost = submission.given_up;
  for (std::size_t i = 0; i < std::min(kShown, lost.size()); ++i) say("given up: " + lost[i]);
  if (lost.size() > kShown) say(fmt::format("... and {} more given up", lost.size() - kShown));
  if (!submission.blocked.empty())
    say(fmt::format("missing because of those: {} task{}, {}", submission.blocked.size(),
                    submission.blocked.size() == 1 ? "" : "s",
                    submission.blocked.size() == 1 ? submission.blocked[0] : submission.blocked[0] + " and others"));
  for (const auto& note : submission.notes) say(note);
}

int print_dry_run(const batch::SubmitRequest& request) {
  std::string fault;
  const auto queue = batch::read_queue(fault);
  const auto submission = batch::plan_submission(request, queue);
  say(fmt::format("study {} in {}, profile {}", request.state.study.name, request.folder, request.profile.name));
  if (!queue) say(fmt::format("what is in the queue is not known ({}): planned as if nothing were", fault));
  if (submission.layout.jobs.empty()) {
    say(fmt::format("nothing to submit: {} tasks done, {} in the queue", submission.done, submission.queued));
    return kExitDone;
  }
  say(fmt::format(
      "{} tasks done, {} in the queue; {} jobs would be submitted, as {}", submission.done, submission.queued,
      submission.layout.elements(),
      submission.layout.jobs.size() == 1 ? "one script" : fmt::format("{} scripts", submission.layout.jobs.size())));
  print_layout(submission);
  for (std::size_t j = 0; j < submission.scripts.size(); ++j) {
    auto words = submission.options[j];
    words.insert(words.begin(), {"sbatch", "--parsable", "--chdir=" + request.folder});
    words.push_back(request.folder + "/" +
                    batch::script_path(batch::round_folder(submission.round), submission.layout.jobs[j].name));
    say("\n### " + batch::shell_text(words) + "\n");
    std::fputs(submission.scripts[j].c_str(), stdout);
  }
  return kExitDone;
}

int print_submission(const batch::Submission& submission, const std::string& folder) {
  print_left_out(submission);
  if (submission.layout.jobs.empty()) {
    say(fmt::format("nothing to submit: {} tasks done, {} in the queue", submission.done, submission.queued));
    return kExitDone;
  }
  print_layout(submission);
  std::vector<std::string> ids;
  for (const auto id : submission.ids) ids.push_back(std::to_string(id));
  say(fmt::format("submitted {} jobs (Slurm's ids: {}); {} tasks were done, {} in the queue",
                  submission.layout.elements(), join(ids), submission.done, submission.queued));
  say("hullscope status " + batch::shell_word(folder) + " follows them");
  return kExitDone;
}

std::string existing_folder(const std::string& folder) {
  if (!fs::is_directory(folder))
    throw UsageError(fmt::format("{}: not a folder, expected the output folder of a study", folder));
  return absolute(folder);
}

/// For the last job of a round: 0, statistics and report are to be made; 75, a new round was submitted; 1, something is
/// missing for good.
int automatic_exit(const batch::Submission& submission, const study::Study& study) {
  print_left_out(submission);
  if (!submission.layout.jobs.empty()) {
    print_layout(submission);
    say(fmt::format("round {}: submitted {} jobs for what is missing; its last job goes on", submission.round,
                    submission.layout.elements()));
    return kExitInterrupted;
  }
  if (submission.queued > 0) {
    say(fmt::format("{} tasks are in the queue, by a later submission; its last job makes the report",
                    submission.queued));
    return kExitInterrupted;
  }
  if (submission.given_up.empty() && submission.blocked.empty()) return kExitDone;
  const std::string missing =
      fmt::format("{} tasks failed and {} need them", submission.given_up.size(), submission.blocked.size());
  if (study.reduce.partial) {
    say(missing + ": statistics and report are made of what is there (reduce.partial)");
    return kExitDone;
  }
  std::fprintf(stderr, "hullscope: %s: no report; mend the cause and type hullscope resume\n", missing.c_str());
  return kExitFailed;
}

}  // namespace

int run_submit(const std::vector<std::string>& arguments) {
  Options o;
  bool help_profile = false;
  CLI::App app(
      "Submits what is missing of a study to Slurm, as a few array jobs and a last one that makes the report. What is\n"
      "done or in the queue is not submitted again.",
      "hullscope submit");
  app.add_option("STUDY.toml", o.file, "the study file (docs/study-file.md says what it holds)");
  app.add_option("--output", o.output,
                 "folder of the results, on a file system of all nodes; default runs/<name of the study>");
  app.add_option("--profile", o.profile,
                 "what the cluster is like (docs/profiles.md); default HULLSCOPE_PROFILE, else generic");
  app.add_option("--set", o.overrides, "key=value: overrides a key of the study file; may be repeated")
      ->expected(1)
      ->take_all();
  app.add_flag("--dry-run", o.dry_run,
               "print the jobs, what waits for what, and the scripts; write and submit nothing");
  app.add_flag("--force-new", o.force_new, "make finished results anew where they were made with other options");
  app.add_flag("--help-profile", help_profile, "print the table of all keys of a profile (Markdown)");
  if (!parse(app, arguments)) return kExitDone;
  if (help_profile) return std::fputs(batch::profile_options_as_markdown().c_str(), stdout), kExitDone;
  if (o.file.empty()) throw UsageError("submit: no study file, expected: hullscope submit STUDY.toml");
  const auto study = study::load(o.file, o.overrides);
  const std::string folder = absolute(o.output.empty() ? "runs/" + study.name : o.output);
  const auto request = request_for(o, study, folder, absolute("."));
  if (o.dry_run) return print_dry_run(request);
  return print_submission(batch::submit(request), folder);
}

/// For the last job of a round: what other nodes have just published may not be seen here yet.
static void wait_for_files(const batch::Record& record, const study::Study& study, const std::string& profile) {
  const auto seconds =
      static_cast<double>(batch::load_profile(profile, shared_folder("slurm") + "/profiles").work.lag_seconds);
  const double waited = batch::wait_for_unseen(record, study::make_plan(study), seconds);
  if (waited > 1) say(fmt::format("waited {} for files that jobs had made to be seen here", format_duration(waited)));
}

int run_resume(const std::vector<std::string>& arguments) {
  Options o;
  std::string folder;
  CLI::App app("Submits what is missing of a submitted study once more, and nothing else.", "hullscope resume");
  app.add_option("DIR", folder, "output folder of the study")->required();
  app.add_option("--profile", o.profile, "another profile than the last submission's");
  app.add_flag("--automatic", o.automatic,
               "as the last job of a round asks: stop where the tries of a task are used up");
  app.add_flag("--dry-run", o.dry_run, "print what would be submitted, and submit nothing");
  if (!parse(app, arguments)) return kExitDone;
  folder = existing_folder(folder);
  batch::Record record;
  if (!batch::load_record(folder, record) || record.rounds.empty())
    throw UsageError(
        fmt::format("{}: nothing was submitted from this folder, expected that of hullscope submit", folder));
  const auto& last = record.rounds.back();
  if (o.profile.empty()) o.profile = last.profile;
  o.force_new = last.force_new;
  o.file = folder + "/study.toml";
  // the study's relative paths hold where it was submitted
  std::error_code error;
  fs::current_path(record.workdir, error);
  if (error)
    throw EnvironmentError(
        fmt::format("{}: the folder where the study was submitted is not there ({})", record.workdir, error.message()));
  const auto study = study::load(o.file);
  if (o.automatic) wait_for_files(record, study, o.profile);
  auto request = request_for(o, study, folder, record.workdir);
  if (o.dry_run) return print_dry_run(request);
  const auto submission = batch::submit(request);
  return o.automatic ? automatic_exit(submission, study) : print_submission(submission, folder);
}

/// What finished files say of their runs; nothing where the program that reads them fails.
static std::vector<std::optional<batch::FileCost>> read_usage(const std::vector<std::string>& files) {
  constexpr double kPatience = 30;  // seconds
  std::vector<std::string> words = {stage_program("usage")};
  words.insert(words.end(), files.begin(), files.end());
  const auto said = batch::run_process(words, kPatience);
  std::vector<std::optional<batch::FileCost>> runs;
  if (!said.ok()) return runs;
  std::istringstream lines(said.output);
  for (std::string line; std::getline(lines, line);) {
    const json found = json::parse(line);
    if (found.is_null())
      runs.emplace_back();
    else
      runs.emplace_back(batch::FileCost{found["cpu_seconds"], found["peak_bytes"]});
  }
  return runs;
}

int run_status(const std::vector<std::string>& arguments) {
  std::string folder;
  bool watch = false, as_json = false;
  double seconds = 10;
  CLI::App app(
      "Says where a submitted study stands: from its files, from squeue, and from sacct where accounting is on.",
      "hullscope status");
  app.add_option("DIR", folder, "output folder of the study")->required();
  app.add_flag("--watch", watch, "again and again, until nothing is in the queue");
  app.add_option("--seconds", seconds, "between two looks of --watch")->check(CLI::Range(1.0, 86400.0));
  app.add_flag("--json", as_json, "as JSON, for programs");
  if (!parse(app, arguments)) return kExitDone;
  folder = existing_folder(folder);
  while (true) {
    const auto status = batch::follow(folder, read_usage);
    if (watch && !as_json && isatty(STDOUT_FILENO)) std::fputs("\x1b[H\x1b[2J", stdout);
    std::fputs((as_json ? batch::status_json(status) : batch::status_text(status)).c_str(), stdout);
    std::fflush(stdout);
    if (!watch || (status.queue_fault.empty() && !status.alive)) return kExitDone;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
}

int run_cancel(const std::vector<std::string>& arguments) {
  std::string folder;
  CLI::App app("Cancels the jobs of this study that are in the queue, no others. Results and checkpoints stay.",
               "hullscope cancel");
  app.add_option("DIR", folder, "output folder of the study")->required();
  if (!parse(app, arguments)) return kExitDone;
  folder = existing_folder(folder);
  batch::Record record;
  if (!batch::load_record(folder, record))
    throw UsageError(
        fmt::format("{}: nothing was submitted from this folder, expected that of hullscope submit", folder));
  const auto count = batch::cancel(folder);
  say(count == 0 ? "nothing of this study is in the queue"
                 : fmt::format("cancelled {} job{}", count, count == 1 ? "" : "s"));
  return kExitDone;
}

int run_logs(const std::vector<std::string>& arguments) {
  std::string folder, task;
  CLI::App app("Prints what the jobs of a task have printed, the last try last.", "hullscope logs");
  app.add_option("DIR", folder, "output folder of the study")->required();
  app.add_option("TASK", task, "for example mlp-256/trial-00/train; \"report\" for the last job")->required();
  if (!parse(app, arguments)) return kExitDone;
  folder = existing_folder(folder);
  const auto logs = batch::logs_of(folder, task);
  if (logs.empty()) say("no log yet: its job has not begun");
  for (const auto& path : logs) {
    say("==> " + path + " <==");
    std::fputs(batch::read_whole(path).c_str(), stdout);
  }
  return kExitDone;
}

}  // namespace hullscope::jobs
