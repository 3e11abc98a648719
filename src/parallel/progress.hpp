// Progress of a stage: a bar on a terminal, a line at intervals in a log, always DIR/progress.json.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include <hullscope/parallel/comm.hpp>

namespace hullscope::parallel {

/// One stage's progress. Constructor and destructor collective; add() is not, and cheap: every rank counts its own
/// work, rank 0 shows the sum: on a terminal (or with HULLSCOPE_PROGRESS=bar) as a bar, otherwise as a line at the
/// start, at the end and every 10 s (HULLSCOPE_PROGRESS_SECONDS).
class Progress {
 public:
  /// `unit`: what is counted ("queries", "epochs"). `folder`: where progress.json goes, "" for none. `done_before`:
  /// what a resumed stage finds done (the same on every rank; it counts as done but not for the rate).
  Progress(const Comm& comm, std::string folder, std::string stage, std::string unit, std::int64_t total,
           std::int64_t done_before = 0);
  ~Progress();
  void add(std::int64_t n);            ///< any thread; also a heartbeat()
  void add_before(std::int64_t n);     ///< as add(), of what an earlier run had done
  void note(const std::string& line);  ///< a line of the log that does not break the bar (rank 0's are shown)

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Log to standard error with the level's colour on a terminal. Level by HULLSCOPE_LOG (debug, info, warning, error).
/// Information is shown of rank 0 (of the others at level debug); a warning of any rank is shown with its rank, so warn
/// of what all ranks see on rank 0 only.
void log_info(const std::string& line);
void log_warning(const std::string& line);

/// Wall and CPU seconds and peak memory (PSS) since construction, summed over the ranks at the end.
class Stopwatch {
 public:
  Stopwatch();
  double wall_seconds() const;
  double cpu_seconds() const;                ///< this process
  static std::int64_t proportional_bytes();  ///< PSS of this process now (a shared window counts once over its ranks)
  static std::int64_t peak_bytes();          ///< the largest resident set of this process
  /// The largest PSS of this process since begin_peak(), or its start. What was freed since its resident set was
  /// largest counts as its own; so large memory that ranks share is freed between note_peak(), a barrier and
  /// restart_peak().
  static std::int64_t peak_proportional_bytes();
  static void begin_peak();
  static void note_peak();
  static void restart_peak();

 private:
  double wall_, cpu_;
};

}  // namespace hullscope::parallel
