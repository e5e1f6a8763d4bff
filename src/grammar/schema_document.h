#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/result.h"

namespace ernie {

/// "$.a.b", and "$.a[\"odd key\"]".
std::string member_path(const std::string& path, std::string_view key);
std::string element_path(const std::string& path, size_t index);

/// One schema with everything in it that may be referred to.
class SchemaDocument {
 public:
  struct Target {
    const boost::json::value* schema = nullptr;
    std::string path;
  };

  explicit SchemaDocument(const boost::json::value& root) : root_(root) {}

  /// Error: it is nested too deep. Also collects the anchors.
  Result<void> read(size_t max_depth);
  /// Error: a keyword that is not supported, or a value that it must not have.
  Result<void> check(const boost::json::value& schema, const std::string& path);
  Result<Target> resolve(std::string_view reference, const std::string& path) const;
  const boost::json::value& root() const { return root_; }

 private:
  Result<Target> resolve_pointer(std::string_view pointer, const std::string& place) const;

  const boost::json::value& root_;
  std::map<std::string, Target, std::less<>> anchors_;
  bool has_inner_ids_ = false;
  std::unordered_set<const boost::json::value*> checked_;
};

}  // namespace ernie
