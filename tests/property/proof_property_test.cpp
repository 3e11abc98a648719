// Random honest proofs pass, every false change is refused: on 1,600 small cases of all kinds, and thousands of
// changes, the checker says what a judge in rationals says.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <hullscope/base/random.hpp>
#include <hullscope/proof/checker.hpp>
#include <hullscope/proof/enclosure.hpp>
#include <hullscope/proof/exact.hpp>
#include <numeric>

#include "proof_oracle.hpp"

namespace hullscope::proof {
namespace {

std::uint64_t seed() {
  const char* given = std::getenv("HULLSCOPE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20220708;
}

struct Case {
  std::string kind;
  Matrix<double> points;
  Vector<double> y;
  bool float32 = false;
  std::vector<std::uint8_t> mask;
  std::vector<std::int64_t> leave_out;

  std::vector<std::uint8_t> allowed() const {
    std::vector<std::uint8_t> out =
        mask.empty() ? std::vector<std::uint8_t>(static_cast<std::size_t>(points.rows()), 1) : mask;
    if (!leave_out.empty() && leave_out[0] >= 0) out[static_cast<std::size_t>(leave_out[0])] = 0;
    return out;
  }
};

const std::vector<std::string> kKinds = {"grid",     "duplicates", "normal", "float32",   "tiny",  "huge",
                                         "low rank", "far",        "mixed",  "one point", "query", "subnormal"};

Case make_case(std::uint64_t number) {
  RandomStream random(stream_key(seed(), "proof/case"), number);
  Case c;
  c.kind = kKinds[number % kKinds.size()];
  const auto d = static_cast<Eigen::Index>(1 + random.below(4));
  const auto n = static_cast<Eigen::Index>(c.kind == "one point" ? 1 : 1 + random.below(12));
  c.points.resize(n, d);
  c.y.resize(d);
  const bool grid = c.kind == "grid" || c.kind == "duplicates" || c.kind == "low rank";
  const auto draw = [&] { return grid ? static_cast<double>(random.below(5)) - 2 : random.normal(); };
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index k = 0; k < d; ++k) c.points(i, k) = draw();
  for (Eigen::Index k = 0; k < d; ++k) c.y(k) = grid ? draw() / 2 : draw() * 0.4;
  if (c.kind == "duplicates")
    for (Eigen::Index i = 1; i < n; ++i)
      if (random.below(2) == 0) c.points.row(i) = c.points.row(i - 1);
  if (c.kind == "query")
    c.y = c.points.row(static_cast<Eigen::Index>(random.below(static_cast<std::uint64_t>(n)))).transpose();
  if (c.kind == "low rank" && d > 1) {
    c.points.col(d - 1) = c.points.col(0) * 3;
    c.y(d - 1) = c.y(0) * 3;
    if (d > 2) c.points.col(1).setConstant(c.y(1));
  }
  if (c.kind == "far") {
    c.points.array() += 0x1p40;
    c.y.array() += 0x1p40;
  }
  if (c.kind == "mixed")
    for (Eigen::Index k = 0; k < d; ++k) {
      const double factor = std::pow(10.0, static_cast<double>(random.below(61)) - 30);
      c.points.col(k) *= factor;
      c.y(k) *= factor;
    }
  const double scale = c.kind == "tiny" ? 1e-30 : c.kind == "huge" ? 1e30 : c.kind == "subnormal" ? 0x1p-1060 : 1;
  c.points *= scale;
  c.y *= scale;
  c.float32 = c.kind == "float32" || grid;
  if (c.float32) {
    c.points = c.points.cast<float>().cast<double>().eval();
    c.y = c.y.cast<float>().cast<double>().eval();
  }
  if (n > 2 && random.below(3) == 0) {
    c.mask.assign(static_cast<std::size_t>(n), 1);
    c.mask[random.below(static_cast<std::uint64_t>(n))] = 0;
  }
  if (n > 3 && random.below(3) == 0)
    c.leave_out = {static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(n)))};
  return c;
}

/// What the checker says, on float32 where the numbers are such.
CheckResult checked(const Case& c, const Proof& proof) {
  const Matrix<float> points = c.points.cast<float>(), y = c.y.transpose().cast<float>();
  const Matrix<double> query = c.y.transpose();
  const CheckRequest request{c.float32 ? PointsView(view(points)) : PointsView(view(c.points)),
                             c.float32 ? PointsView(view(y)) : PointsView(view(query)), c.mask, c.leave_out};
  return check(request, {proof}).front();
}

/// Any hull point bounds the distance.
void set_upper(const Case& c, RandomStream& random, Proof& proof) {
  const auto allowed = c.allowed();
  double sum = 0;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    if (allowed[i] == 0 || (!proof.support.empty() && random.below(3) != 0)) continue;
    proof.support.push_back(static_cast<std::int64_t>(i));
    proof.weight.push_back(random.uniform() + 0.01);
    sum += proof.weight.back();
  }
  for (double& w : proof.weight) w /= sum;
  const std::span<const double> y(c.y.data(), static_cast<std::size_t>(c.y.size()));
  proof.distance_upper = hull_point_distance(view(c.points), proof.support, proof.weight, y).upper;
}

/// Integers that are a positive multiple of r.
std::vector<std::string> as_integers(const oracle::Rationals& r) {
  mpz_class common = 1;
  for (const auto& x : r) common = lcm(common, x.get_den());
  std::vector<std::string> out;
  for (const auto& x : r) out.push_back(mpz_class(x * common).get_str());
  return out;
}

Proof honest_proof(const Case& c, RandomStream& random) {
  const oracle::Answer answer = oracle::solve(c.points, c.y.data(), c.allowed());
  const std::span<const double> y(c.y.data(), static_cast<std::size_t>(c.y.size()));
  Proof proof;
  if (answer.inside) {
    proof.verdict = Verdict::inside;
    proof.support = answer.support;
    for (const auto& w : answer.weight) proof.weight.push_back(w.get_d());
    return proof;
  }
  proof.verdict = Verdict::outside;
  std::vector<std::int64_t> rows;
  for (Eigen::Index i = 0; i < c.points.rows(); ++i)
    if (c.allowed()[static_cast<std::size_t>(i)] != 0) rows.push_back(i);
  proof.exact_direction = as_integers(answer.direction);
  const ExactDirection exact(proof.exact_direction);
  proof.distance_lower = exact.distance_lower(view(c.points), rows, y);
  const std::vector<double> unit = exact.unit();
  const double lower = ExactDirection(unit).distance_lower(view(c.points), rows, y);
  if (lower > 0 && random.below(4) != 0) {
    proof.direction = unit;
    proof.exact_direction.clear();
    proof.distance_lower = lower;
  }
  set_upper(c, random, proof);
  return proof;
}

void flip_bit(double& x, RandomStream& random) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits ^= std::uint64_t{1} << random.below(64);
  std::memcpy(&x, &bits, sizeof bits);
}

/// One change of a random kind. Many make a claim false, some do not; the judge says which.
void change(Proof& p, const Case& c, RandomStream& random) {
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random.below(n)); };
  const auto number = [&](double& x) {
    switch (random.below(8)) {
      case 0:
        x *= 1 + 1e-6;
        break;
      case 1:
        x *= 1 - 1e-6;
        break;
      case 2:
        x *= 2;
        break;
      case 3:
        x = -x;
        break;
      case 4:
        x = 0;
        break;
      case 5:
        x = std::nan("");
        break;
      case 6:
        x += 1e-8;
        break;
      default:
        flip_bit(x, random);
    }
  };
  const std::size_t i = p.support.empty() ? 0 : pick(p.support.size());
  switch (random.below(12)) {
    case 0:
      p.verdict = static_cast<Verdict>(random.below(4));
      break;
    case 1:
      p.support[i] += random.below(2) == 0 ? 1 : -1;
      break;
    case 2:
      p.support[i] = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(c.points.rows()) + 2));
      break;
    case 3:
      number(p.weight[i]);
      break;
    case 4:
      p.support.erase(p.support.begin() + static_cast<std::ptrdiff_t>(i));
      p.weight.erase(p.weight.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    case 5:
      p.support.insert(p.support.begin() + static_cast<std::ptrdiff_t>(i), p.support[i]);
      p.weight.insert(p.weight.begin() + static_cast<std::ptrdiff_t>(i), p.weight[i]);
      break;
    case 6: {
      const std::size_t j = pick(p.support.size());
      std::swap(random.below(2) == 0 ? p.support[i] : p.support[0], p.support[j]);
      std::swap(p.weight[i], p.weight[j]);
      break;
    }
    case 7:
      number(p.distance_lower);
      break;
    case 8:
      number(p.distance_upper);
      break;
    case 9:
      if (!p.direction.empty()) number(p.direction[pick(p.direction.size())]);
      break;
    case 10:
      if (!p.direction.empty()) std::swap(p.direction[0], p.direction[pick(p.direction.size())]);
      if (!p.exact_direction.empty())
        p.exact_direction[pick(p.exact_direction.size())] += random.below(2) == 0 ? "1" : "x";
      break;
    default:
      if (random.below(2) == 0) {
        p.direction.clear();
        p.exact_direction.clear();
      } else {
        p.direction.assign(static_cast<std::size_t>(c.points.cols()), 0.0);
        p.direction[0] = 1;
      }
  }
}

TEST(ProofProperty, HonestProofsPassAndChangesAreJudgedAsInRationals) {
  SCOPED_TRACE("HULLSCOPE_TEST_SEED=" + std::to_string(seed()));
  constexpr std::uint64_t kCases = 1600, kChanges = 12;
  std::int64_t inside = 0, outside = 0, integers = 0, refused = 0, kept = 0;
  for (std::uint64_t number = 0; number < kCases; ++number) {
    const Case c = make_case(number);
    RandomStream random(stream_key(seed(), "proof/change"), number);
    const Proof honest = honest_proof(c, random);
    SCOPED_TRACE(c.kind + ", case " + std::to_string(number));
    const oracle::Judge judge{c.points, c.allowed()}, strict{c.points, c.allowed(), 0.5}, lax{c.points, c.allowed(), 2};
    ASSERT_TRUE(judge(honest, c.y.data()));
    const CheckResult result = checked(c, honest);
    ASSERT_TRUE(result.proved) << result.reason;
    ++(honest.verdict == Verdict::inside ? inside : outside);
    integers += honest.exact_direction.empty() ? 0 : 1;
    for (std::uint64_t k = 0; k < kChanges; ++k) {
      Proof changed = honest;
      change(changed, c, random);
      const bool true_still = strict(changed, c.y.data());
      if (lax(changed, c.y.data()) != true_still) continue;  // the change is about as large as a tolerance
      const CheckResult again = checked(c, changed);
      ASSERT_EQ(again.proved, true_still) << "change " << k << ": " << again.reason;
      ++(true_still ? kept : refused);
    }
  }
  EXPECT_GT(inside, 300);
  EXPECT_GT(outside, 300);
  EXPECT_GT(integers, 50);
  EXPECT_GT(refused, 5000);
  EXPECT_GT(kept, 300);
}

/// Two blocks of points and more; the query stands beside the point that is lowest in a random direction, by a gap that
/// is large, or of the order of rounding errors.
Case many_points(std::uint64_t number, RandomStream& random, std::vector<double>& direction) {
  Case c;
  const double offset = number % 3 == 1 ? 0x1p30 : 0, scale = number % 4 == 2 ? 1e-28 : 1;
  c.kind = "offset " + std::to_string(offset) + ", scale " + std::to_string(scale);
  c.float32 = number % 2 == 0;
  const auto d = static_cast<Eigen::Index>(2 + random.below(20));
  c.points.resize(static_cast<Eigen::Index>(500 + random.below(600)), d);
  for (double& x : c.points.reshaped<Eigen::RowMajor>()) x = (random.normal() + offset) * scale;
  direction.resize(static_cast<std::size_t>(d));
  Eigen::Map<Eigen::VectorXd> r(direction.data(), d);
  for (double& x : r) x = random.normal();
  r.normalize();
  if (c.float32) c.points = c.points.cast<float>().cast<double>().eval();
  Eigen::Index lowest = 0;
  (c.points * r).minCoeff(&lowest);
  const double gaps[] = {1, 1e-6, 1e-12, 1e-15, 1e-16};
  c.y = c.points.row(lowest).transpose() - gaps[random.below(5)] * (scale + offset * scale) * r;
  if (c.float32) c.y = c.y.cast<float>().cast<double>().eval();
  return c;
}

TEST(ProofProperty, SeparationOfManyPointsIsJudgedAsInRationals) {
  SCOPED_TRACE("HULLSCOPE_TEST_SEED=" + std::to_string(seed()));
  std::int64_t honest = 0, refused = 0, kept = 0;
  for (std::uint64_t number = 0; number < 24; ++number) {
    RandomStream random(stream_key(seed(), "proof/many"), number);
    Proof proof;
    const Case c = many_points(number, random, proof.direction);
    SCOPED_TRACE(c.kind + ", case " + std::to_string(number));
    const std::span<const double> y(c.y.data(), static_cast<std::size_t>(c.y.size()));
    std::vector<std::int64_t> rows(static_cast<std::size_t>(c.points.rows()));
    std::iota(rows.begin(), rows.end(), 0);
    proof.verdict = Verdict::outside;
    proof.distance_lower = ExactDirection(proof.direction).distance_lower(view(c.points), rows, y);
    if (proof.distance_lower == 0)
      proof.distance_lower = 1e-300;  // rounding has put it inside or beside the point: false
    set_upper(c, random, proof);
    const oracle::Judge strict{c.points, {}, 0.5}, lax{c.points, {}, 2};
    for (int k = 0; k < 12; ++k) {
      Proof changed = proof;
      const std::size_t entry = random.below(proof.direction.size());
      if (k == 1) changed.distance_lower = std::nextafter(changed.distance_lower, 1e300);
      if (k == 2) changed.distance_lower *= 1 + 1e-12;
      if (k == 3) changed.distance_lower *= 1 - 1e-12;
      if (k >= 4 && k < 8) flip_bit(changed.direction[entry], random);
      if (k >= 8) changed.direction[entry] *= 1 + std::ldexp(random.normal(), -50);
      const bool true_still = strict(changed, c.y.data());
      if (!true_still && lax(changed, c.y.data())) continue;
      const CheckResult result = checked(c, changed);
      ASSERT_EQ(result.proved, true_still) << "change " << k << ": " << result.reason;
      honest += k == 0 && true_still ? 1 : 0;
      ++(true_still ? kept : refused);
    }
  }
  EXPECT_GT(honest, 8);
  EXPECT_GT(refused, 80);
  EXPECT_GT(kept, 20);
}

TEST(ProofProperty, ExactBarycentricAgreesWithRationalElimination) {
  SCOPED_TRACE("HULLSCOPE_TEST_SEED=" + std::to_string(seed()));
  std::int64_t unique = 0, none = 0;
  for (std::uint64_t number = 0; number < 1500; ++number) {
    const Case c = make_case(number + 100000);
    RandomStream random(stream_key(seed(), "proof/solve"), number);
    std::vector<std::int64_t> support;
    for (std::int64_t i = 0; i < c.points.rows(); ++i)
      if (random.below(2) == 0) support.push_back(i);
    if (support.empty()) support.push_back(0);
    Matrix<double> x(static_cast<Eigen::Index>(support.size()), c.points.cols());
    for (Eigen::Index i = 0; i < x.rows(); ++i) x.row(i) = c.points.row(support[static_cast<std::size_t>(i)]);
    Vector<double> y = c.y;
    if (random.below(2) == 0) y = x.colwise().mean().transpose();
    const auto expected = oracle::barycentric(x, y.data());
    const std::span<const double> target(y.data(), static_cast<std::size_t>(y.size()));
    const Barycentric exact = exact_barycentric(view(c.points), support, target);
    SCOPED_TRACE(c.kind + ", case " + std::to_string(number));
    ASSERT_EQ(exact.status == Solvability::unique, expected.has_value());
    const EnclosedBarycentric enclosed = enclosed_barycentric(view(c.points), support, target);
    ASSERT_TRUE(expected.has_value() || !enclosed.proved);
    ++(expected ? unique : none);
    if (!expected) continue;
    for (std::size_t i = 0; i < support.size(); ++i) {
      const oracle::Rational& l = (*expected)[i];
      ASSERT_EQ(exact.sign[i], sgn(l));
      ASSERT_LE(abs(oracle::Rational(exact.weight[i]) - l), abs(l) * oracle::Rational(0x1p-53));
      if (!enclosed.proved) continue;
      ASSERT_LE(abs(oracle::Rational(enclosed.weight[i]) - l), oracle::Rational(enclosed.radius[i]));
    }
  }
  EXPECT_GT(unique, 300);
  EXPECT_GT(none, 300);
}

}  // namespace
}  // namespace hullscope::proof
