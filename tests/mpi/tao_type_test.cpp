// The TAO type "hullscope" on ranks, some of them without points: the same bits as on one rank, the reference's
// distance, and all that PETSc promises of a type (monitors, tolerances, reasons, history).
#include <cstring>

#include <hullscope/hull/tao_type.hpp>
#include <hullscope/parallel/comm.hpp>

#include "../unit/hull_support.hpp"

namespace hullscope::test {
namespace {

#define EXPECT_PETSC(call) EXPECT_EQ(call, 0) << #call

MPI_Comm world() {
  static const parallel::Comm comm = parallel::Comm::world();
  return *static_cast<MPI_Comm*>(comm.native());
}

struct Found {
  PetscReal distance = 0, separation = 0;
  std::vector<PetscReal> nearest;
  TaoConvergedReason reason = TAO_CONTINUE_ITERATING;
  PetscInt iterations = 0, monitored = 0;
  bool falling = true;  ///< objectives of the history
};

/// How the rows are dealt out to the ranks of a communicator.
enum class Deal { tiles, none_on_first, none_on_last };

std::pair<std::int64_t, std::int64_t> share(MPI_Comm comm, std::int64_t n, Deal deal) {
  int rank = 0, size = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  const int from = deal == Deal::none_on_first && size > 1 ? 1 : 0;
  const int to = deal == Deal::none_on_last && size > 1 ? size - 1 : size;
  const std::int64_t tiles = (n + 1023) / 1024, each = (tiles + to - from - 1) / (to - from);
  const auto start = [&](int r) { return std::min(n, std::clamp(r - from, 0, to - from) * each * 1024); };
  return {start(rank), start(rank + 1)};
}

PetscErrorCode count(Tao, void* calls) {
  ++*static_cast<PetscInt*>(calls);
  return 0;
}

struct Case {
  std::string type = TAOHULLSCOPE;
  PetscReal scale = 1;
  PetscInt maximum = -1;
  PetscReal tolerance = 1e-12;
};

Found solve(Mat points, MPI_Comm comm, const Vector<double>& y, const Case& how) {
  Tao tao = nullptr;
  Found found;
  found.nearest.resize(static_cast<std::size_t>(y.size()));
  std::vector<PetscReal> objective(600);
  EXPECT_PETSC(TaoCreate(comm, &tao));
  EXPECT_PETSC(HullscopeTaoSetQuery(tao, points, y.data(), how.scale));
  EXPECT_PETSC(TaoSetType(tao, how.type.c_str()));
  EXPECT_PETSC(TaoSetTolerances(tao, how.tolerance, how.tolerance, 0));
  if (how.maximum >= 0) {
    EXPECT_PETSC(TaoSetMaximumIterations(tao, how.maximum));
  }
  EXPECT_PETSC(TaoSetFromOptions(tao));
  EXPECT_PETSC(HullscopeTaoPrepare(tao));
  EXPECT_PETSC(TaoSetMonitor(tao, count, &found.monitored, nullptr));
  EXPECT_PETSC(TaoSetConvergenceHistory(tao, objective.data(), nullptr, nullptr, nullptr, 600, PETSC_TRUE));
  EXPECT_PETSC(TaoSolve(tao));
  EXPECT_PETSC(TaoGetConvergedReason(tao, &found.reason));
  EXPECT_PETSC(TaoGetIterationNumber(tao, &found.iterations));
  EXPECT_PETSC(HullscopeTaoGetNearest(tao, found.nearest.data(), &found.distance, &found.separation));
  PetscInt entries = 0;
  EXPECT_PETSC(TaoGetConvergenceHistory(tao, nullptr, nullptr, nullptr, nullptr, &entries));
  for (PetscInt i = 1; i < entries; ++i)
    found.falling = found.falling && objective[static_cast<std::size_t>(i)] <=
                                         objective[static_cast<std::size_t>(i - 1)] * (1 + 1e-12) + 1e-28;
  EXPECT_PETSC(TaoDestroy(&tao));
  return found;
}

template <class Scalar>
Mat make_points(MPI_Comm comm, const Matrix<Scalar>& x, Deal deal) {
  Mat points = nullptr;
  const auto [first, last] = share(comm, x.rows(), deal);
  EXPECT_PETSC(HullscopeMatCreatePoints(comm, static_cast<PetscInt>(last - first), static_cast<PetscInt>(x.cols()),
                                        std::is_same_v<Scalar, float> ? PETSC_FLOAT : PETSC_DOUBLE,
                                        x.data() + first * x.cols(), &points));
  return points;
}

template <class Scalar>
Found solve(MPI_Comm comm, const Matrix<Scalar>& x, const Vector<double>& y, Deal deal = Deal::tiles,
            const Case& how = {}) {
  Mat points = make_points(comm, x, deal);
  const Found found = solve(points, comm, y, how);
  EXPECT_PETSC(MatDestroy(&points));
  return found;
}

double reference_distance(const PointsView& points, const Vector<double>& y) {
  hull::MembershipOptions options;
  options.solver = "reference";
  options.projection = true;
  Matrix<double> queries = y.transpose();
  return hull::Membership(points, options).find({view(queries), {}, {}}).proofs.front().distance_upper;
}

/// The same bits on all ranks together as on one, however the rows are dealt out.
template <class Scalar>
Found solve_everywhere(const Matrix<Scalar>& x, const Vector<double>& y, const Case& how = {}) {
  const Found alone = solve(MPI_COMM_SELF, x, y, Deal::tiles, how);
  for (const Deal deal : {Deal::tiles, Deal::none_on_first, Deal::none_on_last}) {
    const Found together = solve(world(), x, y, deal, how);
    EXPECT_EQ(std::memcmp(&together.distance, &alone.distance, sizeof alone.distance), 0)
        << together.distance << " " << alone.distance;
    EXPECT_EQ(together.separation, alone.separation);
    EXPECT_EQ(together.nearest, alone.nearest);
    EXPECT_EQ(together.iterations, alone.iterations);
    EXPECT_EQ(together.reason, alone.reason);
  }
  EXPECT_GT(alone.reason, 0) << "not converged";
  EXPECT_EQ(alone.monitored, alone.iterations + 1);
  EXPECT_TRUE(alone.falling) << "the objective rose";
  return alone;
}

TEST(TaoType, DistancesOfCloudsAreTheReferences) {
  for (const int d : {1, 2, 5, 21}) {
    const Matrix<float> x = gaussian<float>(5000, d, seed(), "cloud");
    for (const double size : {0.3, 1.5, 4.0}) {
      const Vector<double> y = size * gaussian<double>(1, d, seed(), "query").row(0).transpose();
      const Found found = solve_everywhere(x, y);
      const double distance = reference_distance(view(x), y);
      EXPECT_NEAR(found.distance, distance, 1e-6 * distance + 1e-9) << "d = " << d << ", seed " << seed();
      EXPECT_LE(found.separation, found.distance * (1 + 1e-9) + 1e-12);
      if (distance > 1e-3) {
        EXPECT_NEAR(found.separation, found.distance, 1e-5 * distance) << "d = " << d << ", seed " << seed();
      }
      EXPECT_LE(found.iterations, 30);
    }
  }
}

TEST(TaoType, AwkwardPoints) {
  Matrix<double> few = gaussian<double>(3, 7, seed(), "few");  // fewer points than dimensions
  EXPECT_NEAR(solve_everywhere(few, Vector<double>::Zero(7)).distance,
              reference_distance(view(few), Vector<double>::Zero(7)), 1e-6);
  const Matrix<float> one = gaussian<float>(1, 4, seed(), "one");
  EXPECT_NEAR(solve_everywhere(one, Vector<double>::Zero(4)).distance, one.cast<double>().norm(), 1e-12);
  EXPECT_EQ(solve_everywhere(one, one.row(0).transpose().cast<double>()).distance, 0);
  Matrix<float> many = gaussian<float>(1500, 3, seed(), "many");
  many.bottomRows(700) = many.topRows(700);  // duplicates
  many.col(1).setConstant(2);                // a dead coordinate
  EXPECT_NEAR(solve_everywhere(many, many.row(20).transpose().cast<double>()).distance, 0, 1e-7);
  Vector<double> far(3);
  far << 1e6, 2, -3e6;
  EXPECT_NEAR(solve_everywhere(many, far).distance, reference_distance(view(many), far), 1);
}

TEST(TaoType, TheScaleOfTheDataDoesNotMatter) {
  const Matrix<double> x = gaussian<double>(2000, 4, seed(), "scale");
  const Vector<double> y = Vector<double>::Constant(4, 2.5);
  const double distance = solve_everywhere(x, y).distance;
  for (const double factor : {0x1p-100, 0x1p100}) {
    Case how;
    how.scale = factor;
    const Matrix<double> scaled = x * factor;
    EXPECT_NEAR(solve_everywhere(scaled, Vector<double>(y * factor), how).distance / factor, distance, 1e-12);
  }
}

TEST(TaoType, AnyMatWillDo) {
  const Matrix<double> x = gaussian<double>(3000, 5, seed(), "mat");
  const Vector<double> y = Vector<double>::Constant(5, 2);
  const Found expected = solve(MPI_COMM_SELF, x, y);
  const auto [first, last] = share(world(), x.rows(), Deal::tiles);
  for (const char* type : {MATDENSE, MATAIJ}) {
    Mat points = nullptr;
    EXPECT_PETSC(MatCreate(world(), &points));
    EXPECT_PETSC(MatSetSizes(points, static_cast<PetscInt>(last - first), PETSC_DECIDE, PETSC_DETERMINE, 5));
    EXPECT_PETSC(MatSetType(points, type));
    EXPECT_PETSC(MatSetUp(points));
    for (PetscInt i = static_cast<PetscInt>(first); i < last; ++i)
      for (PetscInt k = 0; k < 5; ++k) EXPECT_PETSC(MatSetValue(points, i, k, x(i, k), INSERT_VALUES));
    EXPECT_PETSC(MatAssemblyBegin(points, MAT_FINAL_ASSEMBLY));
    EXPECT_PETSC(MatAssemblyEnd(points, MAT_FINAL_ASSEMBLY));
    const Found found = solve(points, world(), y, {});
    EXPECT_EQ(found.distance, expected.distance) << type;
    EXPECT_EQ(found.nearest, expected.nearest) << type;
    EXPECT_PETSC(MatDestroy(&points));
  }
  Mat points = make_points(world(), x, Deal::tiles);  // and ours gives its rows out like any other
  for (PetscInt i = static_cast<PetscInt>(first); i < std::min(last, first + 3); ++i) {
    PetscInt entries = 0;
    const PetscScalar* value = nullptr;
    EXPECT_PETSC(MatGetRow(points, i, &entries, nullptr, &value));
    EXPECT_EQ(entries, 5);
    for (PetscInt k = 0; k < entries; ++k) EXPECT_EQ(value[k], x(i, k));
    EXPECT_PETSC(MatRestoreRow(points, i, &entries, nullptr, &value));
  }
  EXPECT_PETSC(MatDestroy(&points));
}

TEST(TaoType, BuiltInTypesSolveTheSameObjects) {
  const Matrix<float> x = gaussian<float>(600, 3, seed(), "built in");
  const Vector<double> y = Vector<double>::Constant(3, 3);
  const double distance = reference_distance(view(x), y);
  for (const char* type : {TAOBLMVM, TAOBNCG, TAOBNLS, TAOBNTR, TAOBQNLS, TAOBQNKTR, TAOGPCG, TAOTRON, TAOBQPIP}) {
    Case how;
    how.type = type;
    how.tolerance = how.type == TAOBQPIP ? 1e-4 : 1e-7;
    const Found found = solve(world(), x, y, Deal::none_on_last, how);
    EXPECT_NEAR(found.distance, distance, 2e-3 * distance) << type << ", reason " << found.reason;
  }
}

TEST(TaoType, TolerancesLimitsAndReasons) {
  const Matrix<float> x = gaussian<float>(3000, 12, seed(), "limits");
  const Vector<double> y = Vector<double>::Constant(12, 1);
  Case how;
  how.maximum = 1;
  EXPECT_EQ(solve(world(), x, y, Deal::tiles, how).reason, TAO_DIVERGED_MAXITS);
  how = {};
  const Found tight = solve(world(), x, y, Deal::tiles, how);
  how.tolerance = 1e-2;
  const Found loose = solve(world(), x, y, Deal::tiles, how);
  EXPECT_LE(loose.iterations, tight.iterations);
  EXPECT_TRUE(loose.reason == TAO_CONVERGED_GATOL || loose.reason == TAO_CONVERGED_GRTOL) << loose.reason;
}

TEST(TaoType, MisuseIsAnErrorWithASentence) {
  EXPECT_PETSC(PetscPushErrorHandler(PetscReturnErrorHandler, nullptr));
  Tao tao = nullptr;
  EXPECT_PETSC(TaoCreate(MPI_COMM_SELF, &tao));
  Vec solution = nullptr;
  EXPECT_PETSC(VecCreateSeq(MPI_COMM_SELF, 3, &solution));
  EXPECT_PETSC(TaoSetSolution(tao, solution));
  EXPECT_PETSC(TaoSetType(tao, TAOHULLSCOPE));
  EXPECT_NE(TaoSolve(tao), 0);
  char* sentence = nullptr;
  EXPECT_PETSC(PetscErrorMessage(PETSC_ERR_ORDER, nullptr, &sentence));
  EXPECT_NE(std::string(sentence).find("HullscopeTaoSetQuery"), std::string::npos) << sentence;
  const Matrix<float> none(0, 2);
  Mat points = nullptr;
  EXPECT_PETSC(HullscopeMatCreatePoints(MPI_COMM_SELF, 0, 2, PETSC_FLOAT, none.data(), &points));
  const PetscReal y[2] = {0, 0};
  EXPECT_NE(HullscopeTaoSetQuery(tao, points, y, 1), 0);
  EXPECT_NE(HullscopeTaoSetQuery(tao, points, y, -1), 0);
  EXPECT_PETSC(MatDestroy(&points));
  EXPECT_PETSC(VecDestroy(&solution));
  EXPECT_PETSC(TaoDestroy(&tao));
  EXPECT_PETSC(PetscPopErrorHandler());
}

struct Petsc : testing::Environment {
  void SetUp() override {
    PETSC_COMM_WORLD = world();
    EXPECT_PETSC(PetscInitializeNoArguments());
    EXPECT_PETSC(HullscopeTaoRegister());
  }
  void TearDown() override { EXPECT_PETSC(PetscFinalize()); }
};
const testing::Environment* const petsc = testing::AddGlobalTestEnvironment(new Petsc);

}  // namespace
}  // namespace hullscope::test
