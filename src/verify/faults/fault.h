#pragma once

/// The known ways of computing an operation wrongly. A verification that does not turn red on each
/// of them proves nothing when it is green.

#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "report/report.h"

namespace ernie::verify {

enum class Quirk {
  kNone,  ///< computed rightly by the same host kernels: must pass, or red means nothing
  // linear
  kLastKDropped,
  kLastTileDropped,
  kBf16Partials,
  kBf16SplitK,
  kTruncatingStore,
  kGain,
  kOneElement,
  kColumnsShifted,
  kZeros,
  kTf32,
  kHf32,
  kTransposed,
  kStaleRow,
  kOtherOrderAlone,
  // the norm
  kEpsilonTenth,
  kMeanSubtracted,
  kShortMean,
  kWeightBeforeRounding,
  // rope_table and rope
  kNextPosition,
  kOtherTheta,
  kBf16Angle,
  kBf16Table,
  kDoubleAngle,
  kHalvesPaired,
  kTurnedBack,
  kValuesTurned,
  // store_kv
  kNextSlot,
  kHeadsSwapped,
  // attention
  kLastKeyDropped,
  kStaleKey,
  kWrongBlock,
  kScaleOff,
  kSinkDropped,
  kFutureKey,
  kBf16Probabilities,
  kNoMaximum,
  kWrongKvHead,
  // silu_mul
  kGateUpSwapped,
  kNoSilu,
  kGeluLike,
  kBf16Exponential,
  // add
  kSecondMissing,
  kBf16Sum,
  // route
  kNoBias,
  kBiasedWeights,
  kNotNormalised,
  kBf16Logits,
  kSeventhForSixth,
  kHigherIdOnTie,
  // experts
  kNextExpert,
  kWeightTwice,
  kWeightMissing,
  kLastExpertDropped,
  kOtherTokensInput,
  // embed and gather_rows
  kNextRow,
  // argmax
  kUnusableTaken,
  // the norm of a sum
  kSumNotStored,
  // log_softmax and argmax
  kTailSkipped,
  kUniform,
  // sample
  kOneMoreKept,
  kTemperatureLate,
  kUnseeded,
};

/// One fault of one operation.
struct Fault {
  std::string_view op;
  Quirk quirk = Quirk::kNone;
  report::Text name;
  /// Whether it changes results at all for such a device; null: always.
  bool (*applies)(DType act, DType store) = nullptr;
};

/// Every fault, in the order of the operations.
const std::vector<Fault>& faults();

}  // namespace ernie::verify
