// Reads systems from standard input, "k d", then k rows of d numbers and the target's d numbers in hexadecimal, and
// writes what exact_barycentric() says: "unique w ...", "inconsistent" or "dependent". For exact_solver_test.py.
#include <cstdio>
#include <iostream>
#include <numeric>
#include <string>

#include <hullscope/proof/exact.hpp>

using namespace hullscope;

int main() {
  for (int k = 0, d = 0; std::cin >> k >> d;) {
    Matrix<double> all(k + 1, d);
    for (Eigen::Index i = 0; i < all.size(); ++i) {
      std::string word;
      std::cin >> word;
      all.data()[i] = std::stod(word);
    }
    std::vector<std::int64_t> support(static_cast<std::size_t>(k));
    std::iota(support.begin(), support.end(), 0);
    const auto solved = proof::exact_barycentric(view(all), support, {all.row(k).data(), static_cast<std::size_t>(d)});
    if (solved.status == proof::Solvability::dependent) std::printf("dependent");
    if (solved.status == proof::Solvability::inconsistent) std::printf("inconsistent");
    if (solved.status == proof::Solvability::unique) std::printf("unique");
    for (const double w : solved.weight) std::printf(" %a", w);
    std::printf("\n");
  }
}
