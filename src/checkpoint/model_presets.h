#pragma once

#include <string>

namespace ernie {

/// The names that preset_model_config() knows: "21b, 0.3b, tiny".
std::string preset_names();

/// What the user of a model's name that is no directory may have meant, as the end of a message: a
/// preset, or a repository of a hub. Empty where nothing suggests itself.
std::string model_name_hint(const std::string& name);

}  // namespace ernie
