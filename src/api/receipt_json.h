#pragma once

/// Receipts and manifests as JSON; docs/receipts.md has the format.

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "receipt/model_manifest.h"
#include "receipt/receipt.h"

namespace ernie {

/// The member of a result line, or of an OpenAI response body, that holds the receipt.
inline constexpr std::string_view kReceiptKey = "ernie_receipt";

boost::json::object receipt_to_json(const Receipt& receipt);
/// Strict: every field must be there and of its type, and no other. The error names the field.
Result<Receipt> receipt_from_json(const boost::json::value& value);
/// One field of the parameters, as text for a message: "0.7", "null", "[\"\\n\"]".
std::string shown_field(const ReceiptParams& params, std::string_view name);

/// One JSON object, a tensor on each line.
std::string manifest_to_text(const ModelManifest& manifest);
Result<ModelManifest> manifest_from_text(std::string_view text);

}  // namespace ernie
