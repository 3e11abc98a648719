#include "hull_file.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <span>
#include <sstream>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>

namespace hullscope::jobs {
namespace {

using proof::Proof;
using proof::Verdict;

template <class T>
void extend(std::vector<T>& out, const std::vector<T>& more) {
  out.insert(out.end(), more.begin(), more.end());
}

std::vector<std::string> split(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(std::move(word));
  return out;
}

/// Offsets of consecutive queries: from 0 on, never falling, up to the number of entries.
bool offsets_fit(const std::vector<std::int64_t>& offset, std::size_t queries, std::size_t entries) {
  return offset.size() == queries + 1 && offset.front() == 0 && std::is_sorted(offset.begin(), offset.end()) &&
         offset.back() == static_cast<std::int64_t>(entries);
}

bool ascending_within(const std::vector<std::int64_t>& values, std::int64_t first, std::int64_t last) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < first || values[i] >= last || (i > 0 && values[i] <= values[i - 1])) return false;
  return true;
}

void expect(bool fits, const std::string& file, const std::string& place, const std::string& sentence) {
  if (!fits) throw DataError(file, place, sentence);
}

}  // namespace

HullPiece pack_proofs(const std::vector<Proof>& proofs, const std::vector<std::int32_t>& passes, std::int64_t first,
                      std::int64_t d) {
  HullPiece piece;
  piece.first = first;
  piece.passes = passes.empty() ? std::vector<std::int32_t>(proofs.size()) : passes;
  if (piece.passes.size() != proofs.size()) throw InternalError("passes were not given for every query");
  for (std::size_t q = 0; q < proofs.size(); ++q) {
    const Proof& proof = proofs[q];
    const std::int64_t query = first + static_cast<std::int64_t>(q);
    piece.verdict.push_back(static_cast<std::uint8_t>(proof.verdict));
    piece.distance_lower.push_back(proof.distance_lower);
    piece.distance_upper.push_back(proof.distance_upper);
    extend(piece.support_index, proof.support);
    extend(piece.support_weight, proof.weight);
    piece.support_offset.push_back(static_cast<std::int64_t>(piece.support_index.size()));
    if (!proof.direction.empty()) {
      if (static_cast<std::int64_t>(proof.direction.size()) != d)
        throw InternalError("a direction has not as many numbers as the points have coordinates");
      piece.direction_query.push_back(query);
      extend(piece.direction_vector, proof.direction);
    }
    if (!proof.exact_direction.empty()) {
      piece.exact_query.push_back(query);
      piece.exact_direction.push_back(join(proof.exact_direction, " "));
    }
  }
  if (piece.support_index.size() != piece.support_weight.size())
    throw InternalError("a support has not as many weights as rows");
  return piece;
}

std::vector<Proof> unpack_proofs(const HullPiece& piece, std::int64_t d, const std::string& file) {
  const std::size_t n = piece.verdict.size();
  const std::int64_t last = piece.first + piece.size();
  expect(piece.distance_lower.size() == n && piece.distance_upper.size() == n, file, "/verdict",
         "verdicts and distances differ in number");
  expect(piece.support_index.size() == piece.support_weight.size(), file, "/support",
         "indices and weights differ in number");
  expect(offsets_fit(piece.support_offset, n, piece.support_index.size()), file, "/support/offset",
         "offsets do not ascend from 0 to the number of entries");
  expect(ascending_within(piece.direction_query, piece.first, last), file, "/direction/query",
         "query rows do not ascend within the file's queries");
  expect(ascending_within(piece.exact_query, piece.first, last), file, "/exact/query",
         "query rows do not ascend within the file's queries");
  expect(static_cast<std::int64_t>(piece.direction_vector.size()) ==
             d * static_cast<std::int64_t>(piece.direction_query.size()),
         file, "/direction/vector", "it has not one direction a row of /direction/query");
  expect(piece.exact_direction.size() == piece.exact_query.size(), file, "/exact/direction",
         "it has not one direction a row of /exact/query");
  std::vector<Proof> proofs(n);
  for (std::size_t q = 0; q < n; ++q) {
    Proof& proof = proofs[q];
    proof.verdict = static_cast<Verdict>(piece.verdict[q]);
    proof.distance_lower = piece.distance_lower[q];
    proof.distance_upper = piece.distance_upper[q];
    const std::int64_t begin = piece.support_offset[q], end = piece.support_offset[q + 1];
    proof.support.assign(piece.support_index.begin() + begin, piece.support_index.begin() + end);
    proof.weight.assign(piece.support_weight.begin() + begin, piece.support_weight.begin() + end);
  }
  for (std::size_t i = 0; i < piece.direction_query.size(); ++i) {
    const auto from = piece.direction_vector.begin() + static_cast<std::ptrdiff_t>(i) * d;
    proofs[static_cast<std::size_t>(piece.direction_query[i] - piece.first)].direction.assign(from, from + d);
  }
  for (std::size_t i = 0; i < piece.exact_query.size(); ++i)
    proofs[static_cast<std::size_t>(piece.exact_query[i] - piece.first)].exact_direction =
        split(piece.exact_direction[i]);
  return proofs;
}

store::Shard to_shard(const HullPiece& piece) {
  return {{"first", std::vector<std::int64_t>{piece.first}},
          {"verdict", piece.verdict},
          {"distance_lower", piece.distance_lower},
          {"distance_upper", piece.distance_upper},
          {"passes", piece.passes},
          {"support_offset", piece.support_offset},
          {"support_index", piece.support_index},
          {"support_weight", piece.support_weight},
          {"direction_query", piece.direction_query},
          {"direction_vector", piece.direction_vector},
          {"exact_query", piece.exact_query},
          {"exact_direction", piece.exact_direction}};
}

HullPiece from_shard(const store::Shard& shard) {
  HullPiece piece;
  const auto take = [&](const char* name, auto& out) {
    using Values = std::remove_reference_t<decltype(out)>;
    const auto it = shard.find(name);
    const auto* values = it == shard.end() ? nullptr : std::get_if<Values>(&it->second);
    if (values == nullptr) throw InternalError(std::string("a shard of hull verdicts has no array ") + name);
    out = *values;
  };
  std::vector<std::int64_t> first;
  take("first", first);
  if (first.size() != 1) throw InternalError("a shard of hull verdicts does not say where it starts");
  piece.first = first[0];
  take("verdict", piece.verdict);
  take("distance_lower", piece.distance_lower);
  take("distance_upper", piece.distance_upper);
  take("passes", piece.passes);
  take("support_offset", piece.support_offset);
  take("support_index", piece.support_index);
  take("support_weight", piece.support_weight);
  take("direction_query", piece.direction_query);
  take("direction_vector", piece.direction_vector);
  take("exact_query", piece.exact_query);
  take("exact_direction", piece.exact_direction);
  return piece;
}

void append(HullPiece& piece, HullPiece next) {
  if (piece.size() == 0) {
    piece = std::move(next);
    return;
  }
  if (next.size() == 0) return;
  if (next.first != piece.first + piece.size()) throw InternalError("pieces of hull verdicts do not follow each other");
  const std::int64_t entries = piece.support_offset.back();
  for (std::size_t i = 1; i < next.support_offset.size(); ++i)
    piece.support_offset.push_back(entries + next.support_offset[i]);
  extend(piece.verdict, next.verdict);
  extend(piece.distance_lower, next.distance_lower);
  extend(piece.distance_upper, next.distance_upper);
  extend(piece.passes, next.passes);
  extend(piece.support_index, next.support_index);
  extend(piece.support_weight, next.support_weight);
  extend(piece.direction_query, next.direction_query);
  extend(piece.direction_vector, next.direction_vector);
  extend(piece.exact_query, next.exact_query);
  extend(piece.exact_direction, next.exact_direction);
}

// ----------------------------------------------------------------------------------------------------- writing

namespace {

/// Rows that a rank writes of a data set: where they start, and how many there are over all ranks.
struct Place {
  std::int64_t first = 0, total = 0;
};

Place place_of(const parallel::Comm& comm, std::int64_t count) {
  Place place;
  const std::vector<std::int64_t> counts = comm.all_gather(count);
  for (int r = 0; r < comm.size(); ++r) {
    if (r < comm.rank()) place.first += counts[static_cast<std::size_t>(r)];
    place.total += counts[static_cast<std::size_t>(r)];
  }
  return place;
}

template <class T>
std::span<const T> whole(const std::vector<T>& values) {
  return {values.data(), values.size()};
}

/// The texts of all ranks, in rank order. No text holds a line feed.
std::vector<std::string> gather_texts(const parallel::Comm& comm, const std::vector<std::string>& mine) {
  std::vector<std::string> out;
  for (const std::string& lines : comm.gather(mine.empty() ? "" : join(mine, "\n") + "\n")) {
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);) out.push_back(std::move(line));
  }
  return out;
}

}  // namespace

/// Support and directions, in the groups below `group`. `query`: where this rank's queries stand among all.
static void write_evidence(store::ArtifactWriter& writer, const parallel::Comm& comm, const std::string& group,
                           const HullPiece& piece, const Place& query, std::int64_t d) {
  const Place entry = place_of(comm, static_cast<std::int64_t>(piece.support_index.size()));
  std::vector<std::int64_t> offset(piece.support_offset);
  for (std::int64_t& o : offset) o += entry.first;
  const bool ends = query.first + piece.size() == query.total && comm.rank() == comm.size() - 1;
  if (!ends) offset.pop_back();  // where one rank ends the next one starts; the last writes the end
  writer.write_rows<std::int64_t>(group + "/support/offset", {query.total + 1}, query.first, whole(offset));
  writer.write_rows<std::int64_t>(group + "/support/index", {entry.total}, entry.first, whole(piece.support_index));
  writer.write_rows<double>(group + "/support/weight", {entry.total}, entry.first, whole(piece.support_weight));

  const Place outside = place_of(comm, static_cast<std::int64_t>(piece.direction_query.size()));
  writer.write_rows<std::int64_t>(group + "/direction/query", {outside.total}, outside.first,
                                  whole(piece.direction_query));
  writer.write_rows<double>(group + "/direction/vector", {outside.total, d}, outside.first,
                            whole(piece.direction_vector));

  const Place exact = place_of(comm, static_cast<std::int64_t>(piece.exact_query.size()));
  writer.write_rows<std::int64_t>(group + "/exact/query", {exact.total}, exact.first, whole(piece.exact_query));
  writer.write_text(group + "/exact/direction", gather_texts(comm, piece.exact_direction));
}

static Place place_of_queries(const parallel::Comm& comm, const HullPiece& piece, std::int64_t total) {
  const Place query = place_of(comm, piece.size());
  if (query.total != total || (piece.size() > 0 && query.first != piece.first))
    throw InternalError("the ranks' pieces of hull verdicts do not make up all queries in order");
  return query;
}

void write_proofs(store::ArtifactWriter& writer, const parallel::Comm& comm, const HullPiece& piece, std::int64_t total,
                  const std::vector<std::int64_t>& samples, std::int64_t d) {
  const Place query = place_of_queries(comm, piece, total);
  if (static_cast<std::int64_t>(samples.size()) != total)
    throw InternalError("there are not as many sample ids as hull verdicts");
  writer.write<std::int64_t>("/sample", {total}, whole(samples));
  writer.write_rows<std::uint8_t>("/verdict", {total}, query.first, whole(piece.verdict));
  writer.write_rows<double>("/distance_lower", {total}, query.first, whole(piece.distance_lower));
  writer.write_rows<double>("/distance_upper", {total}, query.first, whole(piece.distance_upper));
  writer.write_rows<std::int32_t>("/passes", {total}, query.first, whole(piece.passes));
  write_evidence(writer, comm, "", piece, query, d);
}

static std::string class_group(std::int64_t label) {
  return "/class_hull/" + std::to_string(label);
}

void write_class_proofs(store::ArtifactWriter& writer, const parallel::Comm& comm, std::int64_t label,
                        const HullPiece& piece, std::int64_t total, std::int64_t d) {
  write_evidence(writer, comm, class_group(label), piece, place_of_queries(comm, piece, total), d);
}

void write_class_tables(store::ArtifactWriter& writer, const std::vector<std::int64_t>& labels,
                        const std::vector<HullPiece>& pieces, std::int64_t total) {
  if (pieces.size() != labels.size()) throw InternalError("there are not as many class hulls as labels");
  const std::size_t classes = labels.size(), m = classes == 0 ? 0 : pieces.front().verdict.size();
  std::vector<std::uint8_t> verdict(m * classes);
  std::vector<double> lower(m * classes), upper(m * classes);
  for (std::size_t c = 0; c < classes; ++c)
    for (std::size_t q = 0; q < m; ++q) {
      verdict[q * classes + c] = pieces[c].verdict.at(q);
      lower[q * classes + c] = pieces[c].distance_lower.at(q);
      upper[q * classes + c] = pieces[c].distance_upper.at(q);
    }
  const std::int64_t columns = static_cast<std::int64_t>(classes), first = classes == 0 ? 0 : pieces.front().first;
  writer.write<std::int64_t>("/class", {columns}, whole(labels));
  writer.write_rows<std::uint8_t>("/class_hull/verdict", {total, columns}, first, whole(verdict));
  writer.write_rows<double>("/class_hull/distance_lower", {total, columns}, first, whole(lower));
  writer.write_rows<double>("/class_hull/distance_upper", {total, columns}, first, whole(upper));
}

void write_attributes(store::ArtifactWriter& writer, const HullAttributes& attributes) {
  writer.attribute("/", "points", attributes.points);
  writer.attribute("/", "queries", attributes.queries);
  writer.attribute("/", "points_digest", attributes.points_digest);
  writer.attribute("/", "queries_digest", attributes.queries_digest);
  writer.attribute("/", "subset", attributes.subset);
  writer.attribute("/", "subset_digest", attributes.subset_digest);
  writer.attribute("/", "labels", attributes.labels);
  writer.attribute("/", "labels_digest", attributes.labels_digest);
  writer.attribute("/", "left_out", attributes.left_out);
  writer.attribute("/", "left_out_digest", attributes.left_out_digest);
}

// ----------------------------------------------------------------------------------------------------- reading

static bool of_format(const store::ArtifactReader& reader, const std::string& major_minor) {
  return reader.text("/", "format_version").starts_with(major_minor + ".");
}

/// Format 1.0 had verdicts by class without proofs, and no word on where the labels are.
static bool of_format_1_0(const store::ArtifactReader& reader) {
  return of_format(reader, "1.0");
}

HullFile::HullFile(const std::string& path) : reader_(path, "hull"), path_(path) {
  const auto text = [&](const char* name) { return reader_.text("/", name); };
  attributes_ = {text("points"),         text("queries"), text("points_digest"),
                 text("queries_digest"), text("subset"),  text("subset_digest")};
  if (!of_format_1_0(reader_)) {
    attributes_.labels = text("labels");
    attributes_.labels_digest = text("labels_digest");
  }
  if (!of_format_1_0(reader_) && !of_format(reader_, "1.1")) {
    attributes_.left_out = text("left_out");
    attributes_.left_out_digest = text("left_out_digest");
  }
  samples_ = reader_.read<std::int64_t>("/sample");
  queries_ = static_cast<std::int64_t>(samples_.size());
  for (const char* name : {"/verdict", "/distance_lower", "/distance_upper"}) {
    const std::int64_t found = reader_.shape(name).empty() ? -1 : reader_.shape(name)[0];
    expect(found == queries_, path, name,
           "it has " + std::to_string(found) + " entries, but there are " + std::to_string(queries_) + " queries");
  }
  const std::vector<std::int64_t> directions = reader_.shape("/direction/vector");
  expect(directions.size() == 2, path, "/direction/vector", "it has not one direction a row of /direction/query");
  coordinates_ = directions[1];
  all_ = read_evidence("");
  read_classes();
}

HullFile::Evidence HullFile::read_evidence(const std::string& group) const {
  Evidence e{group, reader_.read<std::int64_t>(group + "/support/offset"),
             reader_.read<std::int64_t>(group + "/direction/query"), reader_.read<std::int64_t>(group + "/exact/query"),
             reader_.read_text(group + "/exact/direction")};
  const auto length = [&](const std::string& name) {
    const std::vector<std::int64_t> shape = reader_.shape(group + name);
    return shape.size() == 1 ? shape[0] : -1;
  };
  expect(reader_.shape(group + "/direction/vector") ==
             std::vector<std::int64_t>{static_cast<std::int64_t>(e.direction_query.size()), coordinates_},
         path_, group + "/direction/vector", "it has not one direction a row of " + group + "/direction/query");
  expect(e.exact_direction.size() == e.exact_query.size(), path_, group + "/exact/direction",
         "it has not one direction a row of " + group + "/exact/query");
  const std::int64_t entries = length("/support/index");
  expect(entries >= 0 && entries == length("/support/weight"), path_, group + "/support",
         "indices and weights differ in number");
  expect(offsets_fit(e.offset, samples_.size(), static_cast<std::size_t>(entries)), path_, group + "/support/offset",
         "offsets do not ascend from 0 to the number of entries");
  for (const auto& [name, rows] : {std::pair("/direction/query", &e.direction_query), {"/exact/query", &e.exact_query}})
    expect(ascending_within(*rows, 0, queries_), path_, group + name,
           "query rows do not ascend within the file's queries");
  return e;
}

void HullFile::read_classes() {
  const bool has_table = reader_.has("/class_hull/verdict");
  unproved_classes_ = has_table && of_format_1_0(reader_);
  expect(has_table == !attributes_.labels.empty() || unproved_classes_, path_, "/class_hull",
         has_table ? "there are class hulls, but no attribute says where the labels are"
                   : "the attribute `labels` is set, but there are no class hulls");
  if (!has_table || unproved_classes_) return;
  classes_ = reader_.read<std::int64_t>("/class");
  expect(ascending_within(classes_, 0, std::numeric_limits<std::int64_t>::max()), path_, "/class",
         "labels do not ascend from 0 on");
  for (const char* name : {"/class_hull/verdict", "/class_hull/distance_lower", "/class_hull/distance_upper"})
    expect(reader_.shape(name) == std::vector<std::int64_t>{queries_, static_cast<std::int64_t>(classes_.size())},
           path_, name, "it has not one row a query and one column a class");
  for (const std::int64_t label : classes_) by_class_.push_back(read_evidence(class_group(label)));
}

/// Support and directions of the queries of `piece`, whose `first` is set.
void HullFile::read_evidence_rows(const Evidence& e, std::int64_t count, HullPiece& piece) const {
  const std::int64_t first = piece.first;
  piece.support_offset.assign(e.offset.begin() + first, e.offset.begin() + first + count + 1);
  const std::int64_t begin = piece.support_offset.front(), entries = piece.support_offset.back() - begin;
  for (std::int64_t& o : piece.support_offset) o -= begin;
  piece.support_index = reader_.read_rows<std::int64_t>(e.group + "/support/index", begin, entries);
  piece.support_weight = reader_.read_rows<double>(e.group + "/support/weight", begin, entries);
  // The rows of a list of queries that belong to this range.
  const auto range = [&](const std::vector<std::int64_t>& queries) {
    const auto from = std::lower_bound(queries.begin(), queries.end(), first);
    const auto to = std::lower_bound(from, queries.end(), first + count);
    return std::pair(from - queries.begin(), to - queries.begin());
  };
  const auto [d0, d1] = range(e.direction_query);
  piece.direction_query.assign(e.direction_query.begin() + d0, e.direction_query.begin() + d1);
  piece.direction_vector = reader_.read_rows<double>(e.group + "/direction/vector", d0, d1 - d0);
  const auto [e0, e1] = range(e.exact_query);
  piece.exact_query.assign(e.exact_query.begin() + e0, e.exact_query.begin() + e1);
  piece.exact_direction.assign(e.exact_direction.begin() + e0, e.exact_direction.begin() + e1);
}

std::vector<Proof> HullFile::proofs(std::int64_t first, std::int64_t count) const {
  HullPiece piece;
  piece.first = first;
  piece.verdict = reader_.read_rows<std::uint8_t>("/verdict", first, count);
  piece.distance_lower = reader_.read_rows<double>("/distance_lower", first, count);
  piece.distance_upper = reader_.read_rows<double>("/distance_upper", first, count);
  read_evidence_rows(all_, count, piece);
  return unpack_proofs(piece, coordinates_, path_);
}

std::vector<Proof> HullFile::class_proofs(std::size_t c, std::int64_t first, std::int64_t count) const {
  HullPiece piece;
  piece.first = first;
  const auto column = [&]<class T>(const std::string& name, std::vector<T>& out) {
    const std::vector<T> all = reader_.read_rows<T>("/class_hull/" + name, first, count);
    for (std::size_t i = c; i < all.size(); i += classes_.size()) out.push_back(all[i]);
  };
  column("verdict", piece.verdict);
  column("distance_lower", piece.distance_lower);
  column("distance_upper", piece.distance_upper);
  read_evidence_rows(by_class_.at(c), count, piece);
  return unpack_proofs(piece, coordinates_, path_);
}

std::vector<std::uint8_t> subset_mask(const std::vector<std::int64_t>& values, bool is_mask, std::int64_t n,
                                      const std::string& what) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(n));
  if (is_mask && static_cast<std::int64_t>(values.size()) != n)
    throw UsageError(what + " is a mask of " + std::to_string(values.size()) + " entries, but there are " +
                     std::to_string(n) + " points; one entry a point was expected");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_mask) {
      mask[i] = values[i] != 0;
    } else if (values[i] < 0 || values[i] >= n) {
      throw UsageError(what + " names row " + std::to_string(values[i]) + " at entry " + std::to_string(i) +
                       "; rows 0 to " + std::to_string(n - 1) + " were expected");
    } else {
      mask[static_cast<std::size_t>(values[i])] = 1;
    }
  }
  if (std::count(mask.begin(), mask.end(), 0) == n)
    throw UsageError(what + " is empty; at least one point must take part");
  return mask;
}

std::vector<std::int64_t> labels_present(const std::vector<std::int64_t>& labels,
                                         const std::vector<std::uint8_t>& subset) {
  std::set<std::int64_t> found;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (subset.empty() || subset[i] != 0) found.insert(labels[i]);
  return {found.begin(), found.end()};
}

std::vector<std::uint8_t> class_mask(const std::vector<std::int64_t>& labels, const std::vector<std::uint8_t>& subset,
                                     std::int64_t label) {
  std::vector<std::uint8_t> mask(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) mask[i] = labels[i] == label && (subset.empty() || subset[i] != 0);
  return mask;
}

}  // namespace hullscope::jobs
