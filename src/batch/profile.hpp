// A profile: what hullscope must know of one cluster. Every key is declared once (profile_options.cpp); an unknown key
// is an error. TOML files: those that ship (share/hullscope/slurm/profiles), a user's own
// (~/.config/hullscope/profiles/NAME.toml), or any path.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hullscope::batch {

/// What one stage asks for in place of the profile's general values: empty or 0 where it does not differ.
struct StageOptions {
  std::string partition, qos, constraint, time, memory;
  std::int64_t ranks = 0, nodes = 0, threads = 0;
  std::vector<std::string> options;
  bool operator==(const StageOptions&) const = default;
};

struct Profile {
  std::string name, description, inherits;

  struct Slurm {
    std::string partition, account, qos, constraint, reservation, mail_user, mail_type;
    std::vector<std::string> options;  ///< further options of sbatch, one a text
    bool operator==(const Slurm&) const = default;
  } slurm;

  struct Launch {
    std::string launcher = "srun";  ///< or "mpirun"
    std::string mpi = "pmix";       ///< of srun --mpi=
    std::string program;            ///< hullscope on the compute nodes; "": the one that submits
    std::string scratch;            ///< TMPDIR of the jobs
    std::vector<std::string> modules, setup, container;
    bool operator==(const Launch&) const = default;
  } launch;

  struct Limits {
    std::string time = "04:00:00", memory = "16G";  ///< of a job; of a node
    std::int64_t nodes = 1, cores = 8, gpus = 0;    ///< of a job; of a node; of a node
    std::int64_t array_size = 1001, submitted = 1000, running = 20;
    bool operator==(const Limits&) const = default;
  } limits;

  struct Work {
    std::string target = "01:00:00";
    double time_factor = 3, memory_factor = 1.5;
    std::int64_t tries = 3, requeues = 50, warning_seconds = 120, lag_seconds = 30;
    bool operator==(const Work&) const = default;
  } work;

  struct Gpu {
    std::vector<std::string> stages;
    std::int64_t per_job = 1;
    std::string type;
    double speedup = 10;
    bool operator==(const Gpu&) const = default;
  } gpu;

  std::map<std::string, StageOptions> stage;

  StageOptions of(const std::string& stage_name) const;
  bool operator==(const Profile&) const = default;
};

/// By name or path. "" is HULLSCOPE_PROFILE, else the user's "default", else "generic". `shipped`: the folder of the
/// profiles that ship. Throws UsageError: no such profile (names those there are), an unknown key, a wrong value.
Profile load_profile(const std::string& name, const std::string& shipped);
/// The text of a profile file. `base`: what it inherits; its keys replace those.
Profile parse_profile(const std::string& toml, const std::string& file_name, const Profile& base = {});

/// Minutes of "MM", "HH:MM:SS", "D-HH", "D-HH:MM:SS" as Slurm reads them (seconds round up); -1 if it is none.
std::int64_t minutes_of(const std::string& time);
/// "04:00:00", "1-12:00:00"
std::string slurm_time(std::int64_t minutes);
/// Megabytes of "16G", "500M", "1.5T" (powers of 1024, as Slurm has it); -1 if it is none.
std::int64_t megabytes_of(const std::string& memory);
/// "16G", "1536M"
std::string slurm_memory(std::int64_t megabytes);

/// The table of keys as Markdown (docs/profiles.md; a test compares them).
std::string profile_options_as_markdown();

}  // namespace hullscope::batch
