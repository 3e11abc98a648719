// write_hull FOLDER POINTS QUERIES OUTPUT.h5 [CHANGE QUERY OUTPUT.h5]...: a hull file made by the slow rational oracle;
// and more, in each of which one proof is changed before it is written, so that all digests fit. For the tests of
// `hullscope verify`.
#include <cmath>
#include <filesystem>
#include <map>

#include <hullscope/base/error.hpp>
#include <hullscope/datasets/array.hpp>
#include <hullscope/proof/enclosure.hpp>
#include <hullscope/proof/exact.hpp>

#include "../../jobs/hull_file.hpp"
#include "../property/proof_oracle.hpp"

using namespace hullscope;
using proof::Proof;
using proof::Verdict;

namespace {

Matrix<double> in_double(const datasets::Array& array) {
  return std::visit([](const auto& m) { return Matrix<double>(m.template cast<double>()); },
                    datasets::as_points(array));
}

Proof prove(const Matrix<double>& points, const Matrix<double>& queries, Eigen::Index q) {
  const std::span<const double> y(queries.row(q).data(), static_cast<std::size_t>(queries.cols()));
  const proof::oracle::Answer answer = proof::oracle::solve(points, y.data(), {});
  Proof proof;
  if (answer.inside) {
    proof.verdict = Verdict::inside;
    proof.support = answer.support;
    for (const auto& w : answer.weight) proof.weight.push_back(w.get_d());
    return proof;
  }
  proof.verdict = Verdict::outside;
  mpz_class common = 1;
  for (const auto& x : answer.direction) common = lcm(common, x.get_den());
  std::vector<std::string> integers;
  for (const auto& x : answer.direction) integers.push_back(mpz_class(x * common).get_str());
  proof.direction = proof::ExactDirection(integers).unit();
  std::vector<std::int64_t> rows;
  for (Eigen::Index i = 0; i < points.rows(); ++i) rows.push_back(i);
  proof.distance_lower = proof::ExactDirection(proof.direction).distance_lower(view(points), rows, y);
  if (q % 2 == 1) {  // every other one as integers
    proof.distance_lower = proof::ExactDirection(integers).distance_lower(view(points), rows, y);
    proof.exact_direction = integers;
    proof.direction.clear();
  }
  proof.support = {q % points.rows()};
  proof.weight = {1};
  proof.distance_upper = proof::hull_point_distance(view(points), proof.support, proof.weight, y).upper;
  return proof;
}

/// The changes that the test asks for by name.
void change(const std::string& kind, Proof& p) {
  if (kind == "verdict") p.verdict = p.verdict == Verdict::inside ? Verdict::outside : Verdict::inside;
  if (kind == "undecided") p.verdict = Verdict::undecided;
  if (kind == "honestly-undecided") {
    p.verdict = Verdict::undecided;
    p.distance_lower = 0;
    p.direction.clear();
    p.exact_direction.clear();
  }
  if (kind == "index") p.support.back() += 1;
  if (kind == "weight") p.weight.back() *= 1 + 1e-6;
  if (kind == "drop") p.support.pop_back(), p.weight.pop_back();
  if (kind == "repeat") p.support.push_back(p.support.back()), p.weight.push_back(p.weight.back());
  if (kind == "order") std::swap(p.support.front(), p.support.back());
  if (kind == "direction") p.direction[0] = -p.direction[0];
  if (kind == "no-direction") p.direction.clear();
  if (kind == "exact-direction") p.exact_direction[0] = p.exact_direction[0][0] == '-' ? "1" : "-1";
  if (kind == "lower") p.distance_lower = std::nextafter(p.distance_lower, 1e300);
  if (kind == "upper") p.distance_upper *= 1 - 1e-9;
  if (kind == "bound-of-inside") p.distance_upper = 1e-9;
}

/// Points, queries and proofs of one hull file.
struct Content {
  std::string points, queries, points_digest, queries_digest;
  std::int64_t coordinates = 0;
  std::vector<Proof> proofs;
  std::vector<std::int64_t> samples;
};

Content find(const std::filesystem::path& folder, const std::string& points_name, const std::string& queries_name) {
  const datasets::Array points_array = datasets::read_array((folder / points_name).string());
  const datasets::Array queries_array = datasets::read_array((folder / queries_name).string());
  const Matrix<double> points = in_double(points_array), queries = in_double(queries_array);
  Content content{points_name, queries_name, points_array.digest, queries_array.digest, points.cols(), {}, {}};
  for (Eigen::Index q = 0; q < queries.rows(); ++q) {
    content.proofs.push_back(prove(points, queries, q));
    content.samples.push_back(q);
  }
  return content;
}

void write(const parallel::Comm& comm, const Content& content, const std::string& path) {
  store::Provenance provenance;
  provenance.stage = "hull";
  store::ArtifactWriter writer(comm, path, provenance);
  const auto total = static_cast<std::int64_t>(content.proofs.size());
  jobs::write_proofs(writer, comm, jobs::pack_proofs(content.proofs, {}, 0, content.coordinates), total,
                     content.samples, content.coordinates);
  jobs::write_attributes(writer,
                         {content.points, content.queries, content.points_digest, content.queries_digest, "", ""});
  writer.publish({});
}

}  // namespace

int main(int argc, char** argv) {
  return parallel::run_program(argc, argv, [](const parallel::Comm& world, std::vector<std::string> words) {
    if (words.size() < 4 || words.size() % 3 != 1)
      throw UsageError("usage: write_hull FOLDER POINTS QUERIES OUTPUT.h5 [CHANGE QUERY OUTPUT.h5]...");
    const std::filesystem::path folder = words[0];
    const Content honest = find(folder, words[1], words[2]);
    write(world, honest, (folder / words[3]).string());
    for (std::size_t i = 4; i < words.size(); i += 3) {
      Content changed = honest;
      change(words[i], changed.proofs.at(std::stoul(words[i + 1])));
      write(world, changed, (folder / words[i + 2]).string());
    }
    return 0;
  });
}
