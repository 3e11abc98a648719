// TAO types on hull problems: what each costs a query until it converges, and how near it then is.
//
//   tao_types -points p.f32 -n 60000 -d 8 -queries q.f32 -m 4 -types hullscope,blmvm,... [-max_it 5000] [-limit 60]
//
// p.f32, q.f32: raw float32, row-major (run.py writes them). Runs on any number of ranks, the points spread over them.
// A line a type: CPU seconds (of all ranks) and gradients a query (medians), queries converged, and the largest error of
// a distance relative to the one that the type hullscope finds at the tightest tolerance.
#include <hullscope/hull/tao_type.hpp>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::vector<float> read_rows(const std::string& path, PetscInt first, PetscInt count, PetscInt d) {
  std::vector<float> values(static_cast<std::size_t>(count) * static_cast<std::size_t>(d));
  std::FILE* file = std::fopen(path.c_str(), "rb");
  const long offset = static_cast<long>(first) * d * static_cast<long>(sizeof(float));
  const bool good = file != nullptr && std::fseek(file, offset, SEEK_SET) == 0 &&
                    std::fread(values.data(), sizeof(float), values.size(), file) == values.size();
  if (file != nullptr) std::fclose(file);
  if (!good) {
    std::fprintf(stderr, "tao_types: %s has not the rows that -n, -m and -d promise\n", path.c_str());
    MPI_Abort(PETSC_COMM_WORLD, 2);
  }
  return values;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : v[v.size() / 2];
}

/// Leaves a query when it has taken -limit CPU seconds on this rank.
struct Limit {
  double start = 0, seconds = 0;
};

PetscErrorCode converged(Tao tao, void* context) {
  const Limit& limit = *static_cast<Limit*>(context);
  PetscFunctionBegin;
  PetscCall(TaoDefaultConvergenceTest(tao, nullptr));
  int late = cpu_seconds() - limit.start > limit.seconds ? 1 : 0;
  PetscCallMPI(MPI_Bcast(&late, 1, MPI_INT, 0, PETSC_COMM_WORLD));
  if (late != 0) PetscCall(TaoSetConvergedReason(tao, TAO_DIVERGED_USER));
  PetscFunctionReturn(0);
}

struct Outcome {
  double cpu = 0, distance = 0;
  PetscInt gradients = 0;
  TaoConvergedReason reason = TAO_CONTINUE_ITERATING;
};

PetscErrorCode solve(Mat points, const std::vector<PetscReal>& y, PetscReal scale, const std::string& type,
                     PetscReal tolerance, PetscInt max_it, double seconds, Outcome* outcome) {
  Tao tao = nullptr;
  Limit limit{cpu_seconds(), seconds};
  PetscFunctionBegin;
  PetscCall(TaoCreate(PETSC_COMM_WORLD, &tao));
  PetscCall(HullscopeTaoSetQuery(tao, points, y.data(), scale));
  PetscCall(TaoSetType(tao, type.c_str()));
  PetscCall(TaoSetTolerances(tao, tolerance, 0, 0));
  PetscCall(TaoSetMaximumIterations(tao, max_it));
  PetscCall(TaoSetFromOptions(tao));
  PetscCall(HullscopeTaoPrepare(tao));
  PetscCall(TaoSetConvergenceTest(tao, converged, &limit));
  PetscCall(TaoSolve(tao));
  double cpu = cpu_seconds() - limit.start;
  PetscCallMPI(MPI_Allreduce(&cpu, &outcome->cpu, 1, MPI_DOUBLE, MPI_SUM, PETSC_COMM_WORLD));
  PetscCall(TaoGetCurrentFunctionEvaluations(tao, &outcome->gradients));
  PetscCall(TaoGetConvergedReason(tao, &outcome->reason));
  PetscCall(HullscopeTaoGetNearest(tao, nullptr, &outcome->distance, nullptr));
  PetscCall(TaoDestroy(&tao));
  PetscFunctionReturn(0);
}

}  // namespace

int main(int argc, char** argv) {
  PetscInt n = 0, d = 0, m = 1, max_it = 5000;
  PetscReal limit = 120, scale = 1, tolerance = 1e-7;
  char points_path[PETSC_MAX_PATH_LEN] = "", queries_path[PETSC_MAX_PATH_LEN] = "", types[1024] = TAOHULLSCOPE;
  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(&argc, &argv, nullptr, nullptr));
  PetscCall(PetscOptionsGetString(nullptr, nullptr, "-points", points_path, sizeof points_path, nullptr));
  PetscCall(PetscOptionsGetString(nullptr, nullptr, "-queries", queries_path, sizeof queries_path, nullptr));
  PetscCall(PetscOptionsGetString(nullptr, nullptr, "-types", types, sizeof types, nullptr));
  PetscCall(PetscOptionsGetInt(nullptr, nullptr, "-n", &n, nullptr));
  PetscCall(PetscOptionsGetInt(nullptr, nullptr, "-d", &d, nullptr));
  PetscCall(PetscOptionsGetInt(nullptr, nullptr, "-m", &m, nullptr));
  PetscCall(PetscOptionsGetInt(nullptr, nullptr, "-max_it", &max_it, nullptr));
  PetscCall(PetscOptionsGetReal(nullptr, nullptr, "-limit", &limit, nullptr));
  PetscCall(PetscOptionsGetReal(nullptr, nullptr, "-scale", &scale, nullptr));
  PetscCall(PetscOptionsGetReal(nullptr, nullptr, "-gradient_tolerance", &tolerance, nullptr));
  int rank = 0, size = 1;
  MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
  MPI_Comm_size(PETSC_COMM_WORLD, &size);
  const PetscInt tiles = (n + 1023) / 1024, each = (tiles + size - 1) / size * 1024;
  const PetscInt first = std::min<PetscInt>(n, each * rank), local = std::min<PetscInt>(each, n - first);
  const std::vector<float> rows = read_rows(points_path, first, local, d), asked = read_rows(queries_path, 0, m, d);
  PetscCall(HullscopeTaoRegister());
  Mat points = nullptr;
  PetscCall(HullscopeMatCreatePoints(PETSC_COMM_WORLD, local, d, PETSC_FLOAT, rows.data(), &points));
  std::vector<double> truth;
  for (PetscInt q = 0; q < m; ++q) {
    const std::vector<PetscReal> y(asked.begin() + q * d, asked.begin() + (q + 1) * d);
    Outcome outcome;
    PetscCall(solve(points, y, scale, TAOHULLSCOPE, 1e-14, 500, 1e9, &outcome));
    truth.push_back(outcome.distance);
  }
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "type cpu_seconds gradients converged of worst_error reasons\n"));
  std::istringstream list(types);
  for (std::string type; std::getline(list, type, ',');) {
    std::vector<double> cpu, gradients;
    std::map<std::string, int> reasons;
    int good = 0;
    double worst = 0;
    for (PetscInt q = 0; q < m; ++q) {
      const std::vector<PetscReal> y(asked.begin() + q * d, asked.begin() + (q + 1) * d);
      Outcome outcome;
      PetscCall(solve(points, y, scale, type, tolerance, max_it, limit, &outcome));
      cpu.push_back(outcome.cpu);
      gradients.push_back(static_cast<double>(outcome.gradients));
      good += outcome.reason > 0;
      ++reasons[TaoConvergedReasons[outcome.reason]];
      const double t = truth[static_cast<std::size_t>(q)];
      worst = std::max(worst, std::abs(outcome.distance - t) / std::max(t, 1e-6 * scale));
    }
    std::string text;
    for (const auto& [reason, count] : reasons) text += (text.empty() ? "" : ",") + reason + ":" + std::to_string(count);
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "%s %.6f %.0f %d %d %.1e %s\n", type.c_str(), median(cpu), median(gradients),
                          good, static_cast<int>(m), worst, text.c_str()));
  }
  PetscCall(MatDestroy(&points));
  PetscCall(PetscFinalize());
  return 0;
}
