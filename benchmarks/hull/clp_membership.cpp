// clp_membership POINTS.npy QUERIES.npy: hull membership by Clp's dual simplex, warm-started from query to query.
//
// One linear program, loaded once: find l >= 0 with sum_i l_i x_i = y, sum_i l_i = 1. From query to query only the
// right side changes, so the last basis stays dual feasible. Prints one line per query: its number, Clp's status (0
// feasible, 1 infeasible) and CPU seconds; the first query's time includes the first, cold solve. Files: little-endian
// float32 or float64, row-major, as numpy.save writes them.
//
//     g++ -O2 -std=c++20 clp_membership.cpp $(pkg-config --cflags --libs clp) -o clp_membership
#include <ClpSimplex.hpp>
#include <CoinPackedMatrix.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

struct Array {
  int rows = 0, columns = 0;
  std::vector<double> value;
};

Array load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (all.size() < 10 || all.compare(1, 5, "NUMPY") != 0) {
    std::fprintf(stderr, "%s: expected a file of numpy.save\n", path.c_str());
    std::exit(2);
  }
  const std::size_t start = 10 + static_cast<unsigned char>(all[8]) + 256 * static_cast<unsigned char>(all[9]);
  const std::string header = all.substr(10, start - 10);
  Array array;
  std::sscanf(header.c_str() + header.find('(') + 1, "%d, %d", &array.rows, &array.columns);
  const std::size_t count = static_cast<std::size_t>(array.rows) * static_cast<std::size_t>(array.columns);
  array.value.resize(count);
  if (header.find("<f8") != std::string::npos) {
    std::memcpy(array.value.data(), all.data() + start, count * sizeof(double));
  } else {
    std::vector<float> single(count);
    std::memcpy(single.data(), all.data() + start, count * sizeof(float));
    array.value.assign(single.begin(), single.end());
  }
  return array;
}

double cpu_seconds() {
  std::timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void load_problem(ClpSimplex& model, const Array& points) {
  const int n = points.rows, d = points.columns;
  std::vector<CoinBigIndex> start(static_cast<std::size_t>(n) + 1);
  std::vector<int> row;
  std::vector<double> entry;
  for (int i = 0; i < n; ++i) {
    start[static_cast<std::size_t>(i)] = static_cast<CoinBigIndex>(row.size());
    for (int k = 0; k < d; ++k) {
      const double x =
          points.value[static_cast<std::size_t>(i) * static_cast<std::size_t>(d) + static_cast<std::size_t>(k)];
      if (x != 0) row.push_back(k), entry.push_back(x);
    }
    row.push_back(d), entry.push_back(1);
  }
  start.back() = static_cast<CoinBigIndex>(row.size());
  const std::vector<double> right(static_cast<std::size_t>(d) + 1, 1.0);
  model.loadProblem(n, d + 1, start.data(), row.data(), entry.data(), nullptr, nullptr, nullptr, right.data(),
                    right.data());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: clp_membership POINTS.npy QUERIES.npy\n", stderr);
    return 2;
  }
  const Array points = load(argv[1]), queries = load(argv[2]);
  ClpSimplex model;
  model.setLogLevel(0);
  load_problem(model, points);
  for (int q = 0; q < queries.rows; ++q) {
    const double before = cpu_seconds();
    for (int k = 0; k < queries.columns; ++k) {
      const double y = queries.value[static_cast<std::size_t>(q) * static_cast<std::size_t>(queries.columns) +
                                     static_cast<std::size_t>(k)];
      model.setRowBounds(k, y, y);
    }
    model.dual();
    std::printf("%d %d %.6f\n", q, model.status(), cpu_seconds() - before);
    std::fflush(stdout);
  }
  return 0;
}
