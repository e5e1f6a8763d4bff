#include "bench/op_names.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ernie::bench {

report::Text op_name_text(const std::string& name) {
  using Pair = std::pair<const char*, const char*>;
  static constexpr std::array kChinese{
      Pair{"qkv projection", "QKV 投影"},
      Pair{"output projection", "输出投影"},
      Pair{"router", "路由器"},
      Pair{"shared expert, gate and up", "共享专家，gate 与 up"},
      Pair{"shared expert, down", "共享专家，down"},
      Pair{"routing", "路由选择"},
      Pair{"routed experts", "路由专家"},
      Pair{"dense layer, gate and up", "稠密层，gate 与 up"},
      Pair{"dense layer, down", "稠密层，down"},
      Pair{"output head", "输出头"},
      Pair{"embedding", "词嵌入"},
      Pair{"attention, decode", "注意力，解码"},
      Pair{"attention, prefill", "注意力，预填充"},
      Pair{"rotary table", "旋转编码表"},
      Pair{"rotary embedding", "旋转位置编码"},
      Pair{"store keys and values", "写入键值"},
      Pair{"SiLU product, dense layer", "SiLU 乘积，稠密层"},
      Pair{"residual sum", "残差相加"},
      Pair{"row choice", "按行选取"},
      Pair{"likeliest token", "最可能的 token"},
      Pair{"residual sum and RMSNorm", "残差相加与 RMSNorm"},
      Pair{"dense layer, gate, up and SiLU", "稠密层，gate、up 与 SiLU"},
      Pair{"shared expert, gate, up and SiLU", "共享专家，gate、up 与 SiLU"},
      Pair{"SiLU product, shared expert", "SiLU 乘积，共享专家"},
      Pair{"router and routed experts", "路由器与路由专家"},
      Pair{"MatMul 2560 × 2560", "矩阵乘 2560 × 2560"},
      Pair{"MatMul 2560 × 12288", "矩阵乘 2560 × 12288"},
      Pair{"MatMul 1536 × 2560", "矩阵乘 1536 × 2560"},
      Pair{"MoE routing", "MoE 路由"},
      Pair{"Attention", "注意力"},
      Pair{"Linear", "线性层"},
  };
  const auto* found = std::ranges::find(kChinese, name, &Pair::first);
  if (found == kChinese.end()) return name;
  return {name, found->second};
}

}  // namespace ernie::bench
