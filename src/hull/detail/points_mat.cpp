#include <hullscope/hull/detail/points_mat.hpp>

#include <memory>
#include <numeric>
#include <optional>

#include <hullscope/hull/detail/petsc_attach.hpp>
#include <hullscope/hull/detail/tao_problem.hpp>
#include <hullscope/hull/tao_type.hpp>

namespace hullscope::hull::detail {
namespace {

constexpr const char* kName = "hullscope_rows";

struct Rows {
  std::optional<RowBlock> block;
  Matrix<double> copy;           ///< of another kind of Mat; else empty
  std::vector<PetscInt> column;  ///< 0 ... d - 1, and one row: what MatGetRow gives out
  std::vector<double> row;
};

PetscErrorCode copy_rows(Mat points, Rows* rows) {
  PetscInt first = 0, last = 0, d = 0;
  PetscFunctionBegin;
  PetscCall(MatGetOwnershipRange(points, &first, &last));
  PetscCall(MatGetSize(points, nullptr, &d));
  rows->copy = Matrix<double>::Zero(last - first, d);
  for (PetscInt i = first; i < last; ++i) {
    PetscInt entries = 0;
    const PetscInt* column = nullptr;
    const PetscScalar* value = nullptr;
    PetscCall(MatGetRow(points, i, &entries, &column, &value));
    for (PetscInt k = 0; k < entries; ++k) rows->copy(i - first, column[k]) = value[k];
    PetscCall(MatRestoreRow(points, i, &entries, &column, &value));
  }
  rows->block.emplace(RowBlock{view(rows->copy), first});
  PetscFunctionReturn(0);
}

PetscErrorCode get_row(Mat points, PetscInt i, PetscInt* entries, PetscInt** columns, PetscScalar** values) {
  Rows* rows = nullptr;
  PetscFunctionBegin;
  PetscCall(attached(reinterpret_cast<PetscObject>(points), kName, &rows));
  std::visit(
      [&](const auto& x) {
        for (Eigen::Index k = 0; k < x.cols(); ++k)
          rows->row[static_cast<std::size_t>(k)] = static_cast<double>(x(i - rows->block->first, k));
      },
      rows->block->rows);
  if (entries != nullptr) *entries = static_cast<PetscInt>(rows->row.size());
  if (columns != nullptr) *columns = rows->column.data();
  if (values != nullptr) *values = rows->row.data();
  PetscFunctionReturn(0);
}

PetscErrorCode restore_row(Mat, PetscInt, PetscInt*, PetscInt**, PetscScalar**) {
  return 0;
}

}  // namespace

PetscErrorCode points_rows(Mat points, const RowBlock** block) {
  Rows* rows = nullptr;
  PetscFunctionBegin;
  PetscCall(attached(reinterpret_cast<PetscObject>(points), kName, &rows));
  if (rows == nullptr) {
    auto made = std::make_unique<Rows>();
    rows = made.get();
    PetscCall(copy_rows(points, rows));
    PetscCall(attach(reinterpret_cast<PetscObject>(points), kName, std::move(made)));
  }
  *block = &*rows->block;
  PetscFunctionReturn(0);
}

}  // namespace hullscope::hull::detail

using namespace hullscope;
using namespace hullscope::hull;

PetscErrorCode HullscopeMatCreatePoints(MPI_Comm comm, PetscInt rows, PetscInt d, PetscDataType type,
                                        const void* values, Mat* points) {
  PetscInt first = 0;
  PetscFunctionBegin;
  PetscCheck(rows >= 0 && d >= 1, comm, PETSC_ERR_ARG_OUTOFRANGE,
             "Points of %" PetscInt_FMT " x %" PetscInt_FMT " on a rank; expected >= 0 rows of >= 1 coordinate", rows,
             d);
  PetscCheck(type == PETSC_FLOAT || type == PETSC_DOUBLE, comm, PETSC_ERR_ARG_WRONG,
             "Points of type %s; expected PETSC_FLOAT or PETSC_DOUBLE", PetscDataTypes[type]);
  PetscCall(MatCreateShell(comm, rows, PETSC_DECIDE, PETSC_DETERMINE, d, nullptr, points));
  PetscCall(MatSetUp(*points));
  PetscCall(MatGetOwnershipRange(*points, &first, nullptr));
  auto kept = std::make_unique<detail::Rows>();
  if (type == PETSC_FLOAT)
    kept->block.emplace(detail::RowBlock{MatrixView<float>(static_cast<const float*>(values), rows, d), first});
  else
    kept->block.emplace(detail::RowBlock{MatrixView<double>(static_cast<const double*>(values), rows, d), first});
  kept->column.resize(static_cast<std::size_t>(d));
  std::iota(kept->column.begin(), kept->column.end(), 0);
  kept->row.resize(static_cast<std::size_t>(d));
  PetscCall(detail::attach(reinterpret_cast<PetscObject>(*points), detail::kName, std::move(kept)));
  PetscCall(MatShellSetOperation(*points, MATOP_GET_ROW, reinterpret_cast<void (*)()>(detail::get_row)));
  PetscCall(MatShellSetOperation(*points, MATOP_RESTORE_ROW, reinterpret_cast<void (*)()>(detail::restore_row)));
  PetscFunctionReturn(0);
}
