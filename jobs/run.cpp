#include "run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/base/version.hpp>
#include <hullscope/study/cost.hpp>
#include <hullscope/study/plan.hpp>

#include "command_line.hpp"
#include "launch.hpp"
#include "plan_view.hpp"

namespace hullscope::jobs {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

const std::vector<std::string> kStages = {"train", "extract", "encode", "hull", "proximity", "reduce"};

struct Options {
  std::string file, output, stages;
  std::vector<std::string> overrides, tasks;
  int ranks = 0;
  bool dry_run = false, print_config = false, force_new = false, help_options = false;
};

void add_common_options(CLI::App& app, Options& o) {
  app.add_option("STUDY.toml", o.file, "the study file (docs/study-file.md says what it holds)");
  app.add_option("--output", o.output, "folder of the results; default runs/<name of the study>");
  app.add_option("--set", o.overrides, "key=value: overrides a key of the study file; may be repeated")
      ->expected(1)
      ->take_all();
  app.add_option("--ranks", o.ranks, "MPI ranks to start; default run.ranks of the study, else one a core")
      ->check(CLI::Range(1, 65536).description("INTEGER >= 1"));
  app.add_flag("--force-new", o.force_new, "make finished results anew where they were made with other options");
}

study::Study load_study(const CLI::App& app, const Options& o) {
  if (o.file.empty())
    throw UsageError(fmt::format("{}: no study file, expected: hullscope {} STUDY.toml", verb_of(app), verb_of(app)));
  return study::load(o.file, o.overrides);
}

/// What the stage programs get: the study file and what overrides it.
std::vector<std::string> stage_arguments(const Options& o, const std::string& folder) {
  std::vector<std::string> words = {o.file, "--output", folder};
  for (const auto& set : o.overrides) words.insert(words.end(), {"--set", set});
  for (const auto& task : o.tasks) words.insert(words.end(), {"--task", task});
  if (o.force_new) words.push_back("--force-new");
  return words;
}

int ranks_of(const Options& o, const study::Study& study) {
  if (o.ranks > 0) return o.ranks;
  return study.run.ranks > 0 ? static_cast<int>(study.run.ranks) : available_ranks(static_cast<int>(study.run.threads));
}

/// 0, 1, 2 and 75 are a program's own words; any other code means that something ended it.
int judged_exit(const std::string& stage, int code) {
  if (code == kExitDone || code == kExitFailed || code == kExitUsage) return code;
  if (code == kExitInterrupted) {
    std::fprintf(stderr, "hullscope: %s stopped early; the same command goes on from there\n", stage.c_str());
    return code;
  }
  std::fprintf(
      stderr, "hullscope: %s was ended from outside (%s); the same command goes on from there\n", stage.c_str(),
      code > 128 ? fmt::format("signal {}{}", code - 128, code == 137 ? ", perhaps by lack of memory" : "").c_str()
                 : fmt::format("exit code {}", code).c_str());
  return kExitFailed;
}

/// One `run` at a time works on a folder. A run that was killed may take a moment to end.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder) {
    std::error_code ignored;  // a folder that cannot be made is the stage's to refuse, with a better sentence
    fs::create_directories(folder, ignored);
    const std::string path = folder + "/.lock";
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    for (int attempt = 0; file_ >= 0 && flock(file_, LOCK_EX | LOCK_NB) != 0; ++attempt) {
      if (errno != EWOULDBLOCK) break;  // a file system without locks
      if (attempt == 50)
        throw UsageError(folder + ": another `hullscope run` works on this folder; wait for it to end");
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }
  ~FolderLock() {
    if (file_ >= 0) close(file_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

struct StageSummary {
  int tasks = 0, done = 0, refused = 0;
  double estimate = 0, cpu = 0, wall = 0, peak = 0;
  std::string first_refusal;
  std::vector<std::string> to_do;
};

struct PlanView {
  std::map<std::string, StageSummary> stages;
  std::string results_digest;
  std::string data;
  int exit_code = 0;
};

PlanView look(const Options& o, const std::string& folder) {
  PlanView view;
  const auto data = [&](const json& head) {
    view.results_digest = head["results_digest"];
    view.data = fmt::format("{} training and {} test points, d = {}", head["train"].get<long>(),
                            head["test"].get<long>(), head["features"].get<long>());
  };
  const auto add = [&](const json& task) {
    auto& stage = view.stages[task["stage"]];
    const std::string state = task["state"];
    ++stage.tasks;
    if (state == "done") ++stage.done;
    if (state == "refused" && stage.refused++ == 0) stage.first_refusal = task["note"];
    if (state != "done") stage.to_do.push_back(task["name"]), stage.estimate += task["estimate"].get<double>();
    if (task.contains("run")) {
      stage.cpu += task["run"]["cpu_seconds"].get<double>();
      stage.peak = std::max(stage.peak, task["run"]["peak_bytes"].get<double>());
    }
  };
  view.exit_code = ask_plan(stage_arguments(o, folder), data, add);
  return view;
}

std::vector<std::string> chosen_stages(const std::string& list) {
  std::vector<std::string> valid = kStages;
  valid.push_back("report");
  if (list.empty()) return valid;
  std::vector<std::string> asked;
  for (std::size_t first = 0; first <= list.size();) {
    const std::size_t comma = std::min(list.find(',', first), list.size());
    asked.push_back(list.substr(first, comma - first));
    first = comma + 1;
    if (!std::count(valid.begin(), valid.end(), asked.back()))
      throw UsageError(fmt::format("--stages: unknown stage \"{}\"; did you mean {}? (of {})", asked.back(),
                                   nearest_name(asked.back(), valid), join(valid)));
  }
  std::vector<std::string> chosen;
  for (const auto& stage : valid)
    if (std::count(asked.begin(), asked.end(), stage)) chosen.push_back(stage);
  return chosen;
}

void refuse_other_results(const PlanView& view, const std::vector<std::string>& stages, bool force_new) {
  for (const auto& stage : stages) {
    const auto found = view.stages.find(stage);
    if (force_new || found == view.stages.end() || found->second.refused == 0) continue;
    throw UsageError(fmt::format(
        "{}{}; go back to those, choose another --output, or give --force-new to make it anew",
        found->second.first_refusal,
        found->second.refused > 1 ? fmt::format(" (and {} more files so)", found->second.refused - 1) : ""));
  }
}

std::string report_page(const std::string& folder) {
  return (fs::path(folder) / "report" / "index.html").string();
}

/// What a report was made from; kept beside it, so that it is made again only when that changes.
std::string report_key(const study::Study& study, const std::string& results_digest) {
  return sha256("report 1\n" + results_digest + "\n" + study.report.title + "\n" + software_version()) + "\n";
}

bool report_is_done(const std::string& folder, const std::string& key) {
  std::ifstream file(fs::path(folder) / "report" / ".made-from");
  return fs::exists(report_page(folder)) && std::string{std::istreambuf_iterator<char>(file), {}} == key;
}

int make_report(const std::string& folder) {
  const char* given = std::getenv("HULLSCOPE_PYTHON");
  const std::string python = given && *given ? given : "/usr/bin/python3";  // the Debian packages' modules belong to it
  const std::string script = shared_folder("analysis") + "/report.py";
  if (access(python.c_str(), X_OK) != 0)
    throw EnvironmentError(python + ": the report needs Python 3; install the Debian package python3");
  if (!fs::exists(script))
    throw EnvironmentError(script + ": not there; this installation is not whole, install it again");
  std::string said;
  // -E -s: neither PYTHONPATH nor a user's own packages stand before Debian's
  const int code = capture_child({{python, "-E", "-s", script, folder}, {{"MPLBACKEND", "Agg"}}, false}, said);
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("report: ")) say(line);  // our own last line says where the page is
  return judged_exit("report", code);
}

int report_stage(const study::Study& study, const std::string& folder, const std::string& results_digest) {
  const std::string key = report_key(study, results_digest);
  if (report_is_done(folder, key)) return 0;
  say("report: making figures and page");
  if (const int code = make_report(folder); code != 0) return code;
  std::ofstream(fs::path(folder) / "report" / ".made-from") << key;
  return 0;
}

double estimated_wall(const StageSummary& stage, const std::string& name, int ranks, int threads) {
  const int tasks = static_cast<int>(stage.to_do.size());
  const bool one_thread = name == "train" || name == "encode" || name == "reduce";
  const int workers =
      std::min(study::useful_ranks(name, tasks, ranks) * (one_thread ? 1 : threads), available_ranks(1));
  return stage.estimate / std::max(1, workers);
}

int dry_run(const Options& o, const study::Study& study, const std::string& folder, const PlanView& view,
            const std::vector<std::string>& stages) {
  say(fmt::format("study {} ({}: {}) in {}", study.name, study.data.set, view.data, folder));
  say(fmt::format("{:<10} {:>6} {:>6} {:>6}   {}", "stage", "tasks", "done", "to do", "estimate"));
  double total = 0;
  std::vector<std::string> commands;
  const int ranks = ranks_of(o, study);
  for (const auto& name : stages) {
    const auto found = view.stages.find(name);
    if (found == view.stages.end()) continue;
    const auto& stage = found->second;
    const double wall = estimated_wall(stage, name, ranks, static_cast<int>(study.run.threads));
    total += wall;
    say(fmt::format("{:<10} {:>6} {:>6} {:>6}   {}", name, stage.tasks, stage.done, stage.to_do.size(),
                    stage.to_do.empty() ? "-" : "about " + format_duration(wall)));
    if (stage.to_do.empty()) continue;
    try {
      commands.push_back(stage_command(name, stage_arguments(o, folder), name == "reduce" ? 1 : ranks).text());
    } catch (const EnvironmentError& error) {
      commands.push_back(std::string("cannot run: ") + error.what());
    }
  }
  if (commands.empty())
    say("nothing to do");
  else
    say(fmt::format("about {} in all on {} ranks (an estimate; a factor of three either way is usual); would run:",
                    format_duration(total), ranks));
  for (const auto& command : commands) say("  " + command);
  for (const auto& [name, stage] : view.stages)
    if (stage.refused > 0 && !o.force_new)
      say(fmt::format("would be refused: {} ({} files); --force-new makes them anew", stage.first_refusal,
                      stage.refused));
  return 0;
}

void summarise(const PlanView& view, const std::vector<std::string>& stages, const std::map<std::string, double>& walls,
               const std::map<std::string, int>& made) {
  say(fmt::format("{:<10} {:>6} {:>6} {:>12} {:>14} {:>12}", "stage", "done", "made", "wall", "CPU (all)",
                  "peak memory"));
  for (const auto& name : stages) {
    const auto found = view.stages.find(name);
    if (found == view.stages.end()) continue;
    const auto& stage = found->second;
    const auto wall = walls.find(name);
    const auto fresh = made.find(name);
    say(fmt::format("{:<10} {:>6} {:>6} {:>12} {:>14} {:>12}", name, fmt::format("{}/{}", stage.done, stage.tasks),
                    fresh == made.end() ? 0 : fresh->second, wall == walls.end() ? "-" : format_duration(wall->second),
                    format_duration(stage.cpu), format_bytes(stage.peak)));
  }
}

/// The stages that have something to do, in order. Ends early with the code of the one that failed.
int walk(const Options& o, const study::Study& study, const std::string& folder, const PlanView& view,
         const std::vector<std::string>& stages, std::map<std::string, double>& walls) {
  const int ranks = ranks_of(o, study);
  for (const auto& name : stages) {
    const auto found = view.stages.find(name);
    if (found == view.stages.end() || found->second.to_do.empty()) continue;
    if (stop_asked()) return judged_exit(name, kExitInterrupted);
    const int used = name == "reduce" ? 1 : ranks;
    say(fmt::format("{}: {} of {} to do, {}", name, found->second.to_do.size(), found->second.tasks,
                    used == 1 ? "one rank" : fmt::format("{} ranks", used)));
    const auto start = std::chrono::steady_clock::now();
    const int code = judged_exit(name, run_child(stage_command(name, stage_arguments(o, folder), used)));
    walls[name] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (code != 0) return code;
  }
  return 0;
}

}  // namespace

int run_study(const std::vector<std::string>& arguments) {
  Options o;
  CLI::App app(
      "Runs a study: everything that is missing, stage by stage, then the report. Running it again does only\n"
      "what is not done; after a crash or a stop the same command goes on.",
      "hullscope run");
  add_common_options(app, o);
  app.add_option("--stages", o.stages, "only these, by commas: " + join(kStages) + ", report");
  app.add_flag("--dry-run", o.dry_run, "say what is done, what would run and about how long, and do nothing");
  app.add_flag("--print-config", o.print_config, "print the study with every key and its meaning, and do nothing");
  app.add_flag("--help-options", o.help_options, "print the table of all keys of a study file (Markdown)");
  if (!parse(app, arguments)) return 0;
  if (o.help_options) return std::fputs(study::options_as_markdown().c_str(), stdout), 0;
  const auto study = load_study(app, o);
  if (o.print_config) return std::fputs(study::to_toml(study).c_str(), stdout), 0;
  const auto stages = chosen_stages(o.stages);
  if (!o.dry_run && (std::getenv("OMPI_COMM_WORLD_SIZE") || std::getenv("PMIX_RANK") || std::getenv("SLURM_STEP_ID")))
    throw UsageError(
        "run: starts mpirun itself and cannot be started by mpirun or srun; give it --ranks N, or start one "
        "stage (hullscope hull STUDY.toml) under mpirun");
  hold_signals();
  const std::string folder = o.output.empty() ? "runs/" + study.name : o.output;
  if (o.dry_run) {
    const auto view = look(o, folder);
    return view.exit_code != 0 ? judged_exit("plan", view.exit_code) : dry_run(o, study, folder, view, stages);
  }
  const FolderLock lock(folder);
  const auto before = look(o, folder);
  if (before.exit_code != 0) return judged_exit("plan", before.exit_code);
  refuse_other_results(before, stages, o.force_new);
  std::map<std::string, double> walls;
  std::map<std::string, int> made;
  for (const auto& [name, stage] : before.stages) made[name] = -stage.done;
  if (const int code = walk(o, study, folder, before, stages, walls); code != 0) return code;
  const auto after = walls.empty() ? before : look(o, folder);
  if (after.exit_code != 0) return judged_exit("plan", after.exit_code);
  for (const auto& [name, stage] : after.stages) made[name] += stage.done;
  if (walls.empty()) say("everything is done already");
  summarise(after, stages, walls, made);
  const bool has_results = after.stages.count("reduce") || !after.results_digest.empty();
  const bool reports = std::count(stages.begin(), stages.end(), "report") && has_results;
  if (!reports) return 0;
  if (const int code = report_stage(study, folder, after.results_digest); code != 0) return code;
  say("report: " + fs::absolute(report_page(folder)).lexically_normal().string());
  return 0;
}

int run_stage(const std::string& stage, const std::vector<std::string>& arguments) {
  Options o;
  CLI::App app(
      fmt::format("Runs the stage `{}` of a study on what the stages before it have made. Under mpirun or srun it "
                  "takes the\nranks that it gets; otherwise it starts mpirun itself.",
                  stage),
      "hullscope " + stage);
  add_common_options(app, o);
  app.add_option("--task", o.tasks, "only this task, for example mlp-256/trial-00/train; may be repeated")
      ->expected(1)
      ->take_all();
  if (!parse(app, arguments)) return 0;
  const auto study = load_study(app, o);
  const std::string folder = o.output.empty() ? "runs/" + study.name : o.output;
  if (under_launcher()) {
    if (o.ranks > 0)
      throw UsageError(fmt::format("{}: --ranks {} under mpirun or Slurm, which set the number of ranks; leave it out",
                                   stage, o.ranks));
    replace_by(stage_command(stage, stage_arguments(o, folder), 1));
  }
  const int ranks = stage == "reduce" && o.ranks == 0 ? 1 : ranks_of(o, study);
  const auto command = stage_command(stage, stage_arguments(o, folder), ranks);
  if (!command.mpirun) replace_by(command);
  return judged_exit(stage, run_child(command));
}

int run_report(const std::vector<std::string>& arguments) {
  std::string folder;
  CLI::App app("Makes the figures and the HTML page of a finished study.", "hullscope report");
  app.add_option("DIR", folder, "output folder of the study")->required();
  if (!parse(app, arguments)) return 0;
  if (!fs::is_directory(folder))
    throw UsageError(fmt::format("{}: not a folder, expected the output folder of a study", folder));
  if (const int code = make_report(folder); code != 0) return code;
  say("report: " + fs::absolute(report_page(folder)).lexically_normal().string());
  return 0;
}

int run_tool(const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> rest;
  int ranks = 1;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool separate = arguments[i] == "--ranks", joined = arguments[i].starts_with("--ranks=");
    if (!separate && !joined) {
      rest.push_back(arguments[i]);
      continue;
    }
    const std::string value = joined ? arguments[i].substr(8) : i + 1 < arguments.size() ? arguments[++i] : "";
    const bool number =
        !value.empty() && value.size() < 6 && value.find_first_not_of("0123456789") == std::string::npos;
    if (!number || (ranks = std::stoi(value)) < 1)
      throw UsageError(fmt::format("{}: --ranks is \"{}\", expected an integer >= 1", name, value));
    if (under_launcher() && !std::getenv("SLURM_NTASKS"))
      throw UsageError(name + ": --ranks under mpirun, which sets the number of ranks; leave it out");
  }
  const auto command = stage_command(name, rest, ranks);
  if (!command.mpirun) replace_by(command);
  return judged_exit(name, run_child(command));
}

}  // namespace hullscope::jobs
