// flip_bits FILE.h5 COUNT SEED [PLACES]: flips one random bit of a copy of the file, COUNT times; every time the file
// must be refused (it cannot be read, or its content digest does not fit), unless the bit is no part of its content:
// then all verdicts and proofs read as before. PLACES: a list of the bytes that are content; bits of these only, and
// all must be refused. Each is read in a child: store/ looks at a file's structure before it reads it,
// and yet libhdf5 1.10 breaks its heap on a rare damage of the rest. That refuses the file, too; it must stay below 1
// %.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <numeric>
#include <optional>
#include <vector>

#include <hullscope/base/random.hpp>

#include "../../jobs/hull_file.hpp"

using namespace hullscope;

namespace {

/// Everything that verify would judge, as text.
std::string content(const std::string& path) {
  const jobs::HullFile file(path);
  std::string out = file.attributes().points + file.attributes().queries + file.attributes().points_digest +
                    file.attributes().queries_digest + "\n";
  const auto bytes = [&](const auto& values) {
    out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
  };
  bytes(file.samples());
  for (const proof::Proof& p : file.proofs(0, file.queries())) {
    out += static_cast<char>(p.verdict);
    bytes(std::vector<double>{p.distance_lower, p.distance_upper});
    bytes(p.support);
    bytes(p.weight);
    bytes(p.direction);
    for (const std::string& x : p.exact_direction) out += x + " ";
  }
  return out;
}

enum Outcome { kSame = 0, kRefused = 1, kAccepted = 2 };

/// In a child: is the damaged file refused?
Outcome judge(const std::string& path, const std::string& original) {
  try {
    if (store::ArtifactReader(path, "hull").content_digest() != store::compute_content_digest(path)) return kRefused;
    return content(path) == original ? kSame : kAccepted;
  } catch (const std::exception&) {
    return kRefused;
  }
}

/// What a child says of the file; nothing if it was ended.
std::optional<Outcome> judge_in_child(const std::string& path, const std::string& original) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // an endless loop is an end, too
    _exit(judge(path, original));
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status)) return std::nullopt;
  return static_cast<Outcome>(WEXITSTATUS(status));
}

std::vector<std::uint64_t> read_places(const char* path) {
  std::ifstream in(path);
  return {std::istream_iterator<std::uint64_t>(in), {}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5) return 2;
  const std::string path = argv[1], copy = path + ".flipped";
  const std::uint64_t flips = std::strtoull(argv[2], nullptr, 10), seed = std::strtoull(argv[3], nullptr, 10);
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::vector<std::uint64_t> places(bytes.size());
  std::iota(places.begin(), places.end(), 0U);
  if (argc == 5) places = read_places(argv[4]);
  const std::string original = content(path);
  std::uint64_t counts[3] = {}, ended = 0;
  for (std::uint64_t i = 0; i < flips; ++i) {
    RandomStream random(stream_key(seed, "flip"), i);
    std::string damaged = bytes;
    const std::uint64_t at = places[random.below(places.size())], bit = random.below(8);
    damaged.at(at) = static_cast<char>(damaged[at] ^ (1 << bit));
    std::ofstream(copy, std::ios::binary | std::ios::trunc) << damaged;
    const std::optional<Outcome> outcome = judge_in_child(copy, original);
    ++(outcome ? counts[*outcome] : ended);
    const bool fine = !outcome || *outcome == kRefused || (*outcome == kSame && argc == 4);
    if (!fine) std::cout << "not refused: bit " << bit << " of byte " << at << " (seed " << seed << ")\n";
  }
  std::remove(copy.c_str());
  std::cout << "refused " << counts[kRefused] << ", no content " << counts[kSame] << ", accepted " << counts[kAccepted]
            << ", ended the reader " << ended << "\n";
  const bool all_refused = counts[kAccepted] == 0 && (argc == 4 || counts[kSame] == 0);
  return all_refused && ended <= flips / 100 ? 0 : 1;
}
