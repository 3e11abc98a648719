// The verbs that put a study on a Slurm cluster and follow it there. Each returns the exit code.
#pragma once
#include <string>
#include <vector>

namespace hullscope::jobs {

/// `hullscope submit STUDY.toml [--output DIR] [--profile NAME] [--dry-run] [--set key=value]`
int run_submit(const std::vector<std::string>& arguments);
/// `hullscope status DIR [--watch] [--json]`
int run_status(const std::vector<std::string>& arguments);
/// `hullscope resume DIR`
int run_resume(const std::vector<std::string>& arguments);
/// `hullscope cancel DIR`
int run_cancel(const std::vector<std::string>& arguments);
/// `hullscope logs DIR TASK`
int run_logs(const std::vector<std::string>& arguments);

}  // namespace hullscope::jobs
