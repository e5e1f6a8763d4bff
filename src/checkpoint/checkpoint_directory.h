#pragma once

/// What open_checkpoint() and inspect_checkpoint() share.

#include <memory>
#include <string>

#include "checkpoint/safetensors_checkpoint.h"

namespace ernie {

/// open_checkpoint() with every problem on its own; null if there is any.
std::unique_ptr<SafetensorsCheckpoint> open_checkpoint_directory(const std::string& directory,
                                                                 Problems& problems);

}  // namespace ernie
