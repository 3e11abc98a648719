// Study files: what is read, and the one sentence of every refusal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <hullscope/base/error.hpp>
#include <hullscope/study/study_file.hpp>

namespace hullscope::study {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kData = "[data]\nset = \"mnist\"\n";

std::string refusal(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  try {
    parse(toml, "s.toml", overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(StudyFile, ReadsEveryKindOfValue) {
  const Study s = parse(R"(
name = "mine"
seed = 3
[data]
set = "mnist"
train_limit = 100
[train]
trials = 2
rate = 1
[encode]
dimensions = [2, 4]
[hull]
projection = true
spaces = ["pixel", "latent"]
solver = "tao:blmvm"
[[network]]
name = "a"
layers = ["dense 8", "relu"]
[[network]]
name = "b"
layers = ["dense 9"]
)",
                        "s.toml");
  EXPECT_EQ(s.name, "mine");
  EXPECT_EQ(s.seed, 3);
  EXPECT_EQ(s.data.train_limit, 100);
  EXPECT_EQ(s.train.trials, 2);
  EXPECT_EQ(s.train.rate, 1.0);  // an integer is a number too
  EXPECT_THAT(s.encode.dimensions, ElementsAre(2, 4));
  EXPECT_TRUE(s.hull.projection);
  EXPECT_EQ(s.hull.solver, "tao:blmvm");
  ASSERT_EQ(s.networks.size(), 2u);
  EXPECT_THAT(s.networks[0].layers, ElementsAre("dense 8", "relu"));
  EXPECT_EQ(s.networks[1].name, "b");
}

TEST(StudyFile, DefaultsAreThoseOfTheStruct) {
  Study expected;
  expected.data.set = "mnist";
  EXPECT_EQ(parse(kData, "s.toml"), expected);
}

TEST(StudyFile, EveryDefaultIsInItsOwnRange) {
  const Study s = parse(kData, "s.toml");
  EXPECT_EQ(parse(to_toml(s), "resolved"), s);
}

TEST(StudyFile, UnknownKeyNamesFileLineAndNearest) {
  EXPECT_THAT(
      refusal(kData + "[train]\nepoch = 3\n"),
      testing::AllOf(HasSubstr("s.toml:4"), HasSubstr("\"train.epoch\""), HasSubstr("did you mean train.epochs?")));
  EXPECT_THAT(refusal("sed = 3\n" + kData), HasSubstr("did you mean seed?"));
  EXPECT_THAT(refusal(kData + "[trian]\nepochs = 3\n"), HasSubstr("did you mean train.epochs?"));
  EXPECT_THAT(refusal(kData + "[nothing]\n"), HasSubstr("unknown key \"nothing\""));
  EXPECT_THAT(refusal(kData + "[[network]]\nname=\"a\"\nlayerss=[\"relu\"]\n"),
              HasSubstr("did you mean network.layers?"));
}

TEST(StudyFile, WrongTypes) {
  EXPECT_THAT(refusal(kData + "[train]\nepochs = \"ten\"\n"),
              testing::AllOf(HasSubstr("s.toml:4: train.epochs is \"ten\" (a text), expected integer, >= 1")));
  EXPECT_THAT(refusal(kData + "[train]\nepochs = 1.5\n"),
              HasSubstr("train.epochs is 1.5 (a number), expected integer"));
  EXPECT_THAT(refusal(kData + "[train]\nrate = true\n"), HasSubstr("train.rate is true, expected number"));
  EXPECT_THAT(refusal(kData + "[encode]\ndimensions = 4\n"), HasSubstr("expected list of integers"));
  EXPECT_THAT(refusal(kData + "[encode]\ndimensions = [4, \"x\"]\n"), HasSubstr("expected list of integers"));
  EXPECT_THAT(refusal(kData + "[hull]\nprojection = 1\n"), HasSubstr("expected true or false"));
  EXPECT_THAT(refusal("train = 3\n" + kData), HasSubstr("train is 3 (an integer), expected a table [train]"));
  EXPECT_THAT(refusal(kData + "[network]\nname = \"a\"\n"), HasSubstr("[[network]]"));
  EXPECT_THAT(refusal("network = 3\n" + kData), HasSubstr("[[network]]"));
  EXPECT_THAT(refusal("network = [3]\n" + kData), HasSubstr("[[network]]"));
}

TEST(StudyFile, OutOfRange) {
  EXPECT_THAT(
      refusal(kData + "[train]\nepochs = 0\n"),
      testing::AllOf(HasSubstr("s.toml:4"), HasSubstr("train.epochs is 0"), HasSubstr("expected integer, >= 1")));
  EXPECT_THAT(refusal(kData + "[train]\nrate = 0\n"), HasSubstr("> 0"));
  EXPECT_THAT(refusal(kData + "[train]\nrate = inf\n"), HasSubstr("not finite"));
  EXPECT_THAT(refusal(kData + "[train]\nrate = nan\n"), HasSubstr("not finite"));
  EXPECT_THAT(refusal(kData + "[train]\nvalidation = 1\n"), HasSubstr("< 1"));
  EXPECT_THAT(refusal(kData + "[train]\nscaling = \"standrad\"\n"), HasSubstr("nearest: \"standard\""));
  EXPECT_THAT(refusal(kData + "[encode]\ndimensions = [4, 2, 4]\n"), HasSubstr("twice"));
  EXPECT_THAT(refusal(kData + "[encode]\ndimensions = [4, -2]\n"), HasSubstr("-2"));
  EXPECT_THAT(refusal(kData + "[hull]\nspaces = [\"latent\", \"pixels\"]\n"), HasSubstr("nearest: \"pixel\""));
  EXPECT_THAT(refusal(kData + "[hull]\nsolver = \"tao:\"\n"), HasSubstr("hull.solver"));
  EXPECT_THAT(refusal(kData + "[proximity]\nmeasures = []\n"), HasSubstr("empty"));
  EXPECT_THAT(refusal("seed = 99999999999999999999\n" + kData), HasSubstr("s.toml:1: not valid TOML"));
  EXPECT_EQ(refusal(kData + "[encode]\nhidden = [256, 256]\n"), "");  // layers may have equal widths
}

TEST(StudyFile, NamesThatAreNoFolders) {
  for (const std::string name : {"", ".", "..", "../up", "a/b", "/abs", "a\\\\b", ".hidden", "-rf", "a b", "a\\nb",
                                 "a\\u0000b", "caf\\u00e9", "input", "report", "results.h5"}) {
    EXPECT_NE(refusal(kData + "[[network]]\nname = \"" + name + "\"\nlayers = [\"relu\"]\n"), "") << name;
    EXPECT_NE(refusal("name = \"" + name + "\"\n" + kData), "") << name;
  }
  EXPECT_NE(refusal("name = \"" + std::string(101, 'a') + "\"\n" + kData), "");
  EXPECT_EQ(refusal("name = \"cnn-3x3_v1.2+b\"\n" + kData), "");
}

TEST(StudyFile, NetworksAreNamedAndDistinctAndNotEmpty) {
  const std::string a = "[[network]]\nname = \"a\"\nlayers = [\"relu\"]\n";
  EXPECT_THAT(refusal(kData + a + a),
              testing::AllOf(HasSubstr("s.toml:6"), HasSubstr("second network is named \"a\"")));
  EXPECT_THAT(refusal(kData + "[[network]]\nlayers = [\"relu\"]\n"), HasSubstr("no name"));
  EXPECT_THAT(refusal(kData + "[[network]]\nname = \"a\"\n"), HasSubstr("no layers"));
  EXPECT_THAT(refusal(kData + "[[network]]\nname = \"a\"\nlayers = []\n"), HasSubstr("no layers"));
  EXPECT_THAT(refusal(kData + "[[network]]\nname = \"a\"\nlayers = [1]\n"), HasSubstr("list of texts"));
}

TEST(StudyFile, BrokenToml) {
  EXPECT_THAT(refusal("[data\nset = 3"), HasSubstr("s.toml:1: not valid TOML"));
  EXPECT_THAT(refusal(kData + "set = \"twice\"\n"), HasSubstr("s.toml:3"));
  EXPECT_THAT(refusal(std::string("\xff\xfe\0\0", 4)), HasSubstr("not valid TOML"));
  // the parser of TOML quotes the line feed that it found
  EXPECT_THAT(refusal(kData + "[hull]\nprojection = fals\n"),
              testing::AllOf(HasSubstr("saw 'fals '"), testing::Not(HasSubstr("\n"))));
  EXPECT_THAT(refusal(""), HasSubstr("data.set is missing"));
  EXPECT_THAT(refusal("[data]\nset = \"\"\n"), HasSubstr("empty"));
  EXPECT_THAT(refusal("[data]\nset = \"a\\u0007\"\n"), HasSubstr("control characters"));
}

TEST(StudyFile, Overrides) {
  const Study s =
      parse(kData, "s.toml",
            {"train.epochs=7", "data.set=fashion-mnist", "encode.dimensions=2,4,8", "hull.spaces=latent,pixel",
             "hull.projection=true", "train.rate=2e-3", "report.title=a = \"b\", c", "train.epochs=8"});
  EXPECT_EQ(s.train.epochs, 8);  // the last one counts
  EXPECT_EQ(s.data.set, "fashion-mnist");
  EXPECT_THAT(s.encode.dimensions, ElementsAre(2, 4, 8));
  EXPECT_THAT(s.hull.spaces, ElementsAre("latent", "pixel"));
  EXPECT_TRUE(s.hull.projection);
  EXPECT_EQ(s.train.rate, 2e-3);
  EXPECT_EQ(s.report.title, "a = \"b\", c");
  EXPECT_THAT(parse(kData, "s", {"encode.dimensions=[3]"}).encode.dimensions, ElementsAre(3));
  EXPECT_TRUE(parse(kData, "s", {"hull.spaces="}).hull.spaces.empty());
  EXPECT_TRUE(parse(kData, "s", {"encode.dimensions="}).encode.dimensions.empty());
}

TEST(StudyFile, WrongOverrides) {
  EXPECT_THAT(refusal(kData, {"train.epochs"}), HasSubstr("expected key=value"));
  EXPECT_THAT(refusal(kData, {"=3"}), HasSubstr("expected key=value"));
  EXPECT_THAT(refusal(kData, {"train.epocs=3"}), HasSubstr("did you mean train.epochs?"));
  EXPECT_THAT(refusal(kData, {"train.epochs=x"}), HasSubstr("expected integer, >= 1"));
  EXPECT_THAT(refusal(kData, {"train.epochs="}), HasSubstr("train.epochs is empty"));
  EXPECT_THAT(refusal(kData, {"train.epochs=0"}), HasSubstr("out of range"));
  EXPECT_THAT(refusal(kData, {"train.epochs=3\nx = 4"}), HasSubstr("--set"));
  EXPECT_THAT(refusal(kData, {"network.name=3"}), HasSubstr("study file"));
  EXPECT_THAT(refusal(kData, {"data.set=\xff"}), HasSubstr("--set"));
}

TEST(StudyFile, LoadRefusesWhatIsNoFile) {
  EXPECT_THROW(load("/no/such/study.toml"), UsageError);
  EXPECT_THROW(load("/"), UsageError);
  EXPECT_THROW(load("/dev/zero"), UsageError);
}

TEST(StudyFile, DataFolderIsRelativeToTheFile) {
  const auto folder = std::filesystem::temp_directory_path() / ("hullscope study " + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "s.toml") << kData << "folder = \"here\"\n";
  EXPECT_EQ(load((folder / "s.toml").string()).data.folder, (std::filesystem::canonical(folder) / "here").string());
  std::filesystem::remove_all(folder);
}

TEST(StudyFile, ShippedStudiesAreValid) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(HULLSCOPE_SOURCE_DIR "/studies"))
    if (entry.path().extension() == ".toml") {
      EXPECT_NO_THROW(load(entry.path().string())) << entry.path();
      ++count;
    }
  EXPECT_GE(count, 10);
}

const std::string kPresets = kData + R"(
[presets.small]
name = "little"
train.trials = 1
train.epochs = 2
[presets.large]
train.trials = 9
[presets.large.encode]
dimensions = [3]
)";

TEST(StudyFile, PresetsAreLaidOverTheFileAndUnderTheCommandLine) {
  const Study s = parse("preset = \"small\"\nname = \"mine\"\n" + kPresets, "s.toml", {"train.epochs=5"});
  EXPECT_EQ(s.preset, "small");
  EXPECT_EQ(s.name, "little");
  EXPECT_EQ(s.train.trials, 1);
  EXPECT_EQ(s.train.epochs, 5);
  const Study other = parse("preset = \"small\"\nname = \"mine\"\n" + kPresets, "s.toml", {"preset=large"});
  EXPECT_EQ(other.preset, "large");
  EXPECT_EQ(other.name, "mine");
  EXPECT_EQ(other.train.trials, 9);
  EXPECT_THAT(other.encode.dimensions, ElementsAre(3));
  EXPECT_EQ(parse(to_toml(other), "s.toml"), other);  // the resolved file has no tables of presets
}

TEST(StudyFile, WrongPresets) {
  EXPECT_THAT(refusal(kPresets), HasSubstr("preset is \"\", but the file has the presets large, small"));
  EXPECT_THAT(refusal("preset = \"huge\"\n" + kPresets), HasSubstr("preset is \"huge\""));
  EXPECT_THAT(refusal("preset = \"small\"\npresets = 3\n" + kData), HasSubstr("expected tables [presets.NAME]"));
  EXPECT_THAT(refusal("preset = \"small\"\npresets.small = 3\n" + kData),
              HasSubstr("expected a table [presets.small]"));
  // one that is not chosen is read as well
  EXPECT_THAT(refusal("preset = \"small\"\n" + kPresets + "[presets.bad]\ntrain.epoch = 1\n"),
              HasSubstr("did you mean train.epochs?"));
  EXPECT_THAT(refusal("preset = \"small\"\n" + kPresets + "[[presets.bad.network]]\nname = \"a\"\n"),
              HasSubstr("presets.bad holds network, expected options only"));
}

TEST(StudyFile, PixelsNeedOneDataSet) {
  const std::string own = "[[network]]\nname = \"a\"\nlayers = [\"relu\"]\nset = \"gaussian\"\n";
  EXPECT_THAT(refusal(kData + own), HasSubstr("proximity.spaces names pixel, but a network has its own data set"));
  EXPECT_THAT(refusal(kData, {"data.per_trial=true", "proximity.spaces=latent", "hull.spaces=pixel"}),
              HasSubstr("hull.spaces names pixel, but data.per_trial gives each trial its own data"));
  EXPECT_EQ(refusal(kData + own, {"data.per_trial=true", "proximity.spaces=latent"}), "");
}

TEST(StudyFile, DocumentationIsTheTable) {
  std::ifstream file(HULLSCOPE_SOURCE_DIR "/docs/study-file.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, options_as_markdown()) << "renew it: bin/hullscope run --help-options > docs/study-file.md";
}

TEST(StudyFile, TableIsComplete) {
  for (const auto& option : options()) {
    EXPECT_FALSE(option.meaning.empty()) << option.key;
    EXPECT_FALSE(option.type.empty()) << option.key;
    EXPECT_FALSE(option.stage.empty()) << option.key;
  }
}

const std::string kForeign = kData + "[train]\ntrials = 1\n[[network]]\nname = \"n\"\n";
const std::string kArrays =
    "features = {train = \"a.npy\", test = \"b.npy\"}\nlabels = {train = \"c.npy\", test = \"d.npy\"}\n";

TEST(StudyFile, NetworksMadeElsewhere) {
  const Study script =
      parse(kForeign + "torchscript = \"m.pt\"\nlayer = \"fc.1\"\nmean = [1, 2.5]\ndeviation = [3, 4]\n", "s.toml");
  EXPECT_EQ(script.networks[0].torchscript, "m.pt");
  EXPECT_EQ(script.networks[0].layer, "fc.1");
  EXPECT_THAT(script.networks[0].mean, ElementsAre(1.0, 2.5));
  EXPECT_EQ(parse(to_toml(script), "resolved"), script);
  const Study arrays = parse(kForeign + kArrays + "predictions = {train = \"e.npy\", test = \"f.npy\"}\n", "s.toml");
  EXPECT_EQ(arrays.networks[0].array("features", "test"), "b.npy");
  EXPECT_EQ(arrays.networks[0].array("logits", "test"), "");
  EXPECT_EQ(parse(to_toml(arrays), "resolved"), arrays);
}

TEST(StudyFile, FeaturesAloneAreTheDataSet) {
  const std::string text = "[train]\ntrials = 1\n[proximity]\nspaces = [\"neural\"]\n[[network]]\nname = \"n\"\n" +
                           kArrays + "head = {weight = \"w.npy\", bias = \"b.npy\"}\n";
  const Study study = parse(text, "s.toml");
  EXPECT_EQ(study.data.set, "train_samples=a.npy,train_labels=c.npy,test_samples=b.npy,test_labels=d.npy");
  EXPECT_EQ(parse(to_toml(study), "resolved"), study);
  EXPECT_THAT(refusal(text, {"proximity.spaces=pixel"}), HasSubstr("there are features and no data.set"));
}

TEST(StudyFile, NetworksMadeElsewhereAreRefused) {
  const auto says = [](const std::string& text, const char* words) { EXPECT_THAT(refusal(text), HasSubstr(words)); };
  says(kForeign, "has no layers, expected layers = [\"dense 256\", \"relu\", ...], or of a network made elsewhere");
  says(kForeign + "layers = [\"relu\"]\ntorchscript = \"m.pt\"\n", "more than one of layers, torchscript and features");
  says(kForeign + "layers = [\"relu\"]\nlayer = \"fc\"\n", "which belong to torchscript alone");
  says(kForeign + "torchscript = \"m.pt\"\nmean = [1]\n", "1 values of mean and 0 of deviation");
  says(kForeign + "torchscript = \"m.pt\"\nmean = [1]\ndeviation = [0]\n", "not above 0");
  says(kForeign + "torchscript = \"m.pt\"\nscaling = \"unti\"\n", "scaling \"unti\"");
  says(kForeign + "torchscript = \"m.pt\"\nmean = \"1\"\n", "expected list of numbers");
  says(kForeign + kArrays, "neither predictions nor logits nor head");
  says(kForeign + "features = {train = \"a\"}\n", "has no features.test");
  says(kForeign + kArrays + "logits = {train = \"a\"}\n", "has no logits.test");
  says(kForeign + kArrays + "head = {weight = \"a\"}\n", "no head.bias");
  says(kForeign + kArrays + "set = \"mnist\"\nlogits = {train = \"a\", test = \"b\"}\n", "has features and set");
  says(kForeign + "features = 3\n", "expected table of texts");
  const std::string many = "[train]\ntrials = 3\n";
  says(kData + many + "[[network]]\nname = \"n\"\ntorchscript = \"m.pt\"\n",
       "expected train.trials = 1, or one file a trial");
  EXPECT_EQ(refusal(kData + many + "[[network]]\nname = \"n\"\ntorchscript = \"m-{trial}.pt\"\n"), "");
  EXPECT_EQ(file_of_trial("m-{trial}/{trial}.pt", 7), "m-07/07.pt");
}

TEST(StudyFile, FurtherTestSets) {
  const Study s = parse(kData + R"([[test]]
name = "turned"
shift = "rotation"
strengths = [15, 7.5]
[[test]]
name = "clothes"
set = "fashion-mnist"
)",
                        "s.toml");
  ASSERT_EQ(s.tests.size(), 2u);
  EXPECT_THAT(s.tests[0].strengths, ElementsAre(15.0, 7.5));
  EXPECT_EQ(s.tests[1], (TestSpec{"clothes", "", {}, "fashion-mnist", false}));
  EXPECT_EQ(parse(to_toml(s), "resolved"), s);
}

TEST(StudyFile, FurtherTestSetsAreRefused) {
  const std::string test = kData + "[[test]]\nname = \"t\"\n";
  const auto says = [](const std::string& text, const char* words) { EXPECT_THAT(refusal(text), HasSubstr(words)); };
  says(test + "shift = \"rotatoin\"\nstrengths = [1]\n", "did you mean \"rotation\"?");
  says(test + "shift = \"noise\"\n", "a shift and no strengths");
  says(test + "strengths = [1]\n", "strengths and no shift");
  says(test + "shift = \"noise\"\nstrengths = [-1]\n", "expected a number >= 0");
  says(test + "shift = \"noise\"\nstrengths = [1, 1.0]\n", "a strength twice");
  says(test + "shift = \"noise\"\nstrengths = [1]\nset = \"mnist\"\n", "shift and set");
  says(test + "shift = \"noise\"\nstrengths = [1]\nsame_classes = true\n", "a shift keeps the labels");
  says(test + "sets = \"mnist\"\n", "did you mean test.set?");
  says(test + "set = \"mnist\"\n[[test]]\nname = \"t\"\nset = \"mnist\"\n", "a second test is named \"t\"");
  says(test + "shift = \"noise\"\nstrengths = [1]\n[[test]]\nname = \"t-1\"\nset = \"mnist\"\n",
       "come to the name \"t-1\"");
  says(test + "[[network]]\nname = \"n\"\nlayers = [\"relu\"]\n", "neither shift nor set");
  says(kData + "[test]\nname = \"t\"\n", "[[test]]");
  says(kForeign + kArrays + "logits = {train = \"a\", test = \"b\"}\n[[test]]\nname = \"t\"\nset = \"mnist\"\n",
       "has no features.t");
  EXPECT_THAT(refusal(kData, {"test=3"}), HasSubstr("tests cannot be set on the command line"));
}

}  // namespace
}  // namespace hullscope::study
