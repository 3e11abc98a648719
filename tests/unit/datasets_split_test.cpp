// From a set's name to its samples: named sets on a search path, users' own arrays, and all that may be wrong.
#include <hullscope/base/digest.hpp>
#include <hullscope/datasets/detail/samples.hpp>
#include <hullscope/datasets/registry.hpp>

#include "datasets_files.hpp"

namespace hullscope::datasets {
namespace {

using detail::read_split;
using detail::Samples;
using test::Environment;
using test::expect_error;
using test::Folder;
using test::gzip;
using test::idx;
using test::little_endian;
using test::npy;
using test::npy_header;

Samples split(const std::string& name, const std::string& which, const std::string& folder = "",
              std::int64_t limit = 0) {
  return read_split({name, which, limit, folder, 0});
}

// ---- manifests

TEST(Manifests, TheThreeNamedSetsAreThere) {
  std::vector<std::string> names;
  for (const NamedSet& set : named_sets()) {
    names.push_back(set.name);
    EXPECT_FALSE(set.licence.empty());
    EXPECT_FALSE(set.citation.empty());
    EXPECT_FALSE(set.addresses.empty());
    EXPECT_EQ(set.classes, 10);
    EXPECT_EQ(set.samples("test"), 10000);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"cifar-10", "fashion-mnist", "mnist"}));
  EXPECT_EQ(find_named_set("mnist")->samples("train"), 60000);
  EXPECT_EQ(find_named_set("cifar-10")->samples("train"), 50000);
  EXPECT_EQ(find_named_set("cifar"), nullptr);
}

std::string manifest(const std::string& more = "", const std::string& shape = "[1, 2, 2]") {
  return "name = \"tiny\"\ntitle = \"t\"\nlicence = \"l\"\ncitation = \"c\"\nhomepage = \"h\"\nformat = \"idx\"\n"
         "sample_shape = " +
         shape + "\nclasses = 3\naddresses = [\"file:///nowhere/\"]\n" + more;
}

std::string file_table(const std::string& name, const std::string& role, const std::string& bytes,
                       const std::string& more = "") {
  return "[[file]]\nname = \"" + name + "\"\nsplit = \"train\"\nrole = \"" + role +
         "\"\nsamples = 4\nsize = " + std::to_string(bytes.size()) + "\nsha256 = \"" + sha256(bytes) + "\"\n" + more;
}

TEST(Manifests, FaultsNameFileAndKey) {
  const auto fault = [](const std::string& text, const std::vector<std::string>& parts) {
    std::vector<std::string> all = parts;
    all.push_back("tiny.toml");
    expect_error<DataError>([&] { parse_manifest(text, "tiny.toml"); }, all);
  };
  const std::string file = file_table("a", "samples", "x");
  EXPECT_EQ(parse_manifest(manifest(file), "tiny.toml").files.size(), 1u);
  fault("name = ", {"line 1"});
  fault("name = 3", {"name", "not a text"});
  fault("", {"name", "missing"});
  fault(manifest(), {"file", "missing"});
  fault(manifest("licenze = \"x\"\n" + file), {"licenze", "unknown", "did you mean \"licence\""});
  fault(manifest(file, "[2, 2]"), {"sample_shape", "channels"});
  fault(manifest(file, "[1, 0, 2]"), {"sample_shape"});
  fault(manifest(file, "[1, \"x\", 2]"), {"sample_shape", "wrong type"});
  fault(manifest(file, "3"), {"sample_shape", "not a list"});
  fault(manifest(file + "colour = 1\n"), {"file[0].colour", "unknown"});
  fault(manifest(file_table("a", "pixels", "x")), {"file[0].role"});
  fault(manifest(file_table("../a", "samples", "x")), {"file[0].name"});
  fault(manifest("archive_sha256 = \"abc\"\n" + file), {"archive_sha256", "SHA-256"});
}

// ---- named sets on the search path

TEST(SearchPath, FolderThenHullscopeDataThenCacheThenPackage) {
  const Environment data("HULLSCOPE_DATA", "/first::/second"), cache("XDG_CACHE_HOME", "/cache");
  EXPECT_EQ(search_path(*find_named_set("cifar-10"), "/study"),
            (std::vector<std::string>{
                "/study/cifar-10", "/study/cifar-10-batches-bin", "/study/cifar-10/cifar-10-batches-bin", "/study",
                "/first/cifar-10", "/first/cifar-10-batches-bin", "/first/cifar-10/cifar-10-batches-bin", "/first",
                "/second/cifar-10", "/second/cifar-10-batches-bin", "/second/cifar-10/cifar-10-batches-bin", "/second",
                "/cache/hullscope/cifar-10"}));
  const std::vector<std::string> fashion = search_path(*find_named_set("fashion-mnist"), "");
  EXPECT_EQ(fashion.front(), "/first/fashion-mnist");
  EXPECT_EQ(fashion.back(), "/usr/share/datasets/fashion-mnist");
}

TEST(NamedSets, AMissingSetSaysHowToGetIt) {
  const Folder folder;
  const Environment data("HULLSCOPE_DATA", folder.path()), cache("XDG_CACHE_HOME", folder / "cache");
  expect_error<EnvironmentError>([] { split("mnist", "train"); },
                                 {"mnist", "train-images-idx3-ubyte", folder.path(), "hullscope datasets fetch mnist"});
  EXPECT_EQ(found_folder(*find_named_set("mnist"), ""), "");
}

TEST(NamedSets, WrongFilesAreRefusedWithTheirFault) {
  const Folder folder;
  const Environment data("HULLSCOPE_DATA", ""), cache("XDG_CACHE_HOME", folder / "cache");
  const auto fault = [&](const std::string& name, const std::string& file, const std::string& bytes,
                         const std::vector<std::string>& parts) {
    folder.write(file, bytes);
    expect_error<DataError>([&] { split(name, "test", folder.path()); }, parts);
  };
  const std::string images = "mnist/t10k-images-idx3-ubyte", labels = "mnist/t10k-labels-idx1-ubyte";
  fault("mnist", images, "", {images, "empty"});
  fault("mnist", images, idx(0x08, {10000, 28, 27}, std::string(7560000, 'a')),
        {images, "10000 x 28 x 27", "expected 10000 x 28 x 28"});
  fault("mnist", images, idx(0x08, {10, 28, 28}, std::string(7840, 'a')), {images, "10 x 28 x 28"});
  fault("mnist", images, idx(0x08, {10000, 28, 28}, std::string(7840000, 'a')),
        {images, "not the bytes of mnist", "SHA-256"});
  fault("mnist", labels, "", {"SHA-256"});  // the images come first
  const std::string batch = "cifar-10-batches-bin/test_batch.bin";
  fault("cifar-10", batch, std::string(3073, '\1'), {batch, "1 records", "expected 10000"});
  fault("cifar-10", batch, std::string(3073, '\x0b'), {batch, "label 11"});
  fault("cifar-10", batch, std::string(30730000, '\1'), {batch, "not the bytes of cifar-10"});
}

TEST(NamedSets, LimitsAndNames) {
  expect_error<UsageError>([] { split("mnist", "train", "", 60001); }, {"first 60001", "it has 60000"});
  expect_error<UsageError>([] { split("mnist", "train", "", -1); }, {"limit of -1"});
  expect_error<UsageError>([] { split("mnist", "validation"); }, {"validation"});
  expect_error<UsageError>([] { split("fashion_mnist", "train"); }, {"did you mean \"fashion-mnist\""});
  expect_error<UsageError>([] { split("gausian?n=3", "train"); }, {"did you mean \"gaussian\"", "train_samples"});
  expect_error<UsageError>([] { split("", "train"); }, {"unknown"});
}

// ---- Fashion-MNIST, from Debian's package

class FashionMnist : public ::testing::Test {
 protected:
  void SetUp() override {
    if (found_folder(*find_named_set("fashion-mnist"), "").empty())
      GTEST_SKIP() << "Fashion-MNIST is missing; " << how_to_get(*find_named_set("fashion-mnist"));
  }
};

TEST_F(FashionMnist, IsRead) {
  const Samples test = split("fashion-mnist", "test");
  EXPECT_TRUE(test.pixels);
  EXPECT_EQ(test.sample_shape, (std::vector<std::int64_t>{1, 28, 28}));
  EXPECT_EQ(test.values.size(), 10000u * 784);
  std::vector<int> counts(10, 0);
  for (const std::int64_t label : test.labels) ++counts[static_cast<std::size_t>(label)];
  EXPECT_EQ(counts, std::vector<int>(10, 1000));
  EXPECT_EQ(test.labels[0], 9);  // an ankle boot
  const Samples few = split("fashion-mnist", "train", "", 7);
  EXPECT_EQ(few.labels, (std::vector<std::int64_t>{9, 0, 0, 3, 0, 2, 7}));
  EXPECT_EQ(few.values.size(), 7u * 784);
}

// A damaged copy on the way is passed over for the whole one that comes later, as is MNIST under the same file names.
TEST_F(FashionMnist, AWrongCopyIsPassedOver) {
  const Folder folder;
  const Environment cache("XDG_CACHE_HOME", folder / "cache");
  const Samples whole = split("fashion-mnist", "test");
  folder.write("t10k-labels-idx1-ubyte", idx(0x08, {10000}, std::string(10000, '\1')));
  folder.write("fashion-mnist/t10k-images-idx3-ubyte.gz", gzip("rubbish").substr(0, 12));
  const Samples again = split("fashion-mnist", "test", folder.path());
  EXPECT_EQ(again.labels, whole.labels);
  EXPECT_EQ(again.values, whole.values);
  EXPECT_EQ(found_folder(*find_named_set("fashion-mnist"), folder.path()).substr(0, 5), "/usr/");
}

TEST_F(FashionMnist, PackedAndUnpackedAreTheSame) {
  const Folder folder;
  const Environment cache("XDG_CACHE_HOME", folder / "cache");
  const NamedSet& set = *find_named_set("fashion-mnist");
  for (const NamedFile& file : set.files) {
    if (file.split != "test") continue;
    const std::string packed = candidates(set, file, "").front();
    ASSERT_EQ(std::system(("gzip -dc '" + packed + "' > '" + (folder / file.name) + "'").c_str()), 0);
    EXPECT_EQ(fault_of(file, packed), "");
    EXPECT_EQ(fault_of(file, folder / file.name), "");
    EXPECT_EQ(candidates(set, file, folder.path()).front(), folder / file.name);
  }
  EXPECT_EQ(split("fashion-mnist", "test", folder.path()).values, split("fashion-mnist", "test").values);
}

// ---- users' own arrays

std::string floats(const std::vector<float>& values) {
  std::string bytes(values.size() * 4, '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TEST(Arrays, TrainAndTest) {
  const Folder folder;
  folder.write("a, b.npy", npy(npy_header("<f4", "(3, 2)"), floats({1, 2, 3, 4, 5, 6})));
  folder.write("l.npy", npy(npy_header("|u1", "(3,)"), std::string("\0\2\1", 3)));
  folder.write("t.npy", npy(npy_header("|u1", "(2, 2, 2)"), "abcdefgh"));
  folder.write("m.npy", npy(npy_header("<i8", "(2,)"), little_endian(2, 8) + little_endian(0, 8)));
  const std::string name =
      "train_samples=a, b.npy,train_labels=l.npy,test_samples=t.npy,test_labels=" + folder / "m.npy";
  const Samples train = split(name, "train", folder.path());
  EXPECT_FALSE(train.pixels);
  EXPECT_EQ(train.sample_shape, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(train.classes, 3);
  EXPECT_EQ(train.labels, (std::vector<std::int64_t>{0, 2, 1}));
  EXPECT_EQ(std::memcmp(train.values.data(), floats({1, 2, 3, 4, 5, 6}).data(), 24), 0);
  const Samples test = split(name, "test", folder.path());
  EXPECT_TRUE(test.pixels);
  EXPECT_EQ(test.sample_shape, (std::vector<std::int64_t>{1, 2, 2}));
  EXPECT_EQ(test.classes, 3);  // the training split's, though label 1 does not occur
  const Samples one = split(name, "test", folder.path(), 1);
  EXPECT_EQ(one.labels.size(), 1u);
  EXPECT_EQ(one.values.size(), 4u);
  EXPECT_EQ(split("samples=a, b.npy,labels=l.npy", "train", folder.path()).values, train.values);
}

TEST(Arrays, SayWhatIsWrong) {
  const Folder folder;
  folder.write("x3.npy", npy(npy_header("<f4", "(3, 2)"), floats({1, 2, 3, 4, 5, 6})));
  folder.write("nan.npy", npy(npy_header("<f4", "(1, 2)"), floats({1, std::nanf("")})));
  folder.write("d.npy", npy(npy_header("<f8", "(1, 1)"), little_endian(0x3fb999999999999au, 8)));  // 0.1
  folder.write("empty.npy", npy(npy_header("<f4", "(3, 0)"), ""));
  folder.write("five.npy", npy(npy_header("|u1", "(1, 1, 1, 1, 1)"), "a"));
  folder.write("l3.npy", npy(npy_header("|u1", "(3,)"), std::string("\0\2\1", 3)));
  folder.write("l2.npy", npy(npy_header("|u1", "(2,)"), std::string("\0\1", 2)));
  folder.write("l1.npy", npy(npy_header("|u1", "(1,)"), std::string("\0", 1)));
  folder.write("big.npy",
               npy(npy_header("<i8", "(3,)"), little_endian(0, 8) + little_endian(1, 8) + little_endian(70000, 8)));
  const auto data = [&](const std::string& name, const std::string& which, const std::vector<std::string>& parts) {
    expect_error<DataError>([&] { split(name, which, folder.path()); }, parts);
  };
  const auto usage = [&](const std::string& name, const std::string& which, const std::vector<std::string>& parts) {
    expect_error<UsageError>([&] { split(name, which, folder.path()); }, parts);
  };
  data("samples=x3.npy,labels=l2.npy", "train", {"l2.npy", "2 labels for 3 samples", "x3.npy"});
  data("samples=nan.npy,labels=l1.npy", "train", {"nan.npy", "row 0, column 1", "NaN"});
  data("samples=d.npy,labels=l1.npy", "train", {"d.npy", "row 0, column 0 is 0.1", "float32"});
  data("samples=empty.npy,labels=l3.npy", "train", {"empty.npy", "0 "});
  data("samples=five.npy,labels=l1.npy", "train", {"1 x 1 x 1 x 1 x 1"});
  data("samples=x3.npy,labels=big.npy", "train", {"largest label is 70000"});
  data("samples=x3.npy,labels=nothing.npy", "train", {"nothing.npy", "no such file"});
  data("train_samples=x3.npy,train_labels=l2.npy,test_samples=x3.npy,test_labels=l3.npy", "test",
       {"l3.npy", "label 1 is 2", "number of classes"});
  usage("samples=x3.npy", "train", {"no labels of the train split", "labels=ARRAY"});
  usage("samples=x3.npy,labels=l3.npy", "test", {"no samples of the test split", "test_samples=ARRAY"});
  usage("samples=x3.npy,samples=x3.npy,labels=l3.npy", "train", {"given twice"});
  usage("smaples=x3.npy,labels=l3.npy", "train", {"\"smaples\" is unknown", "did you mean \"samples\""});
  expect_error<UsageError>([&] { split("samples=x3.npy,labels=l3.npy", "train", folder.path(), 4); },
                           {"first 4", "has 3"});
}

// ---- fetching, from a folder that stands for the network

class Fetch : public ::testing::Test {
 protected:
  NamedSet set(const std::string& more = "") const {
    return parse_manifest(manifest(file_table("images", "samples", images_,
                                              "packed_size = 1\npacked_sha256 = \"" + sha256("other") + "\"\n") +
                                   file_table("labels", "labels", labels_) + more),
                          "tiny.toml");
  }
  NamedSet with_addresses(const std::vector<std::string>& addresses) const {
    NamedSet s = set();
    s.addresses = addresses;
    return s;
  }
  std::string address(const std::string& folder) const { return "file://" + folder + "/"; }
  static std::size_t count(const std::string& folder) {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) n += entry.exists();
    return n;
  }
  std::string images_ = idx(0x08, {4, 2, 2}, "0123456789abcdef");
  std::string labels_ = idx(0x08, {4}, std::string("\0\1\2\0", 4));
};

TEST_F(Fetch, TakesTheFirstAddressThatHasTheRightBytes) {
  // No blank here: a file address with one would have to be written with %20.
  const std::string server = ::testing::TempDir() + "hullscope-fetch-" + std::to_string(::getpid());
  const Folder target;
  std::filesystem::create_directories(server + "/wrong");
  std::filesystem::create_directories(server + "/right");
  std::ofstream(server + "/wrong/images.gz") << gzip("something else");
  std::ofstream(server + "/right/images.gz") << gzip(images_);
  std::ofstream(server + "/right/labels") << labels_;
  const NamedSet tiny =
      with_addresses({address(server + "/none"), address(server + "/wrong"), address(server + "/right")});
  const std::vector<std::string> lines = fetch(tiny, target / "new/folder");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], ::testing::HasSubstr("images.gz: fetched"));
  EXPECT_EQ(count(target / "new/folder"), 2u);  // and nothing temporary
  EXPECT_EQ(fault_of(tiny.files[0], target / "new/folder/images.gz"), "");
  EXPECT_THAT(fetch(tiny, target / "new/folder")[1], ::testing::HasSubstr("was there"));
  std::filesystem::remove_all(server);
}

TEST_F(Fetch, WithoutTheNetworkNothingIsLeft) {
  const Folder target;
  expect_error<EnvironmentError>(
      [&] {
        fetch(with_addresses({"file:///nowhere/", "file:///nor/here/"}), target.path());
      },
      {"could not fetch tiny", "file:///nowhere/images.gz", "file:///nor/here/images.gz", "network"});
  EXPECT_EQ(count(target.path()), 0u);
}

TEST_F(Fetch, AFileOfAnotherContentIsNeverReplaced) {
  const Folder target;
  target.write("images", "mine");
  expect_error<EnvironmentError>([&] { fetch(set(), target.path()); }, {target / "images", "something else", "--to"});
  std::ifstream stream(target / "images");
  std::string text;
  std::getline(stream, text);
  EXPECT_EQ(text, "mine");
  EXPECT_EQ(count(target.path()), 1u);
}

TEST_F(Fetch, AnArchiveIsUnpackedFileByFile) {
  const std::string server = ::testing::TempDir() + "hullscope-archive-" + std::to_string(::getpid());
  std::filesystem::create_directories(server + "/inner");
  std::ofstream(server + "/inner/images") << images_;
  std::ofstream(server + "/inner/labels") << labels_;
  ASSERT_EQ(std::system(("tar -C " + server + " -czf " + server + "/set.tar.gz inner").c_str()), 0);
  NamedSet tiny = with_addresses({"file://" + server + "/set.tar.gz"});
  tiny.subfolders = {"inner"};
  tiny.archive_sha256 = sha256_of_file(server + "/set.tar.gz");
  const Folder target;
  EXPECT_EQ(fetch(tiny, target.path()).size(), 2u);
  EXPECT_EQ(fault_of(tiny.files[0], target / "images"), "");
  EXPECT_EQ(fault_of(tiny.files[1], target / "labels"), "");
  EXPECT_EQ(count(target.path()), 2u);
  tiny.archive_sha256 = sha256("other");
  const Folder other;
  expect_error<EnvironmentError>([&] { fetch(tiny, other.path()); }, {"wrong SHA-256"});
  EXPECT_EQ(count(other.path()), 0u);
  std::filesystem::remove_all(server);
}

}  // namespace
}  // namespace hullscope::datasets
