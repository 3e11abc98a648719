// Standard error of a rank: lines, and on a terminal one bar below them.
#pragma once
#include <string>

namespace hullscope::parallel::detail {

void set_world_rank(int rank);
int world_rank();

/// Is there someone to see a bar? HULLSCOPE_PROGRESS=bar|lines decides; otherwise standard error is a terminal.
/// (Under mpirun it never is: the launcher, which sees the terminal, sets the variable.)
bool bar_wanted();
int terminal_width();

/// Draws the bar anew, or takes it away (empty text). Lines of the log go above it.
void draw_bar(const std::string& text);

}  // namespace hullscope::parallel::detail
