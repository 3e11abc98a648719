// A rank's own rows behind a Mat.
#pragma once
#include <petscmat.h>

#include <hullscope/hull/detail/cone.hpp>

namespace hullscope::hull::detail {

/// This rank's rows of a Mat made by HullscopeMatCreatePoints, or of any other whose rows MatGetRow reads (then copied
/// on the first call, and kept with the Mat). Valid while the Mat lives. Collective.
PetscErrorCode points_rows(Mat points, const RowBlock** block);

}  // namespace hullscope::hull::detail
