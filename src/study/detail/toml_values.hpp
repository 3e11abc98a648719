// Values of a TOML file with their place in it, for the parser's sentences.
#pragma once
#include <toml++/toml.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <hullscope/study/study_file.hpp>

namespace hullscope::study::detail {

/// Where a value stands: "study.toml:12", or "--set train.epochs=x".
struct Place {
  std::string source;
  bool lines = true;
  std::string at(const toml::node& node) const;
};

/// "\"ten\" (a text)", "a table": what was found.
std::string found_text(const toml::node& node);

/// False if the node is of another type; `out` is then of no use.
bool read_value(const toml::node& node, std::string& out);
bool read_value(const toml::node& node, std::int64_t& out);
bool read_value(const toml::node& node, double& out);  ///< an integer is a number too
bool read_value(const toml::node& node, bool& out);
bool read_value(const toml::node& node, std::map<std::string, std::string>& out);  ///< a table of texts
template <class T>
bool read_value(const toml::node& node, std::vector<T>& out) {
  const auto* list = node.as_array();
  if (!list) return false;
  out.clear();
  for (const auto& item : *list)
    if (T value{}; read_value(item, value))
      out.push_back(value);
    else
      return false;
  return true;
}

/// The tables [[network]] and [[test]].
void read_networks(Study& study, const toml::node& node, const Place& place);
void read_tests(Study& study, const toml::node& node, const Place& place);

}  // namespace hullscope::study::detail
