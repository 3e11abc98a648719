// The verbs that walk a study: `run`, and one stage alone.
#pragma once
#include <string>
#include <vector>

namespace hullscope::jobs {

/// `hullscope run ...`: everything that is missing, stage by stage, and the report. Returns the exit code.
int run_study(const std::vector<std::string>& arguments);

/// `hullscope train ...`: one stage; becomes it where a launcher started us or one rank is enough.
int run_stage(const std::string& stage, const std::vector<std::string>& arguments);

/// `hullscope report DIR`.
int run_report(const std::vector<std::string>& arguments);

/// `hullscope membership ...` and the other programs that know their own options; `--ranks N` is ours.
int run_tool(const std::string& name, const std::vector<std::string>& arguments);

}  // namespace hullscope::jobs
