#include "verify/ops/check_names.h"

#include <vector>

namespace ernie::verify::ops {
namespace {

struct CheckWords {
  std::string name;
  report::Text meaning;
};

const std::vector<CheckWords>& check_words() {
  static const std::vector<CheckWords> kWords = {
      {"emax",
       {"the largest error of an element, in units of what rounding may cause there",
        "单个元素的最大误差，以该处舍入上限为单位"}},
      {"erms", {"the root mean square of these errors", "这些误差的均方根"}},
      {"gain", {"the whole result is off by a factor", "整个结果差一个比例因子"}},
      {"bias", {"the mean error is not zero", "平均误差不为零"}},
      {"projection",
       {"the random signed sum of all outputs differs from that of the true ones",
        "全部输出的随机加权和与真值不符"}},
      {"nonfinite",
       {"a NaN or an infinity is missing or in the wrong place",
        "NaN 或无穷大缺失或出现在错误位置"}},
      {"too exact",
       {"no rounding at all where some is inevitable, so nothing was compared",
        "本应有舍入误差却完全相等，说明没有真正比较"}},
      {"rounding points", {"values are rounded at other places", "舍入的位置不对"}},
      {"batch invariance",
       {"a row alone has other bits than among others",
        "单独计算一行与整批计算的结果不是逐位相同"}},
      {"threads", {"the bits depend on the number of threads", "结果随线程数变化"}},
      {"threads and blocks",
       {"the bits depend on the number of threads or on the cache's blocks",
        "结果随线程数或缓存块变化"}},
      {"sum",
       {"the sum that a fused operation stores differs from that of add",
        "融合算子写回的和与 add 的结果不是逐位相同"}},
      {"bits of the composition",
       {"a fused operation differs from the operations that it fuses",
        "融合算子与其各部分的结果不是逐位相同"}},
      {"ids", {"wrong ids", "id 错误"}},
      {"order", {"the right ids in the wrong order", "id 正确但次序错误"}},
      {"selection", {"the wrong experts", "选错专家"}},
      {"rank", {"a wrong rank, or wrong likeliest tokens", "名次或最可能的 token 错误"}},
      {"refused", {"the device gave no result", "设备没有给出结果"}},
      {"support", {"a token was drawn that has no probability", "抽到了概率为零的 token"}},
      {"frequencies", {"draws do not follow the probabilities", "抽样频率与概率不符"}},
      {"replay", {"the same draw gave another token", "同样的抽样得到不同的 token"}},
  };
  return kWords;
}

}  // namespace

report::Text legend_of_checks(std::set<std::string> names) {
  report::Text legend{"Checks", "检查项"};
  const char* english = ": ";
  const char* chinese = "：";
  const auto add = [&](const std::string& name, const report::Text& meaning) {
    legend.en += english + name + (meaning.en.empty() ? "" : ", " + meaning.en);
    legend.zh += chinese + name + (meaning.zh.empty() ? "" : "（" + meaning.zh + "）");
    english = "; ";
    chinese = "；";
  };
  for (const CheckWords& check : check_words()) {
    if (names.erase(check.name) > 0) add(check.name, check.meaning);
  }
  for (const std::string& name : names) add(name, {});
  legend.en += ".";
  legend.zh += "。";
  return legend;
}

}  // namespace ernie::verify::ops
