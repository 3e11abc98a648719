// The tables [[network]] and [[test]] of a study file: what they may hold, and how they are written again.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/study/detail/option_table.hpp>
#include <hullscope/study/detail/toml_values.hpp>
#include <hullscope/study/plan.hpp>

namespace hullscope::study {

std::string file_of_trial(std::string name, int trial) {
  static const std::string mark = "{trial}";
  for (std::size_t at = 0; (at = name.find(mark, at)) != std::string::npos;)
    name.replace(at, mark.size(), fmt::format("{:02}", std::max(trial, 0)));
  return name;
}

const std::string& NetworkSpec::array(const std::string& kind, const std::string& split) const {
  static const std::string none;
  const auto table = arrays.find(kind);
  if (table == arrays.end()) return none;
  const auto found = table->second.find(split);
  return found == table->second.end() ? none : found->second;
}

std::string features_set(const NetworkSpec& network, const std::string& test, int trial) {
  std::string set;
  for (const auto& [role, split] : {std::pair("train", std::string("train")), std::pair("test", test)})
    for (const auto& [kind, word] : {std::pair("features", "samples"), std::pair("labels", "labels")})
      set += fmt::format("{}{}_{}={}", set.empty() ? "" : ",", role, word,
                         file_of_trial(network.array(kind, split), trial));
  return set;
}

std::vector<TestSplit> test_splits(const Study& study) {
  std::vector<TestSplit> splits;
  for (const TestSpec& test : study.tests) {
    if (test.shift.empty()) splits.push_back({test.name, test, std::nan("")});
    for (const double strength : test.strengths) {
      TestSpec alone = test;
      alone.strengths = {strength};
      splits.push_back({fmt::format("{}-{}", test.name, strength), alone, strength});
    }
  }
  return splits;
}

namespace detail {
namespace {

const std::vector<std::string> kArrays = {"features", "labels", "predictions", "logits", "head"};
const std::vector<std::string> kShifts = {"rotation", "translation", "noise", "contrast"};

struct Key {
  std::string name, expected;
  std::function<bool(const toml::node&)> read;
};

/// Reads a table by its keys; `kind`: "network" or "test".
void read_keys(const toml::node& node, const std::string& kind, const std::vector<Key>& keys, const Place& place) {
  const auto* table = node.as_table();
  if (!table)
    throw UsageError(fmt::format("{}: {} is {}, expected tables [[{}]]", place.at(node), kind, found_text(node), kind));
  std::vector<std::string> names;
  for (const Key& key : keys) names.push_back(key.name);
  for (const auto& [written, value] : *table) {
    const std::string name(written.str());
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
    if (key == keys.end())
      throw UsageError(fmt::format("{}: unknown key {}; did you mean {}.{}? (a {} may have {})", place.at(value),
                                   quoted(kind + "." + name), kind, nearest_name(name, names), kind, join(names)));
    if (!key->read(value))
      throw UsageError(
          fmt::format("{}: {}.{} is {}, expected {}", place.at(value), kind, name, found_text(value), key->expected));
  }
}

void require_name(const std::string& name, const std::string& kind, const std::string& at) {
  if (name.empty()) throw UsageError(fmt::format("{}: a {} has no name, expected name = \"...\"", at, kind));
  if (const auto fault = folder_name_fault(name); !fault.empty())
    throw UsageError(
        fmt::format("{}: {}.name is {}, but {}; expected letters, digits and . _ + -", at, kind, quoted(name), fault));
}

/// Every item of a list of tables, whose names must differ.
template <class Item, class Read>
void read_list(std::vector<Item>& items, const toml::node& node, const std::string& kind, const Place& place,
               const Read& read) {
  const auto* list = node.as_array();
  if (!list)
    throw UsageError(fmt::format("{}: {} is {}, expected tables [[{}]] (with two brackets)", place.at(node), kind,
                                 found_text(node), kind));
  for (const auto& entry : *list) {
    Item item = read(entry);
    if (std::any_of(items.begin(), items.end(), [&](const Item& other) { return other.name == item.name; }))
      throw UsageError(fmt::format("{}: a second {} is named {}, expected distinct names", place.at(entry), kind,
                                   quoted(item.name)));
    items.push_back(std::move(item));
  }
}

// --- networks

/// What is wrong with a network that was made elsewhere and comes as arrays; "" if nothing is.
std::string arrays_fault(const NetworkSpec& network) {
  for (const char* kind : {"features", "labels"})
    for (const char* split : {"train", "test"})
      if (network.array(kind, split).empty())
        return fmt::format("has no {}.{}, expected {} = {{train = \"a.npy\", test = \"b.npy\"}}", kind, split, kind);
  if (!network.set.empty()) return "has features and set, expected the features alone: they are its data set";
  const bool head = network.arrays.count("head") > 0;
  if (head && (network.array("head", "weight").empty() || network.array("head", "bias").empty()))
    return "has no head.weight or no head.bias, expected head = {weight = \"w.npy\", bias = \"b.npy\"}";
  if (!head && !network.arrays.count("predictions") && !network.arrays.count("logits"))
    return "has neither predictions nor logits nor head, expected one of them: what it answered";
  for (const char* kind : {"predictions", "logits"})
    for (const char* split : {"train", "test"})
      if (network.arrays.count(kind) && network.array(kind, split).empty())
        return fmt::format("has no {}.{}, expected {} = {{train = \"a.npy\", test = \"b.npy\"}}", kind, split, kind);
  return "";
}

std::string network_fault(const NetworkSpec& network) {
  const int kinds = !network.layers.empty() + !network.torchscript.empty() + !network.arrays.empty();
  if (kinds == 0)
    return "has no layers, expected layers = [\"dense 256\", \"relu\", ...], or of a network made elsewhere "
           "torchscript = \"model.pt\" or features = {train = \"a.npy\", test = \"b.npy\"}";
  if (kinds > 1) return "has more than one of layers, torchscript and features, expected one";
  if (network.torchscript.empty() &&
      (!network.layer.empty() || network.scaling != "unit" || !network.mean.empty() || !network.deviation.empty()))
    return "has layer, scaling, mean or deviation, which belong to torchscript alone";
  if (!std::set<std::string>{"unit", "standard", "none"}.count(network.scaling))
    return fmt::format("has the scaling {}, expected \"unit\", \"standard\" or \"none\"", quoted(network.scaling));
  if (network.mean.size() != network.deviation.size())
    return fmt::format("has {} values of mean and {} of deviation, expected as many", network.mean.size(),
                       network.deviation.size());
  for (const double mean : network.mean)
    if (!std::isfinite(mean)) return "has a mean that is not finite";
  for (const double deviation : network.deviation)
    if (!(deviation > 0) || !std::isfinite(deviation)) return "has a deviation that is not above 0";
  return network.arrays.empty() ? "" : arrays_fault(network);
}

NetworkSpec read_network(const toml::node& node, const Place& place) {
  NetworkSpec network;
  const auto value = [](auto& member) {
    return [&member](const toml::node& found) { return read_value(found, member); };
  };
  const std::string numbers = "list of numbers, one a channel";
  std::vector<Key> keys = {{"name", "text", value(network.name)},
                           {"layers", "list of texts such as [\"dense 256\", \"relu\"]", value(network.layers)},
                           {"set", "text", value(network.set)},
                           {"torchscript", "text, the name of a file", value(network.torchscript)},
                           {"layer", "text, the name of a layer such as \"features.3\"", value(network.layer)},
                           {"scaling", "text: unit, standard or none", value(network.scaling)},
                           {"mean", numbers, value(network.mean)},
                           {"deviation", numbers, value(network.deviation)}};
  for (const std::string& kind : kArrays)
    keys.push_back({kind,
                    kind == "head" ? "table of texts such as {weight = \"w.npy\", bias = \"b.npy\"}"
                                   : "table of texts such as {train = \"a.npy\", test = \"b.npy\"}",
                    [&network, kind](const toml::node& found) { return read_value(found, network.arrays[kind]); }});
  read_keys(node, "network", keys, place);
  require_name(network.name, "network", place.at(node));
  if (const auto fault = network_fault(network); !fault.empty())
    throw UsageError(fmt::format("{}: network {} {}", place.at(node), quoted(network.name), fault));
  return network;
}

// --- further test sets

std::string test_fault(const TestSpec& test) {
  if (!test.shift.empty() && !std::count(kShifts.begin(), kShifts.end(), test.shift))
    return fmt::format("has the shift {}, did you mean {}? (there are {})", quoted(test.shift),
                       quoted(nearest_name(test.shift, kShifts)), join(kShifts));
  if (!test.shift.empty() && !test.set.empty()) return "has shift and set, expected one of them";
  if (test.shift.empty() != test.strengths.empty())
    return test.shift.empty() ? "has strengths and no shift, expected shift = \"rotation\", for example"
                              : "has a shift and no strengths, expected strengths = [15, 30], for example";
  if (!test.shift.empty() && test.same_classes)
    return "has same_classes, which belongs to set: a shift keeps the labels";
  if (std::set<double>(test.strengths.begin(), test.strengths.end()).size() != test.strengths.size())
    return "names a strength twice";
  for (const double strength : test.strengths)
    if (!std::isfinite(strength) || strength < 0)
      return fmt::format("has the strength {}, expected a number >= 0", strength);
  return "";
}

TestSpec read_test(const toml::node& node, const Place& place) {
  TestSpec test;
  const auto value = [](auto& member) {
    return [&member](const toml::node& found) { return read_value(found, member); };
  };
  read_keys(node, "test",
            {{"name", "text", value(test.name)},
             {"shift", "text: " + join(kShifts), value(test.shift)},
             {"strengths", "list of numbers", value(test.strengths)},
             {"set", "text, the name of a data set", value(test.set)},
             {"same_classes", "true or false", value(test.same_classes)}},
            place);
  require_name(test.name, "test", place.at(node));
  if (const auto fault = test_fault(test); !fault.empty())
    throw UsageError(fmt::format("{}: test {} {}", place.at(node), quoted(test.name), fault));
  return test;
}

std::string number_list(const std::vector<double>& values) {
  std::vector<std::string> items;
  for (const double value : values) items.push_back(number_text(value));
  return "[" + join(items) + "]";
}

}  // namespace

void read_networks(Study& study, const toml::node& node, const Place& place) {
  read_list(study.networks, node, "network", place,
            [&](const toml::node& entry) { return read_network(entry, place); });
}

void read_tests(Study& study, const toml::node& node, const Place& place) {
  read_list(study.tests, node, "test", place, [&](const toml::node& entry) { return read_test(entry, place); });
}

std::string network_toml(const NetworkSpec& network) {
  std::string out = fmt::format("\n[[network]]\nname = {}\n", quoted(network.name));
  if (!network.layers.empty()) out += fmt::format("layers = {}\n", quoted_list(network.layers));
  if (!network.set.empty()) out += fmt::format("set = {}\n", quoted(network.set));
  if (!network.torchscript.empty()) {
    out += fmt::format("torchscript = {}\n", quoted(network.torchscript));
    if (!network.layer.empty()) out += fmt::format("layer = {}\n", quoted(network.layer));
    out += fmt::format("scaling = {}\n", quoted(network.scaling));
    if (!network.mean.empty())
      out += fmt::format("mean = {}\ndeviation = {}\n", number_list(network.mean), number_list(network.deviation));
  }
  for (const auto& [kind, files] : network.arrays) {
    std::vector<std::string> items;
    for (const auto& [split, file] : files) items.push_back(quoted(split) + " = " + quoted(file));
    out += fmt::format("{} = {{{}}}\n", kind, join(items));
  }
  return out;
}

std::string test_toml(const TestSpec& test) {
  std::string out = fmt::format("\n[[test]]\nname = {}\n", quoted(test.name));
  if (!test.shift.empty())
    out += fmt::format("shift = {}\nstrengths = {}\n", quoted(test.shift), number_list(test.strengths));
  if (!test.set.empty()) out += fmt::format("set = {}\n", quoted(test.set));
  if (test.same_classes) out += "same_classes = true\n";
  return out;
}

/// What no table alone can know.
void check_networks_and_tests(const Study& study, const std::string& file_name) {
  std::set<std::string> names;
  for (const TestSplit& split : test_splits(study))
    if (!names.insert(split.name).second)
      throw UsageError(fmt::format("{}: two further test sets come to the name {}, expected distinct names", file_name,
                                   quoted(split.name)));
  for (const NetworkSpec& network : study.networks) {
    if (!network.layers.empty()) continue;
    const auto& scores = study.proximity.scores;
    if (!network.arrays.empty() && !network.arrays.count("logits") && !network.arrays.count("head") &&
        std::count(scores.begin(), scores.end(), "max_softmax"))
      throw UsageError(
          fmt::format("{}: proximity.scores names max_softmax, but network {} has no logits and no head, "
                      "expected one of them, or another score",
                      file_name, quoted(network.name)));
    std::vector<std::string> files = {network.torchscript};
    for (const auto& [kind, table] : network.arrays)
      for (const auto& [split, file] : table) {
        files.push_back(file);
        if (kind != "head" && split != "train" && split != "test" && !names.count(split))
          throw UsageError(fmt::format("{}: network {} has {}.{}, but no test set of the study is named so", file_name,
                                       quoted(network.name), kind, split));
      }
    const bool by_trial = std::any_of(files.begin(), files.end(),
                                      [](const auto& file) { return file.find("{trial}") != std::string::npos; });
    if (!by_trial && study.train.trials != 1)
      throw UsageError(
          fmt::format("{}: network {} is one trained network, but train.trials is {}; expected train.trials = 1, or "
                      "one file a trial, with {{trial}} in its name for 00, 01, ...",
                      file_name, quoted(network.name), study.train.trials));
    for (const std::string& split : names)
      for (const auto& [kind, table] : network.arrays)
        if (kind != "head" && !table.count(split))
          throw UsageError(fmt::format("{}: network {} has no {}.{}, expected an array for each further test set",
                                       file_name, quoted(network.name), kind, split));
  }
  for (const TestSpec& test : study.tests)
    if (test.shift.empty() && test.set.empty() &&
        std::any_of(study.networks.begin(), study.networks.end(), [](const auto& n) { return n.arrays.empty(); }))
      throw UsageError(fmt::format(
          "{}: test {} has neither shift nor set, expected one of them (only a study of nothing but features "
          "has its arrays in the networks)",
          file_name, quoted(test.name)));
}

}  // namespace detail
}  // namespace hullscope::study
