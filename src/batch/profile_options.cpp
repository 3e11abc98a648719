// Every key of a profile, declared once.
#include <fmt/format.h>

#include <hullscope/base/text.hpp>
#include <hullscope/batch/detail/profile_table.hpp>

namespace hullscope::batch::detail {

#define TEXT(path) (+[](Profile& p) -> std::string* { return &p.path; })
#define INTEGER(path) (+[](Profile& p) -> std::int64_t* { return &p.path; })
#define REAL(path) (+[](Profile& p) -> double* { return &p.path; })
#define TEXTS(path) (+[](Profile& p) -> std::vector<std::string>* { return &p.path; })

const std::vector<std::string>& stage_names() {
  static const std::vector<std::string> names = {"train", "extract", "encode", "hull", "proximity", "reduce"};
  return names;
}

const std::vector<Key<Profile>>& profile_keys() {
  static const std::vector<Key<Profile>> keys = {
      {"description", TEXT(description), "one line for people"},
      {"inherits", TEXT(inherits), "another profile, whose values hold where this one says nothing"},

      {"slurm.partition", TEXT(slurm.partition), "sbatch --partition; empty: the site's default"},
      {"slurm.account", TEXT(slurm.account), "sbatch --account"},
      {"slurm.qos", TEXT(slurm.qos), "sbatch --qos"},
      {"slurm.constraint", TEXT(slurm.constraint),
       "sbatch --constraint; equal processors give files of equal content (docs/parallel.md)"},
      {"slurm.reservation", TEXT(slurm.reservation), "sbatch --reservation"},
      {"slurm.mail_user", TEXT(slurm.mail_user), "whom Slurm writes to about the last job"},
      {"slurm.mail_type", TEXT(slurm.mail_type), "when, for example \"END,FAIL\""},
      {"slurm.options", TEXTS(slurm.options), "further options of sbatch, one a text: [\"--exclusive\"]"},

      {"launch.launcher",
       TEXT(launch.launcher),
       "what starts the ranks of a job",
       Form::choice,
       0,
       0,
       {"srun", "mpirun"}},
      {"launch.mpi", TEXT(launch.mpi), "srun --mpi=; empty: the site's default"},
      {"launch.program", TEXT(launch.program),
       "path of hullscope on the compute nodes (in the container, if there is one); empty: the one that submits"},
      {"launch.modules", TEXTS(launch.modules), "environment modules to load first"},
      {"launch.setup", TEXTS(launch.setup), "shell lines to run before all else; they are run as they stand",
       Form::text},
      {"launch.container", TEXTS(launch.container),
       "words before every program: [\"apptainer\", \"exec\", \"/images/hullscope.sif\"]"},
      {"launch.scratch", TEXT(launch.scratch), "folder for temporary files on the node (TMPDIR)"},

      {"limits.time", TEXT(limits.time), "longest time limit of a job; what needs longer goes on after a requeue",
       Form::time},
      {"limits.nodes", INTEGER(limits.nodes), "most nodes of a job", Form::line, 1, 1e5},
      {"limits.cores", INTEGER(limits.cores), "cores of a node that a job may use", Form::line, 1, 1e4},
      {"limits.memory", TEXT(limits.memory), "memory of a node that a job may use", Form::memory},
      {"limits.gpus", INTEGER(limits.gpus), "GPUs of a node", Form::line, 0, 1e3},
      {"limits.array_size", INTEGER(limits.array_size), "MaxArraySize of slurm.conf", Form::line, 2, 4e6},
      {"limits.submitted", INTEGER(limits.submitted), "most jobs in the queue, elements of arrays counted one by one",
       Form::line, 8, 1e7},
      {"limits.running", INTEGER(limits.running), "most elements of an array that run at once; 0: all", Form::line, 0,
       1e6},

      {"work.target", TEXT(work.target), "a job is given tasks for about so long", Form::time},
      {"work.time_factor", REAL(work.time_factor), "requested time over estimated time", Form::line, 1, 1000},
      {"work.memory_factor", REAL(work.memory_factor), "requested memory over estimated memory", Form::line, 1, 1000},
      {"work.tries", INTEGER(work.tries), "how often a task is tried before it counts as failed", Form::line, 1, 100},
      {"work.requeues", INTEGER(work.requeues), "how often a job that stopped early puts itself into the queue again",
       Form::line, 0, 1e4},
      {"work.warning_seconds", INTEGER(work.warning_seconds),
       "so long before its time limit a job is told to write its checkpoint", Form::line, 1, 3600},
      {"work.lag_seconds", INTEGER(work.lag_seconds),
       "so long a file that another node has made may stay unseen before it counts as missing; 0: a file system "
       "without "
       "such delays",
       Form::line, 0, 3600},

      {"gpu.stages", TEXTS(gpu.stages), "stages that run on a GPU", Form::choice, 0, 0, {"train", "extract", "encode"}},
      {"gpu.per_job", INTEGER(gpu.per_job), "GPUs of one job, a rank each", Form::line, 1, 64},
      {"gpu.type", TEXT(gpu.type), "as sbatch --gpus-per-node=TYPE:N has it"},
      {"gpu.speedup", REAL(gpu.speedup), "how much faster than one core, for the time limit", Form::line, 0.1, 1e5},
  };
  return keys;
}

#define STAGE_TEXT(name) (+[](StageOptions& s) -> std::string* { return &s.name; })
#define STAGE_INTEGER(name) (+[](StageOptions& s) -> std::int64_t* { return &s.name; })

const std::vector<Key<StageOptions>>& stage_keys() {
  static const std::vector<Key<StageOptions>> keys = {
      {"partition", STAGE_TEXT(partition), "in place of slurm.partition"},
      {"qos", STAGE_TEXT(qos), "in place of slurm.qos"},
      {"constraint", STAGE_TEXT(constraint), "in place of slurm.constraint"},
      {"time", STAGE_TEXT(time), "time limit of its jobs, in place of the estimate", Form::time},
      {"memory", STAGE_TEXT(memory), "memory a node, in place of the estimate", Form::memory},
      {"ranks", STAGE_INTEGER(ranks), "MPI ranks of a job; 0: as many as are useful", Form::line, 0, 65536},
      {"nodes", STAGE_INTEGER(nodes), "nodes of a job, its ranks spread evenly; 0: as few as hold them", Form::line, 0,
       1e5},
      {"threads", STAGE_INTEGER(threads), "cores of a rank; 0: run.threads of the study", Form::line, 0, 1024},
      {"options", (+[](StageOptions& s) -> std::vector<std::string>* { return &s.options; }),
       "further options of sbatch, after slurm.options"},
  };
  return keys;
}

}  // namespace hullscope::batch::detail

namespace hullscope::batch {
namespace {

template <class Owner>
std::string row(const detail::Key<Owner>& key, const std::string& prefix, Owner defaults) {
  static const char* types[] = {"text", "integer", "number", "list of texts"};
  std::string type = types[key.member.index()], value, range;
  if (key.form == detail::Form::time) type = "time";
  if (key.form == detail::Form::memory) type = "memory";
  if (key.form == detail::Form::choice) range = " of " + join(key.one_of);
  if (key.member.index() == 1 || key.member.index() == 2)
    range = fmt::format(", {:g} to {:g}", key.at_least, key.at_most);
  std::visit(
      [&](auto member) {
        using Value = std::remove_pointer_t<decltype(member(defaults))>;
        if constexpr (std::is_same_v<Value, std::string>)
          value = "\"" + *member(defaults) + "\"";
        else if constexpr (std::is_same_v<Value, std::vector<std::string>>)
          value = "[]";
        else
          value = fmt::format("{}", *member(defaults));
      },
      key.member);
  return fmt::format("| `{}{}` | {}{} | `{}` | {} |\n", prefix, key.name, type, range, value, key.meaning);
}

}  // namespace

std::string profile_options_as_markdown() {
  std::string out =
      "# Profiles\n\n"
      "<!-- Made from the table in src/batch/profile_options.cpp by `hullscope submit --help-profile`; a test compares "
      "them. -->\n\n"
      "A profile says what hullscope must know of one cluster. `hullscope submit --profile NAME` takes\n"
      "`~/.config/hullscope/profiles/NAME.toml` if there is one, else one of those that ship (`generic`, `laptop`, "
      "`gpu`,\n"
      "`site-template`), or a path. Without the option it is `HULLSCOPE_PROFILE`, else your own `default`, else "
      "`generic`. Your own\n"
      "need only say what differs: `inherits = \"generic\"`. Unknown keys are errors.\n\n"
      "Times are Slurm's (`MM`, `HH:MM:SS`, `D-HH:MM:SS`), memory has a unit (`500M`, `16G`, `1.5T`).\n\n"
      "| key | type | default | meaning |\n|---|---|---|---|\n";
  for (const auto& key : detail::profile_keys()) out += row(key, "", Profile{});
  out +=
      "\nA table `[stage.NAME]` (NAME: train, extract, encode, hull, proximity, reduce) asks for something else for "
      "one "
      "stage:\n\n| key | type | default | meaning |\n|---|---|---|---|\n";
  for (const auto& key : detail::stage_keys()) out += row(key, "stage.NAME.", StageOptions{});
  return out;
}

}  // namespace hullscope::batch
