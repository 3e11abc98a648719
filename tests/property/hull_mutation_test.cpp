// 1,000 random mutations of the arrays of a hull file, with the digest taken as recomputed: every one that makes a
// verdict, a bound, a support, a weight or a direction false is refused, by the file's reader or by the checker; one
// that leaves all claims true is not. A judge in rationals says which is which.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/proof/checker.hpp>
#include <hullscope/proof/enclosure.hpp>
#include <hullscope/proof/exact.hpp>
#include <map>
#include <numeric>
#include <sstream>

#include "../../jobs/hull_file.hpp"
#include "proof_oracle.hpp"

namespace hullscope {
namespace {

using proof::Proof;
using proof::Verdict;

std::uint64_t seed() {
  const char* given = std::getenv("HULLSCOPE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 4;
}

/// One hull file: of all points, or of a class of them.
struct Hull {
  Matrix<double> points, queries;
  std::vector<std::uint8_t> mask;  ///< empty: all
  jobs::HullPiece piece;
};

std::vector<std::string> as_integers(const proof::oracle::Rationals& r) {
  mpz_class common = 1;
  for (const auto& x : r) common = lcm(common, x.get_den());
  std::vector<std::string> out;
  for (const auto& x : r) out.push_back(mpz_class(x * common).get_str());
  return out;
}

Proof honest_proof(const Hull& hull, Eigen::Index q) {
  const std::span<const double> y(hull.queries.row(q).data(), static_cast<std::size_t>(hull.queries.cols()));
  const proof::oracle::Answer answer = proof::oracle::solve(hull.points, y.data(), hull.mask);
  Proof proof;
  if (answer.inside) {
    proof.verdict = Verdict::inside;
    proof.support = answer.support;
    for (const auto& w : answer.weight) proof.weight.push_back(w.get_d());
    return proof;
  }
  std::vector<std::int64_t> members;
  for (std::int64_t i = 0; i < hull.points.rows(); ++i)
    if (hull.mask.empty() || hull.mask[static_cast<std::size_t>(i)] != 0) members.push_back(i);
  proof.support = {members[static_cast<std::size_t>(q) % members.size()], members.back()};
  proof.weight = {0.25, 0.75};
  if (proof.support[0] == proof.support[1]) proof.support.pop_back(), proof.weight = {1};
  proof.distance_upper = proof::hull_point_distance(view(hull.points), proof.support, proof.weight, y).upper;
  if (q % 7 == 3) return proof;  // honestly undecided
  proof.verdict = Verdict::outside;
  const std::vector<std::string> integers = as_integers(answer.direction);
  proof.direction = proof::ExactDirection(integers).unit();
  proof.distance_lower = proof::ExactDirection(proof.direction).distance_lower(view(hull.points), members, y);
  if (q % 3 == 0 || proof.distance_lower == 0) {
    proof.exact_direction = integers;
    proof.direction.clear();
    proof.distance_lower = proof::ExactDirection(integers).distance_lower(view(hull.points), members, y);
  }
  return proof;
}

Hull make_hull(std::uint64_t number) {
  RandomStream random(stream_key(seed(), "mutations/hull"), number);
  Hull hull;
  const auto d = static_cast<Eigen::Index>(1 + random.below(4));
  hull.points.resize(static_cast<Eigen::Index>(6 + random.below(12)), d);
  hull.queries.resize(12, d);
  const bool grid = number % 2 == 0;
  for (double& x : hull.points.reshaped()) x = grid ? static_cast<double>(random.below(5)) - 2 : random.normal();
  for (double& x : hull.queries.reshaped()) x = grid ? static_cast<double>(random.below(9)) / 2 - 2 : random.normal();
  for (Eigen::Index i = 0; number % 3 == 1 && i < hull.points.rows(); ++i) hull.mask.push_back(i % 3 != 0);
  std::vector<Proof> proofs;
  for (Eigen::Index q = 0; q < hull.queries.rows(); ++q) proofs.push_back(honest_proof(hull, q));
  hull.piece = jobs::pack_proofs(proofs, {}, 0, d);
  return hull;
}

/// Another number, of a random kind.
template <class T>
void change(T& x, RandomStream& random) {
  const T before = x;
  while (std::memcmp(&x, &before, sizeof x) == 0) {
    x = before;
    const std::uint64_t kind = random.below(4);
    if (kind == 0) {  // any bit
      std::uint64_t bits = 0;
      std::memcpy(&bits, &x, sizeof x);
      bits ^= std::uint64_t{1} << random.below(8 * sizeof x);
      std::memcpy(&x, &bits, sizeof x);
    } else if constexpr (std::is_integral_v<T>) {
      x = static_cast<T>(kind == 1 ? before + 1 : kind == 2 ? before - 1 : static_cast<T>(random.below(16)));
    } else {
      x = kind == 1 ? -x : kind == 2 ? x * (1 + std::ldexp(random.normal(), -20)) : x + std::ldexp(random.normal(), -8);
    }
  }
}

template <class T>
bool change_one(std::vector<T>& values, RandomStream& random) {
  if (values.empty()) return false;
  change(values[random.below(values.size())], random);
  return true;
}

/// A mutation of one array: an element changed, taken out or doubled, or two exchanged.
std::string mutate(jobs::HullPiece& piece, RandomStream& random) {
  const auto any = [&](const char* name, auto& values) -> std::string {
    using T = typename std::decay_t<decltype(values)>::value_type;
    if (values.empty()) return "";
    const std::size_t i = random.below(values.size()), j = random.below(values.size());
    const std::uint64_t kind = random.below(10);
    const std::vector<T> before = values;
    if (kind == 0)
      values.erase(values.begin() + static_cast<std::ptrdiff_t>(i));
    else if (kind == 1)
      values.insert(values.begin() + static_cast<std::ptrdiff_t>(i), T(values[j]));
    else if (kind == 2)
      std::swap(values[i], values[j]);
    else
      change_one(values, random);
    return name;
  };
  switch (random.below(9)) {
    case 0:
      return any("verdict", piece.verdict);
    case 1:
      return any("distance_lower", piece.distance_lower);
    case 2:
      return any("distance_upper", piece.distance_upper);
    case 3:
      return any("support/offset", piece.support_offset);
    case 4:
      return any("support/index", piece.support_index);
    case 5:
      return any("support/weight", piece.support_weight);
    case 6:
      return random.below(2) == 0 ? any("direction/query", piece.direction_query)
                                  : any("direction/vector", piece.direction_vector);
    case 7:
      return any("direction/vector", piece.direction_vector);
    default:
      if (random.below(2) == 0) return any("exact/query", piece.exact_query);
      if (piece.exact_direction.empty()) return "";
      std::string& text = piece.exact_direction[random.below(piece.exact_direction.size())];
      text[random.below(text.size())] = "0123456789- x"[random.below(13)];
      return "exact/direction";
  }
}

enum class Truth { yes, no, on_an_edge };

/// Are all claims true? By the rules of checker.hpp, in rationals.
Truth judged(const Hull& hull, const std::vector<Proof>& proofs) {
  const proof::oracle::Judge strict{hull.points, hull.mask, 0.5}, lax{hull.points, hull.mask, 2};
  bool edge = false;
  for (std::size_t q = 0; q < proofs.size(); ++q) {
    const double* y = hull.queries.row(static_cast<Eigen::Index>(q)).data();
    if (strict(proofs[q], y)) continue;
    if (!lax(proofs[q], y)) return Truth::no;
    edge = true;
  }
  return edge ? Truth::on_an_edge : Truth::yes;
}

TEST(HullMutations, AThousandFalseOnesAreRefused) {
  RecordProperty("seed", std::to_string(seed()));
  std::printf("HULLSCOPE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed()));
  std::map<std::string, int> refused, kept;
  int false_ones = 0, true_ones = 0;
  for (std::uint64_t number = 0; false_ones < 1000; ++number) {
    const Hull hull = make_hull(number);
    const std::int64_t d = hull.points.cols();
    const proof::Checker checker((view(hull.points)));
    const auto all_proved = [&](const std::vector<Proof>& proofs) {
      if (static_cast<Eigen::Index>(proofs.size()) != hull.queries.rows()) return false;  // verify: its size
      const auto results = checker.check(view(hull.queries), proofs, 0, hull.mask);
      return std::all_of(results.begin(), results.end(), [](const auto& r) { return r.proved; });
    };
    ASSERT_EQ(judged(hull, jobs::unpack_proofs(hull.piece, d, "honest")), Truth::yes);
    ASSERT_TRUE(all_proved(jobs::unpack_proofs(hull.piece, d, "honest")));
    RandomStream random(stream_key(seed(), "mutations"), number);
    for (int k = 0; k < 40 && false_ones < 1000; ++k) {
      jobs::HullPiece piece = hull.piece;
      const std::string what = mutate(piece, random);
      std::vector<Proof> proofs;
      try {
        proofs = jobs::unpack_proofs(piece, d, "mutated");
      } catch (const DataError&) {  // its arrays contradict each other
        ++refused[what], ++false_ones;
        continue;
      }
      const Truth truth = proofs.size() == 12 ? judged(hull, proofs) : Truth::no;
      if (truth == Truth::on_an_edge) continue;
      ASSERT_EQ(all_proved(proofs), truth == Truth::yes) << what << ", hull " << number << ", mutation " << k;
      ++(truth == Truth::no ? refused : kept)[what];
      ++(truth == Truth::no ? false_ones : true_ones);
    }
  }
  for (const char* array : {"verdict", "distance_lower", "distance_upper", "support/offset", "support/index",
                            "support/weight", "direction/query", "direction/vector", "exact/query", "exact/direction"})
    EXPECT_GT(refused[array], 10) << array;
  EXPECT_GT(true_ones, 20);  // the judge and the checker also agree on those
}

}  // namespace
}  // namespace hullscope
