#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <hullscope/base/digest.hpp>
#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>
#include <hullscope/store/shards.hpp>

#include "store_fixture.hpp"

using namespace hullscope;
using namespace hullscope::store;
using namespace hullscope::store::test;
using parallel::Comm;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// The sentence of the error that `call` throws, of type E.
template <class E, class Call>
std::string sentence_of(const Call& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error of the expected type";
  return "";
}

/// Runs a line of Python on the open h5py file `f`.
void edit(const std::string& path, const std::string& line) {
  const std::string command =
      "/usr/bin/python3 -c 'import h5py, sys, numpy as np\nwith h5py.File(sys.argv[1], \"a\") as f: " + line + "' '" +
      path + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

std::string encode_file(const std::string& path, const std::string& name = "l.weight") {
  ArtifactWriter out(Comm::self(), path, provenance("encode"));
  const std::vector<std::int64_t> ids{3, 5}, dead{0};
  const std::vector<float> codes{0.5f, -0.0f, 1e30f, 1e-30f, std::nanf(""), 3};
  const std::vector<double> loss{0.25}, unexplained{0.1, 0.2};
  for (const std::string split : {"/train", "/test"}) {
    out.write_rows<std::int64_t>(split + "/sample", {2}, 0, ids);
    out.write_rows<float>(split + "/code", {2, 3}, 0, codes);
    out.write_rows<std::int64_t>(split + "/hybrid_predicted", {2}, 0, ids);
  }
  out.write<double>("/train_loss", {1}, loss);
  out.write<double>("/unexplained_variance", {2}, unexplained);
  out.write_text("/split", {"train", "tést"});
  out.write<std::int64_t>("/dead_outputs", {}, dead);
  out.write<float>("/parameter/" + name, {3, 2}, codes);
  out.write<float>("/parameter/square", {2, 2}, std::span(codes).first(4));
  return out.publish({});
}

class ArtifactTest : public testing::Test {
 protected:
  Folder folder;
  std::string path = folder / "hull.h5";
};

TEST_F(ArtifactTest, ComesBackAsWritten) {
  path = folder / "deep/er/hull.h5";
  const std::string digest = write_hull(Comm::self(), path, 10, 3);
  EXPECT_THAT(check_artifact(path), ElementsAre());
  const ArtifactReader in(path, "hull");
  EXPECT_EQ(in.content_digest(), digest);
  EXPECT_EQ(compute_content_digest(path), digest);
  EXPECT_EQ(in.read<std::int64_t>("/sample")[9], 64);
  EXPECT_EQ(in.type("/verdict"), Type::u8);
  EXPECT_THAT(in.shape("/direction/vector"), ElementsAre(3, 3));
  EXPECT_THAT(in.read_rows<double>("/distance_upper", 2, 2), ElementsAre(1e30 * 2, 1e30 * 3));
  EXPECT_THAT(in.read_rows<double>("/distance_upper", 10, 0), ElementsAre());
  EXPECT_EQ(in.read_matrix<double>("/direction/vector")(2, 0), 1);
  EXPECT_THAT(in.read<std::int64_t>("/support/boundary"), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_THAT(in.list("/direction"), ElementsAre("outside", "query", "vector"));
  EXPECT_TRUE(in.has("/support/weight"));
  EXPECT_FALSE(in.has("/support/weights"));
  EXPECT_FALSE(in.has("/no/such/group"));
  EXPECT_EQ(in.text("/", "solver"), "wolfe");
  EXPECT_EQ(in.number("/support", "rounding"), 0.5);
  EXPECT_EQ(in.number("/verdict", "undecided"), 10);
  EXPECT_EQ(in.number("/run", "wall_seconds"), 1.5);
  EXPECT_EQ(in.provenance().seed, 0xfedcba9876543210u);
  EXPECT_EQ(in.provenance().study_toml, provenance("hull").study_toml);
  EXPECT_EQ(in.provenance().inputs.at("queries").path, "../queries.npy");
  EXPECT_EQ(in.provenance().inputs.at("queries").digest, "def");
}

TEST_F(ArtifactTest, TextsScalarsFloatsAndOpenDimensions) {
  encode_file(path);
  EXPECT_THAT(check_artifact(path), ElementsAre());
  const ArtifactReader in(path, "encode");
  EXPECT_THAT(in.read_text("/split"), ElementsAre("train", "tést"));
  EXPECT_THAT(in.shape("/dead_outputs"), ElementsAre());
  EXPECT_THAT(in.read<std::int64_t>("/dead_outputs"), ElementsAre(0));
  EXPECT_THAT(in.read<std::int64_t>("/epoch"), ElementsAre(1));
  EXPECT_THAT(in.read<std::int64_t>("/bottleneck"), ElementsAre(0, 1, 2));
  EXPECT_THAT(in.read<std::int64_t>("/parameter/axis0_3"), ElementsAre(0, 1, 2));
  const auto code = in.read<float>("/train/code");
  EXPECT_TRUE(std::signbit(code[1]) && std::isnan(code[4]));
}

TEST_F(ArtifactTest, EmptySetsAreThere) {
  write_hull(Comm::self(), path, 0, 3);
  EXPECT_THAT(check_artifact(path), ElementsAre());
  const ArtifactReader in(path, "hull");
  EXPECT_THAT(in.shape("/direction/vector"), ElementsAre(0, 3));
  EXPECT_EQ(in.read_matrix<double>("/direction/vector").rows(), 0);
  EXPECT_THAT(in.read_text("/exact/direction"), ElementsAre());
  EXPECT_THAT(in.read<std::int64_t>("/support/offset"), ElementsAre(0));
}

TEST_F(ArtifactTest, ConversionsAreExactOrRefused) {
  write_hull(Comm::self(), path, 10, 3);
  const ArtifactReader in(path, "hull");
  EXPECT_EQ(in.read<float>("/verdict")[5], 2);
  EXPECT_EQ(in.read<double>("/verdict")[5], 2);
  EXPECT_EQ(in.read<std::int64_t>("/verdict")[5], 2);
  EXPECT_EQ(in.read<std::int64_t>("/passes")[4], 4);
  EXPECT_EQ(in.read<double>("/passes")[4], 4);
  EXPECT_THROW(in.read<float>("/passes"), DataError);   // 31 bits into 24
  EXPECT_THROW(in.read<double>("/sample"), DataError);  // 63 bits into 53
  EXPECT_THROW(in.read<std::uint8_t>("/passes"), DataError);
  EXPECT_THROW(in.read<std::int64_t>("/distance_upper"), DataError);
  EXPECT_THROW(in.read<double>("/exact/direction"), DataError);
  EXPECT_THROW(in.read_text("/verdict"), DataError);
  EXPECT_THROW(in.read_matrix<double>("/distance_upper"), DataError);
  EXPECT_THROW(in.read_rows<double>("/distance_upper", 8, 3), DataError);
  EXPECT_THROW(in.read_rows<double>("/distance_upper", -1, 3), DataError);
  const auto narrow = sentence_of<DataError>([&] { in.read_matrix<float>("/direction/vector"); });
  EXPECT_THAT(narrow, HasSubstr("hull.h5 (/direction/vector): holds f64, which f32 cannot hold exactly"));
  EXPECT_THAT(sentence_of<DataError>([&] { in.read<double>("/nothing"); }),
              HasSubstr("(/nothing): the data set is missing"));
  EXPECT_THAT(sentence_of<DataError>([&] { in.read<double>("/support"); }), HasSubstr("is a group"));
  EXPECT_THAT(sentence_of<DataError>([&] { (void)in.number("/", "solver"); }), HasSubstr("not one number"));
  EXPECT_THAT(sentence_of<DataError>([&] { (void)in.number("/", "speed"); }), HasSubstr("no attribute \"speed\""));
}

TEST_F(ArtifactTest, MistakesOfAStageAreBugs) {
  ArtifactWriter out(Comm::self(), path, provenance("hull"));
  const std::vector<std::int64_t> ids{1, 2};
  EXPECT_THROW(out.write<std::int64_t>("/unknown", {2}, ids), InternalError);
  EXPECT_THROW(out.write<std::int64_t>("/verdict", {2}, ids), InternalError);         // type
  EXPECT_THROW(out.write<std::int64_t>("/sample", {2, 1}, ids), InternalError);       // dimensions
  EXPECT_THROW(out.write_rows<std::int64_t>("/sample", {2}, 1, ids), InternalError);  // beyond the end
  EXPECT_THROW(out.write_text("/exact/direction", {std::string("a\0b", 3)}); out.publish({}), InternalError);
  EXPECT_THAT(folder.names(), ElementsAre());
  EXPECT_THROW(ArtifactWriter(Comm::self(), path, provenance("no stage")), InternalError);
}

TEST_F(ArtifactTest, AFileWithoutItsRequiredDataSetsIsNotPublished) {
  ArtifactWriter out(Comm::self(), path, provenance("hull"));
  const std::vector<std::int64_t> ids{1, 2};
  out.write<std::int64_t>("/sample", {2}, ids);
  EXPECT_THAT(sentence_of<InternalError>([&] { out.publish({}); }), HasSubstr("(/verdict): is missing"));
  EXPECT_THAT(folder.names(), ElementsAre());
}

TEST_F(ArtifactTest, ScalesOfAnotherLengthAreABug) {
  ArtifactWriter out(Comm::self(), path, provenance("hull"));
  const std::vector<std::int64_t> ids{1, 2};
  const std::vector<std::uint8_t> verdict{1, 2, 2};
  out.write<std::int64_t>("/sample", {2}, ids);
  out.write<std::uint8_t>("/verdict", {3}, verdict);
  EXPECT_THAT(sentence_of<InternalError>([&] { out.publish({}); }), HasSubstr("/verdict has length 3 along sample"));
}

TEST_F(ArtifactTest, ForeignFilesAreNamed) {
  const auto open = [&] { ArtifactReader(path, "hull"); };
  EXPECT_THAT(sentence_of<DataError>(open), HasSubstr("hull.h5: No such file or directory; expected an HDF5 file"));
  write_bytes(path, "");
  EXPECT_THAT(sentence_of<DataError>(open), HasSubstr("is empty (0 bytes)"));
  write_bytes(path, std::string(5000, 'x'));
  EXPECT_THAT(sentence_of<DataError>(open), HasSubstr("is not an HDF5 file"));
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_THAT(sentence_of<DataError>(open), HasSubstr("is not a plain file"));
  std::filesystem::remove(path);
  edit(path, "f[\"format\"] = 3; f.attrs[\"format\"] = 3");
  EXPECT_THAT(sentence_of<DataError>(open), HasSubstr("was not written by hullscope"));
  EXPECT_EQ(ArtifactReader(path).read<std::int64_t>("/format")[0], 3);  // any HDF5 file, without a stage
}

TEST_F(ArtifactTest, OtherStagesAndOtherMajorsAreRefused) {
  write_hull(Comm::self(), path, 10, 3);
  EXPECT_THAT(sentence_of<DataError>([&] { ArtifactReader(path, "train"); }),
              HasSubstr("is a file of stage \"hull\"; expected one of stage \"train\""));
  edit(path, "f.attrs[\"format_version\"] = \"1.99.0\"");
  EXPECT_NO_THROW(ArtifactReader(path, "hull"));  // a newer minor: more, but nothing else
  edit(path, "f.attrs[\"format_version\"] = \"2.0.0\"");
  EXPECT_THAT(sentence_of<DataError>([&] { ArtifactReader(path, "hull"); }),
              HasSubstr("has format version 2.0.0, this program reads 1.x; use a newer hullscope"));
  EXPECT_THAT(check_artifact(path), ElementsAre(HasSubstr("format version 2.0.0")));
  bool other = false;
  EXPECT_FALSE(is_done(path, "key", &other));
  EXPECT_TRUE(other);
}

TEST_F(ArtifactTest, CheckNamesEveryFault) {
  encode_file(path);
  edit(path,
       "f[\"train/code\"].attrs[\"units\"] = \"m\"; del f[\"test/hybrid_predicted\"]; f[\"odd\"] = 3; "
       "f[\"train/code\"].dims[1].detach_scale(f[\"bottleneck\"])");
  const auto faults = check_artifact(path);
  EXPECT_THAT(faults, testing::UnorderedElementsAre(
                          HasSubstr("its content was changed"), HasSubstr("(/test/hybrid_predicted): is missing"),
                          HasSubstr("(/train/code): has the units \"m\"; expected \"1\""),
                          HasSubstr("(/train/code): has no dimension scale attached to dimension 1"),
                          HasSubstr("(/odd): is not part of a file of stage encode")));
}

TEST_F(ArtifactTest, LinksAreNoContent) {
  write_hull(Comm::self(), path, 10, 3);
  edit(path, "f[\"also\"] = h5py.SoftLink(\"/verdict\")");
  EXPECT_THAT(check_artifact(path), ElementsAre(HasSubstr("(/also): is a soft or external link")));
  write_hull(Comm::self(), path, 10, 3);
  edit(path, "f[\"also\"] = f[\"verdict\"]");
  EXPECT_THAT(check_artifact(path), ElementsAre(HasSubstr("second name of another object")));
}

TEST_F(ArtifactTest, ClaimsAreComparedWithWhatIsStored) {
  edit(path,
       "f.create_dataset(\"never\", (1 << 40,), \"f8\"); "
       "f.create_dataset(\"packed\", (1 << 40,), \"f4\", chunks=(1 << 20,), compression=9); "
       "f.create_dataset(\"elsewhere\", (4,), \"f8\", external=[(\"other.bin\", 0, 32)]); "
       "l = h5py.VirtualLayout((4,), \"f8\"); l[:] = h5py.VirtualSource(\"o.h5\", \"d\", (4,)); "
       "f.create_virtual_dataset(\"virtual\", l); "
       "f[\"complex\"] = np.zeros(2, complex); f[\"null\"] = h5py.Empty(\"f8\")");
  const ArtifactReader in(path);
  for (const char* name : {"/never", "/packed"})
    EXPECT_THAT(sentence_of<DataError>([&] { in.read<double>(name); }),
                HasSubstr("bytes by its shape, but 0 are stored"));
  for (const char* name : {"/elsewhere", "/virtual"})
    EXPECT_THAT(sentence_of<DataError>([&] { in.read<double>(name); }), HasSubstr("keeps its values in other files"));
  EXPECT_THAT(sentence_of<DataError>([&] { in.read<double>("/complex"); }), HasSubstr("holds neither numbers"));
  EXPECT_THAT(sentence_of<DataError>([&] { in.read<double>("/null"); }), HasSubstr("has an empty data space"));
}

TEST_F(ArtifactTest, DoneMeansThisKey) {
  bool other = true;
  EXPECT_FALSE(is_done(path, "key", &other));
  EXPECT_FALSE(other);
  write_hull(Comm::self(), path, 10, 3, "key");
  EXPECT_TRUE(is_done(path, "key", &other));
  EXPECT_FALSE(other);
  EXPECT_FALSE(is_done(path, "another", &other));
  EXPECT_TRUE(other);
  const std::string whole = bytes_of(path);
  write_bytes(path, whole.substr(0, whole.size() / 2));
  EXPECT_FALSE(is_done(path, "key", &other));
  EXPECT_FALSE(other);
}

TEST_F(ArtifactTest, DigestsOfArraysAndDataSetsAgree) {
  encode_file(path);
  const ArtifactReader in(path);
  const auto code = in.read<float>("/train/code");
  EXPECT_EQ(dataset_digest(path, "/train/code"), array_digest("f32", {2, 3}, code.data(), code.size() * 4));
  EXPECT_NE(dataset_digest(path, "/train/code"), array_digest("f32", {3, 2}, code.data(), code.size() * 4));
  const std::uint64_t header[] = {2, 2, 3};  // by hand: dimensions, lengths
  Digest digest;
  digest.update_text("f32");
  digest.update(header, sizeof header);
  digest.update(code.data(), code.size() * 4);
  EXPECT_EQ(dataset_digest(path, "/train/code"), digest.hex());
}

TEST_F(ArtifactTest, ContentDigestSeesNamesValuesAndAttributesOnly) {
  const std::string digest = encode_file(path);
  EXPECT_NE(encode_file(folder / "renamed.h5", "l.bias"), digest);
  edit(path, "f[\"run\"].attrs[\"hosts\"] = \"elsewhere\"");
  EXPECT_EQ(compute_content_digest(path), digest);
  edit(path,
       "v = f[\"train/code\"][()]; a = dict(f[\"train/code\"].attrs); del f[\"train/code\"]; "
       "d = f.create_dataset(\"train/code\", data=v, chunks=(1, 2), compression=9); "
       "[d.attrs.create(k, a[k]) for k in (\"units\", \"long_name\")]");
  EXPECT_EQ(compute_content_digest(path), digest);  // other chunks, a filter, no scales
  edit(path, "f[\"train/code\"].attrs[\"units\"] = \"m\"");
  EXPECT_NE(compute_content_digest(path), digest);
}

TEST_F(ArtifactTest, AReadOnlyFolderIsASentence) {
  const bool root = geteuid() == 0;
  std::filesystem::permissions(folder / "", std::filesystem::perms(0555));
  if (root) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const auto sentence = sentence_of<EnvironmentError>([&] { write_hull(Comm::self(), path, 10, 3); });
  const auto bytes = sentence_of<EnvironmentError>([&] { publish_bytes(folder / "x", "y"); });
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  std::filesystem::permissions(folder / "", std::filesystem::perms(0755));
  EXPECT_THAT(sentence, HasSubstr("Permission denied; make the folder writable or choose another output folder"));
  EXPECT_THAT(bytes, HasSubstr("Permission denied"));
  EXPECT_THAT(folder.names(), ElementsAre());
  std::filesystem::create_directory(path);
  EXPECT_THAT(sentence_of<EnvironmentError>([&] { write_hull(Comm::self(), path, 10, 3); }),
              HasSubstr("it is a folder"));
}

TEST_F(ArtifactTest, LeftoversOfDeadWritersGo) {
  const pid_t child = fork();
  if (child == 0) {
    const std::string temporary = folder / (".hull.h5.tmp-x+" + std::to_string(getpid()) + "+0+0");
    write_bytes(temporary, "of another host, old");
    std::filesystem::last_write_time(temporary, std::filesystem::file_time_type::clock::now() - std::chrono::hours(30));
    write_bytes(folder / ".hull.h5.tmp-x+1+2+3", "of another host, young");
    const ArtifactWriter out(Comm::self(), path, provenance("hull"));
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(folder.names().size(), 2u);  // its own, and the young one of another host
  write_hull(Comm::self(), path, 10, 3);
  EXPECT_THAT(folder.names(), testing::UnorderedElementsAre("hull.h5", ".hull.h5.tmp-x+1+2+3"));
}

TEST_F(ArtifactTest, BytesArePublishedWhole) {
  publish_bytes(folder / "a/b.txt", "first");
  publish_bytes(folder / "a/b.txt", std::string("sec\0nd", 6));
  EXPECT_EQ(bytes_of(folder / "a/b.txt"), std::string("sec\0nd", 6));
  publish_bytes(folder / "a/b.txt", "");
  EXPECT_EQ(bytes_of(folder / "a/b.txt"), "");
}

TEST(Schema, PathsAndPatterns) {
  const Format& hull = format_of("hull");
  EXPECT_EQ(find_field(hull, "/support/weight")->type, Type::f64);
  EXPECT_EQ(find_field(hull, "/support"), nullptr);
  EXPECT_EQ(find_field(hull, "/support/weight/more"), nullptr);
  const Format& proximity = format_of("proximity");
  EXPECT_EQ(find_field(proximity, "/latent-04/cosine/nearest")->path, "/*/*/nearest");
  EXPECT_EQ(find_field(proximity, "/latent-04/unit")->dimensions, "");
  EXPECT_EQ(find_field(proximity, "//cosine/nearest"), nullptr);
  EXPECT_EQ(find_field(proximity, "/nearest"), nullptr);
  EXPECT_EQ(find_field(proximity, ""), nullptr);
  EXPECT_THROW((void)format_of("hulls"), InternalError);
}

TEST(Schema, TheTableInTheDocsIsTheTableOfTheCode) {
  const std::string docs = bytes_of(HULLSCOPE_SOURCE_DIR "/docs/file-format.md");
  const std::string first = "<!-- formats: begin -->\n\n", last = "<!-- formats: end -->";
  const auto begin = docs.find(first) + first.size(), end = docs.find(last);
  ASSERT_LT(begin, end);
  EXPECT_EQ(docs.substr(begin, end - begin), formats_as_markdown())
      << "put the output of `tests/store_tool formats` between the markers";
}

class ShardTest : public ArtifactTest {
 protected:
  Shard shard{{"a", std::vector<std::uint8_t>{1, 2}}, {"b", std::vector<std::int32_t>{-3}},
              {"c", std::vector<std::int64_t>{}},     {"d", std::vector<float>(300000, 0.5f)},
              {"e", std::vector<double>{1e300}},      {"f", std::vector<std::string>{"", "ü", std::string(1000, 'x')}},
              {"g", std::vector<std::string>{}}};
  std::string file(const std::string& name) { return path + ".parts/" + name; }
};

TEST_F(ShardTest, ComeBackAsWritten) {
  const ShardSet shards(path, "key");
  EXPECT_FALSE(shards.done(0));
  shards.publish(0, shard);
  shards.publish(1234567, {});
  EXPECT_TRUE(shards.done(0));
  EXPECT_TRUE(shards.done(1234567));
  EXPECT_FALSE(shards.done(1));
  EXPECT_EQ(shards.read(0), shard);
  EXPECT_EQ(shards.read(1234567), Shard{});
  shards.publish(0, {{"a", std::vector<std::uint8_t>{9}}});
  EXPECT_EQ(std::get<0>(shards.read(0).at("a"))[0], 9);
  shards.remove();
  shards.remove();
  EXPECT_THAT(folder.names(), ElementsAre());
}

TEST_F(ShardTest, OfAnotherKeyGo) {
  ShardSet(path, "old").publish(3, shard);
  const ShardSet shards(path, "new");
  EXPECT_FALSE(std::filesystem::exists(file("000003.h5")));
  EXPECT_FALSE(shards.done(3));
  shards.publish(3, shard);
  EXPECT_TRUE(ShardSet(path, "new").done(3));
}

TEST_F(ShardTest, DamagedOnesAreNotDoneAndGo) {
  const ShardSet shards(path, "key");
  shards.publish(3, shard);
  const std::string whole = bytes_of(file("000003.h5"));
  std::string flipped = whole;
  flipped[whole.find(std::string(1000, 'x')) + 500] ^= 4;
  for (const std::string& bytes : {whole.substr(0, whole.size() - 1), whole.substr(0, 100), std::string(), flipped}) {
    write_bytes(file("000003.h5"), bytes);
    EXPECT_THROW(shards.read(3), DataError);
    EXPECT_FALSE(shards.done(3));
    EXPECT_FALSE(std::filesystem::exists(file("000003.h5")));
  }
}

TEST_F(ShardTest, DamagedOnesAmongWholeOnesGoAlone) {
  const ShardSet made(path, "key");
  for (int i = 0; i < 6; ++i) made.publish(i, shard);
  const std::string whole = bytes_of(file("000001.h5"));
  write_bytes(file("000001.h5"), whole.substr(0, whole.size() / 2));
  write_bytes(file("000002.h5"), "");
  write_bytes(file("000003.h5"), std::string(5000, 'x'));
  ShardSet(file("other"), "other key").publish(0, shard);
  std::filesystem::rename(file("other") + ".parts/000000.h5", file("000004.h5"));
  const ShardSet shards(path, "key");
  std::string done;
  for (int i = 0; i < 7; ++i) done += shards.done(i) ? '1' : '0';
  EXPECT_EQ(done, "1000010");
  for (const char* name : {"000001.h5", "000002.h5", "000003.h5", "000004.h5"})
    EXPECT_FALSE(std::filesystem::exists(file(name))) << name;
}

}  // namespace

/// Under the address sanitizer: Open MPI leaks from libraries that it has unloaded, which no suppression can name.
extern "C" int __lsan_is_turned_off() {
  return 1;
}

int main(int argc, char** argv) {
  const parallel::Session session(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
