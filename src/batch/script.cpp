#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <map>

#include <hullscope/base/error.hpp>
#include <hullscope/batch/process.hpp>
#include <hullscope/batch/script.hpp>

namespace hullscope::batch {
namespace {

std::string read_template(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || text.empty())
    throw EnvironmentError(path + ": cannot be read; this installation is not whole, install it again");
  return text;
}

/// Replaces every @KEY@ of the template; what is put in is not looked at again.
std::string fill(const std::string& text, const std::map<std::string, std::string>& values) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find('@', at);
    const auto close = open == std::string::npos ? open : text.find('@', open + 1);
    const auto value = close == std::string::npos ? values.end() : values.find(text.substr(open + 1, close - open - 1));
    if (value == values.end()) {
      const auto next = open == std::string::npos ? text.size() : open + 1;
      out += text.substr(at, next - at);
      at = next;
      continue;
    }
    out += text.substr(at, open - at) + value->second;
    at = close + 1;
  }
  return out;
}

/// A value of an #SBATCH line, which sbatch reads, not bash: quoted as sbatch has it.
std::string sbatch_value(const std::string& value) {
  if (shell_word(value) == value) return value;
  std::string quoted = "\"";
  for (const char c : value) quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return quoted + "\"";
}

class Header {
 public:
  void add(const std::string& option) { lines_ += "#SBATCH " + option + "\n"; }
  void add(const std::string& option, const std::string& value) {
    if (!value.empty()) add(option + "=" + sbatch_value(value));
  }
  void add(const std::string& option, std::int64_t value) { add(fmt::format("{}={}", option, value)); }
  std::string text() const { return lines_.substr(0, lines_.size() - 1); }

 private:
  std::string lines_;
};

std::string first_of(const std::string& own, const std::string& general) {
  return own.empty() ? general : own;
}

std::string header(const Job& job, const Profile& profile, const ScriptContext& context) {
  const auto own = profile.of(job.stage);
  const auto& ask = job.request;
  const bool array = job.elements.size() > 1;
  Header lines;
  lines.add("--job-name", job_label(context.study_name, job.name));
  lines.add("--comment", job_comment(context, job));
  if (array) {
    const auto running = profile.limits.running;
    const bool limited = running > 0 && static_cast<std::size_t>(running) < job.elements.size();
    lines.add(fmt::format("--array=1-{}{}", job.elements.size(), limited ? fmt::format("%{}", running) : ""));
  }
  lines.add("--nodes", ask.nodes);
  lines.add("--ntasks", ask.ranks);
  if (ask.nodes > 1) lines.add("--ntasks-per-node", (ask.ranks + ask.nodes - 1) / ask.nodes);
  lines.add("--cpus-per-task", ask.threads);
  if (ask.gpus > 0)
    lines.add("--gpus-per-node", profile.gpu.type.empty() ? fmt::format("{}", ask.gpus)
                                                          : fmt::format("{}:{}", profile.gpu.type, ask.gpus));
  lines.add("--mem", slurm_memory(ask.megabytes));
  lines.add("--time", slurm_time(ask.minutes));
  lines.add("--partition", first_of(own.partition, profile.slurm.partition));
  lines.add("--account", profile.slurm.account);
  lines.add("--qos", first_of(own.qos, profile.slurm.qos));
  lines.add("--constraint", first_of(own.constraint, profile.slurm.constraint));
  lines.add("--reservation", profile.slurm.reservation);
  if (job.name == "report") {
    lines.add("--mail-user", profile.slurm.mail_user);
    lines.add("--mail-type", profile.slurm.mail_type);
  }
  lines.add("--output", fmt::format("{}/log/{}{}.log", context.round, job.name, array ? "-%a" : ""));
  lines.add("--open-mode=append");
  lines.add(fmt::format("--signal=B:USR1@{}", profile.work.warning_seconds));
  lines.add("--requeue");
  for (const auto* options : {&profile.slurm.options, &own.options})
    for (const auto& option : *options) lines.add(option);
  return lines.text();
}

/// The site's lines: modules, the user's own, the folder for temporary files.
std::string setup_lines(const Profile& profile) {
  std::string lines;
  for (const auto& module : profile.launch.modules) lines += "module load " + shell_word(module) + "\n";
  for (const auto& line : profile.launch.setup) lines += line + "\n";
  if (!profile.launch.scratch.empty()) lines += "export TMPDIR=" + shell_word(profile.launch.scratch) + "\n";
  return lines.empty() ? "" : "\n# What this site needs.\n" + lines;
}

/// hullscope, in its container if there is one.
std::string program_words(const Profile& profile, const ScriptContext& context) {
  auto words = profile.launch.container;
  words.push_back(first_of(profile.launch.program, context.program));
  return shell_text(words);
}

std::string launch_words(const Profile& profile, const ScriptContext& context, const Job& job) {
  const auto& launch = profile.launch;
  const std::string program = program_words(profile, context);
  const std::string count = job.stage == "reduce" ? "1" : "\"$ranks\"";
  if (launch.launcher == "mpirun")  // without the longer time it would kill its ranks one second after a TERM
    return fmt::format("mpirun --quiet --bind-to none --mca odls_base_sigkill_timeout {} -n {} {}",
                       profile.work.warning_seconds, count, program);
  const std::string mpi = launch.mpi.empty() ? "" : " --mpi=" + shell_word(launch.mpi);
  const std::string threads = job.request.threads > 1 ? fmt::format(" --cpus-per-task={}", job.request.threads) : "";
  return fmt::format("srun{} --ntasks={}{} --kill-on-bad-exit=1 {}", mpi, count, threads, program);
}

std::string title(const Job& job, const ScriptContext& context) {
  if (job.name == "report")
    return fmt::format("{}: what failed once more; then {}report", context.study_name,
                       job.tasks() > 0 ? "statistics and " : "the ");
  const auto tasks = job.tasks(), elements = job.elements.size();
  return fmt::format("{}: {}, {} task{} in {} job{}", context.study_name, job.name, tasks, tasks == 1 ? "" : "s",
                     elements, elements == 1 ? "" : "s");
}

std::string run_comment(const Job& job) {
  return job.stage == "train" || job.stage == "encode"
             ? "# The ranks of one program share the tasks: whoever is free takes the next."
             : "# One program does the tasks one after another, all ranks in each.";
}

/// Statistics, where the study has networks, and the report.
std::string report_lines(const Job& job, const Profile& profile, const ScriptContext& context) {
  std::string lines;
  if (!job.elements.empty() && !job.elements[0].empty())
    lines = fmt::format(
        "\nrun_step {} reduce \"$folder/study.toml\" --output \"$folder\"\n"
        "code=$?\n"
        "early \"$code\" && requeue\n"
        "[ \"$code\" = 0 ] || finish \"$code\"\n",
        launch_words(profile, context, job));
  return lines + fmt::format("\n{} report \"$folder\"\ncode=$?\n", program_words(profile, context));
}

}  // namespace

std::string job_label(const std::string& study_name, const std::string& job) {
  return study_name + "." + job;
}

std::string job_comment(const ScriptContext& context, const Job& job) {
  return fmt::format("hullscope {}/{}/{}", context.token, context.round.substr(context.round.rfind('-') + 1), job.name);
}

std::string render_script(const Job& job, const Profile& profile, const ScriptContext& context) {
  const bool last = job.name == "report";
  const std::string steps =
      fill(read_template(context.templates, "steps.sh"), {{"REQUEUES", std::to_string(profile.work.requeues)}});
  // A control character in a comment could end it; the shell words below hold it safely quoted.
  const bool plain = context.folder.find_first_of("\n\r") == std::string::npos;
  return fill(read_template(context.templates, last ? "report.sbatch" : "stage.sbatch"),
              {{"TITLE", title(job, context)},
               {"FOLDER_OPTION", "--chdir=" + (plain ? shell_word(context.folder) : "FOLDER")},
               {"SCRIPT", script_path(context.round, job.name)},
               {"SBATCH", header(job, profile, context)},
               {"FOLDER", shell_word(context.folder)},
               {"WORKDIR", shell_word(context.workdir)},
               {"ROUND", shell_word(context.round)},
               {"JOB", job.name},
               {"RANKS", std::to_string(job.request.ranks)},
               {"LAG", std::to_string(profile.work.lag_seconds)},
               {"SETUP", setup_lines(profile)},
               {"STEPS", steps},
               {"RUN_COMMENT", run_comment(job)},
               {"LAUNCH", launch_words(profile, context, job)},
               {"STAGE", job.stage},
               {"STAGE_OPTIONS", context.force_new ? "--force-new " : ""},
               {"PROGRAM", program_words(profile, context)},
               {"REPORT", report_lines(job, profile, context)}});
}

std::string render_tasks(const Job& job, const std::vector<study::Task>& plan) {
  std::string text;
  for (const auto& element : job.elements) {
    for (std::size_t i = 0; i < element.size(); ++i) text += (i > 0 ? " " : "") + plan[element[i]].name;
    text += "\n";
  }
  return text;
}

std::string script_path(const std::string& round, const std::string& job) {
  return round + "/" + job + ".sbatch";
}

std::string tasks_path(const std::string& round, const std::string& job) {
  return round + "/" + job + ".tasks";
}

std::string log_path(const std::string& round, const std::string& job, std::size_t elements, std::size_t element) {
  return elements > 1 ? fmt::format("{}/log/{}-{}.log", round, job, element) : fmt::format("{}/log/{}.log", round, job);
}

std::string outcome_path(const std::string& round, const std::string& job, std::size_t element) {
  return fmt::format("{}/outcome/{}.{}", round, job, element);
}

}  // namespace hullscope::batch
