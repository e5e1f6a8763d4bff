#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ernie {

/// What is added to `app` while it lives stands under this heading, in --help and in the manual.
class FlagGroup {
 public:
  FlagGroup(CLI::App& app, const std::string& name)
      : app_(app), outer_(app.option_defaults()->get_group()) {
    app_.option_defaults()->group(name);
  }
  ~FlagGroup() { app_.option_defaults()->group(outer_); }
  FlagGroup(const FlagGroup&) = delete;
  FlagGroup& operator=(const FlagGroup&) = delete;

 private:
  CLI::App& app_;
  const std::string outer_;
};

}  // namespace ernie
