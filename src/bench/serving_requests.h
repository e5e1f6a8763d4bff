#pragma once

/// What a load on a server consists of. Pure functions of their arguments: the same seed gives the
/// same load.

#include <boost/json/object.hpp>
#include <vector>

#include "bench/serving_load.h"

namespace ernie::bench {

/// Of request number `request`, 0 or more. options.vocab_size must be set.
boost::json::object serving_body(const ServingOptions& options, const std::string& model,
                                 int64_t request);

/// When each of the measured requests is due, in seconds, ascending from 0.
std::vector<double> arrival_times(const ServingOptions& options);

}  // namespace ernie::bench
