#include <mpi.h>

#include <algorithm>
#include <cstring>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/row_group.hpp>
#include <limits>

namespace hullscope::hull::detail {
namespace {

enum Kind : std::int64_t { kIdle, kRows, kNearest, kPrice };

void require(int code) {
  if (code != MPI_SUCCESS) throw EnvironmentError("MPI failed between the ranks that share a point set; run it again.");
}

/// Numbers, one after another.
class Writer {
 public:
  template <class T>
  void put(const T& value) {
    put(&value, 1);
  }
  template <class T>
  void put(const T* values, std::int64_t count) {
    const std::size_t size = bytes_.size(), more = static_cast<std::size_t>(count) * sizeof(T);
    bytes_.resize(size + more);
    if (more > 0) std::memcpy(bytes_.data() + size, values, more);
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

class Reader {
 public:
  explicit Reader(const std::vector<std::byte>& bytes) : bytes_(bytes) {}
  template <class T>
  T get() {
    T value;
    get(&value, 1);
    return value;
  }
  template <class T>
  void get(T* out, std::int64_t count) {
    const std::size_t size = static_cast<std::size_t>(count) * sizeof(T);
    if (size > bytes_.size() - at_) throw InternalError("a message between the ranks of a hull problem is cut off");
    if (size > 0) std::memcpy(out, bytes_.data() + at_, size);
    at_ += size;
  }
  bool ended() const { return at_ == bytes_.size(); }

 private:
  const std::vector<std::byte>& bytes_;
  std::size_t at_ = 0;
};

/// FNV-1a, with the length.
std::uint64_t hash_of(Mask mask) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ mask.size();
  for (const std::uint8_t v : mask) hash = (hash ^ (v != 0 ? 1U : 0U)) * 0x100000001b3ULL;
  return hash;
}

/// Counts and displacements of parts laid out one after another; they must fit MPI's int.
std::vector<int> displacements(const std::vector<int>& count, std::size_t& total) {
  std::vector<int> start;
  total = 0;
  for (const int c : count) {
    if (total > static_cast<std::size_t>(std::numeric_limits<int>::max()))
      throw EnvironmentError("a round of a spread hull problem passes 2 GiB of messages; use smaller shards.");
    start.push_back(static_cast<int>(total));
    total += static_cast<std::size_t>(c);
  }
  return start;
}

int int_of(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw EnvironmentError("a message of a spread hull problem passes 2 GiB; use smaller shards.");
  return static_cast<int>(bytes);
}

std::vector<std::vector<std::byte>> cut(const std::vector<std::byte>& all, const std::vector<int>& start,
                                        const std::vector<int>& count) {
  std::vector<std::vector<std::byte>> parts;
  for (std::size_t r = 0; r < count.size(); ++r)
    parts.emplace_back(all.begin() + start[r], all.begin() + start[r] + count[r]);
  return parts;
}

MPI_Comm mpi(const parallel::Comm& comm) {
  return *static_cast<MPI_Comm*>(comm.native());
}

}  // namespace

RowGroup::RowGroup(parallel::Comm group, const LocalPricing& local, std::int64_t first, std::int64_t total)
    : group_(std::move(group)), local_(local), first_(first), total_(total), kept_(local.dimension()) {
  first_of_ = group_.all_gather(first);
}

void RowGroup::register_mask(Mask mask) {
  if (mask.empty()) return;
  const std::uint64_t hash = hash_of(mask);
  if (std::find(mask_hash_.begin(), mask_hash_.end(), hash) != mask_hash_.end()) return;
  mask_hash_.push_back(hash);
  masks_.emplace_back(mask.begin() + first_, mask.begin() + first_ + local_.size());
}

std::int64_t RowGroup::number_of(Mask mask) const {
  if (mask.empty()) return -1;
  const auto found = std::find(mask_hash_.begin(), mask_hash_.end(), hash_of(mask));
  if (found == mask_hash_.end()) throw InternalError("a spread point set was asked with a mask that it does not know");
  return found - mask_hash_.begin();
}

int RowGroup::owner(std::int64_t row) const {
  // The last rank whose block begins at or before the row: ranks without rows share a beginning with the next one.
  return static_cast<int>(std::upper_bound(first_of_.begin(), first_of_.end(), row) - first_of_.begin()) - 1;
}

// --- A round ------------------------------------------------------------------------------------------------------

std::vector<RowGroup::Bytes> RowGroup::round(const Bytes& mine, bool* all_idle) const {
  const std::lock_guard lock(one_round_);
  const std::size_t ranks = static_cast<std::size_t>(group_.size());
  const int size = int_of(mine.size());
  std::vector<int> asked(ranks), answered(ranks), received(ranks);
  require(MPI_Allgather(&size, 1, MPI_INT, asked.data(), 1, MPI_INT, mpi(group_)));
  *all_idle = std::all_of(asked.begin(), asked.end(), [](int bytes) { return bytes == 0; });
  if (*all_idle) return {};
  std::size_t total = 0;
  const std::vector<int> from = displacements(asked, total);
  Bytes questions(total);
  require(
      MPI_Allgatherv(mine.data(), size, MPI_BYTE, questions.data(), asked.data(), from.data(), MPI_BYTE, mpi(group_)));
  Bytes answers;
  const std::vector<Bytes> parts = cut(questions, from, asked);
  for (std::size_t r = 0; r < ranks; ++r) {
    const Bytes answer_to = answer(parts[r]);
    answered[r] = int_of(answer_to.size());
    answers.insert(answers.end(), answer_to.begin(), answer_to.end());
  }
  require(MPI_Alltoall(answered.data(), 1, MPI_INT, received.data(), 1, MPI_INT, mpi(group_)));
  std::size_t sent = 0, back = 0;
  const std::vector<int> sent_from = displacements(answered, sent), back_from = displacements(received, back);
  Bytes replies(back);
  require(MPI_Alltoallv(answers.data(), answered.data(), sent_from.data(), MPI_BYTE, replies.data(), received.data(),
                        back_from.data(), MPI_BYTE, mpi(group_)));
  return cut(replies, back_from, received);
}

void RowGroup::finish() const {
  for (bool all_idle = false; !all_idle;) round({}, &all_idle);
}

RowGroup::Bytes RowGroup::answer(const Bytes& question) const {
  if (question.empty()) return {};
  std::int64_t kind = kIdle;
  std::memcpy(&kind, question.data(), sizeof kind);
  return kind == kRows ? answer_rows(question) : answer_asks(question);
}

// --- Rows ---------------------------------------------------------------------------------------------------------

void RowGroup::rows(std::span<const std::int64_t> rows, double* out) const {
  const std::int64_t d = dimension();
  std::vector<std::int64_t> missing;
  std::vector<double*> to;
  for (std::size_t i = 0; i < rows.size(); ++i, out += d) {
    const std::int64_t local = rows[i] - first_;
    if (own(rows[i]))
      local_.rows({&local, 1}, out);
    else if (!kept_.copy(rows[i], out))
      missing.push_back(rows[i]), to.push_back(out);
  }
  if (missing.empty()) return;
  const std::vector<double> numbers = ask_rows(missing);
  for (std::size_t i = 0; i < to.size(); ++i)
    std::copy_n(numbers.begin() + static_cast<std::ptrdiff_t>(i) * d, d, to[i]);
}

void RowGroup::fetch(std::span<const std::int64_t> rows) const {
  std::vector<std::int64_t> missing;
  for (const std::int64_t row : rows)
    if (!own(row) && !kept_.holds(row)) missing.push_back(row);
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  if (!missing.empty()) ask_rows(missing);
}

/// Brings rows of other ranks here, and keeps them.
std::vector<double> RowGroup::ask_rows(std::span<const std::int64_t> rows) const {
  Writer question;
  question.put(static_cast<std::int64_t>(kRows));
  question.put(static_cast<std::int64_t>(rows.size()));
  question.put(rows.data(), static_cast<std::int64_t>(rows.size()));
  bool idle = false;
  const std::vector<Bytes> answers = round(question.take(), &idle);
  std::vector<Reader> readers(answers.begin(), answers.end());
  std::vector<double> numbers(rows.size() * static_cast<std::size_t>(dimension()));
  for (std::size_t i = 0; i < rows.size(); ++i)
    readers[static_cast<std::size_t>(owner(rows[i]))].get(numbers.data() + static_cast<std::int64_t>(i) * dimension(),
                                                          dimension());
  kept_.add(rows, numbers.data());
  return numbers;
}

RowGroup::Bytes RowGroup::answer_rows(const Bytes& question) const {
  Reader reader(question);
  reader.get<std::int64_t>();
  std::vector<std::int64_t> wanted(static_cast<std::size_t>(reader.get<std::int64_t>())), here;
  reader.get(wanted.data(), static_cast<std::int64_t>(wanted.size()));
  for (const std::int64_t row : wanted)
    if (own(row)) here.push_back(row - first_);
  std::vector<double> x(here.size() * static_cast<std::size_t>(dimension()));
  local_.rows(here, x.data());
  Writer writer;
  writer.put(x.data(), static_cast<std::int64_t>(x.size()));
  return writer.take();
}

// --- Asks ---------------------------------------------------------------------------------------------------------

RowGroup::Bytes RowGroup::question(std::int64_t kind, std::span<const Ask> asks, Mask mask) const {
  Writer writer;
  writer.put(kind);
  writer.put(number_of(mask));
  writer.put(static_cast<std::int64_t>(asks.size()));
  for (const Ask& ask : asks) {
    writer.put(ask.left_out);
    writer.put(ask.cells);
    writer.put(ask.cut);
    writer.put(static_cast<std::int64_t>(ask.wanted));
    writer.put(ask.y, dimension());
    if (kind == kPrice) writer.put(ask.direction, dimension());
  }
  return writer.take();
}

// For each ask: the bound (of price), the number of rows, the rows with their global numbers.
RowGroup::Bytes RowGroup::answer_asks(const Bytes& question) const {
  Writer writer;
  Reader reader(question);
  const std::int64_t kind = reader.get<std::int64_t>(), number = reader.get<std::int64_t>();
  std::vector<Ask> asks(static_cast<std::size_t>(reader.get<std::int64_t>()));
  const std::size_t d = static_cast<std::size_t>(dimension());
  std::vector<double> numbers(asks.size() * 2 * d);
  for (std::size_t i = 0; i < asks.size(); ++i) {
    const std::int64_t left_out = reader.get<std::int64_t>();
    asks[i].left_out = own(left_out) ? left_out - first_ : -1;
    asks[i].cells = reader.get<CellSet>();
    asks[i].cut = reader.get<double>();
    asks[i].wanted = static_cast<std::int32_t>(reader.get<std::int64_t>());
    double* y = numbers.data() + i * 2 * d;
    reader.get(y, dimension());
    if (kind == kPrice) reader.get(y + d, dimension());
    asks[i].y = y;
    asks[i].direction = y + d;
  }
  const Mask mask = number < 0 ? Mask{} : Mask(masks_[static_cast<std::size_t>(number)]);
  const auto put_rows = [&](const std::vector<PricedRow>& found) {
    writer.put(static_cast<std::int64_t>(found.size()));
    for (const PricedRow& row : found) {
      writer.put(row.value);
      writer.put(row.row + first_);
    }
  };
  if (kind == kPrice)
    for (const Priced& priced : local_.price(asks, mask)) {
      writer.put(priced.lower);
      writer.put(priced.products);
      put_rows(priced.lowest);
    }
  else
    for (const std::vector<PricedRow>& found : local_.near(asks, mask)) put_rows(found);
  return writer.take();
}

namespace {

void take_rows(Reader& reader, std::vector<PricedRow>& into) {
  for (std::int64_t left = reader.get<std::int64_t>(); left > 0; --left) {
    const double value = reader.get<double>();
    into.push_back({value, reader.get<std::int64_t>()});
  }
}

void keep_first(std::vector<PricedRow>& rows, std::int32_t wanted) {
  std::sort(rows.begin(), rows.end());
  rows.resize(std::min(rows.size(), static_cast<std::size_t>(wanted)));
}

}  // namespace

std::vector<std::vector<std::int64_t>> RowGroup::nearest(std::span<const Ask> asks, Mask mask) const {
  if (asks.empty()) return {};
  bool idle = false;
  const std::vector<Bytes> answers = round(question(kNearest, asks, mask), &idle);
  std::vector<std::vector<PricedRow>> found(asks.size());
  for (const Bytes& bytes : answers) {
    Reader reader(bytes);
    for (std::size_t i = 0; i < asks.size() && !reader.ended(); ++i) take_rows(reader, found[i]);
  }
  std::vector<std::vector<std::int64_t>> result(asks.size());
  for (std::size_t i = 0; i < asks.size(); ++i) {
    keep_first(found[i], asks[i].wanted);
    for (const PricedRow& row : found[i]) result[i].push_back(row.row);
  }
  return result;
}

std::vector<Priced> RowGroup::price(std::span<const Ask> asks, Mask mask) const {
  if (asks.empty()) return {};
  bool idle = false;
  const std::vector<Bytes> answers = round(question(kPrice, asks, mask), &idle);
  std::vector<Priced> result(asks.size());
  for (std::size_t i = 0; i < asks.size(); ++i) result[i].lower = asks[i].cut;
  for (const Bytes& bytes : answers) {
    Reader reader(bytes);
    for (std::size_t i = 0; i < asks.size() && !reader.ended(); ++i) {
      result[i].lower = std::min(result[i].lower, reader.get<double>());
      result[i].products += reader.get<double>();
      take_rows(reader, result[i].lowest);
    }
  }
  for (std::size_t i = 0; i < asks.size(); ++i) keep_first(result[i].lowest, asks[i].wanted);
  return result;
}

}  // namespace hullscope::hull::detail
