"""The small facts the demo model is taught, in English and Chinese.

Every entry is (question subject, answer). Chinese texts keep to a few hundred distinct characters,
because each of them costs a row of the thousand-piece vocabulary.
"""

CAPITALS = [
    # English country, English capital, Chinese country, Chinese capital
    ("France", "Paris", "法国", "巴黎"),
    ("China", "Beijing", "中国", "北京"),
    ("Japan", "Tokyo", "日本", "东京"),
    ("Germany", "Berlin", "德国", "柏林"),
    ("Italy", "Rome", "意大利", "罗马"),
    ("Spain", "Madrid", "西班牙", "马德里"),
    ("Russia", "Moscow", "俄罗斯", "莫斯科"),
    ("England", "London", "英国", "伦敦"),
    ("Egypt", "Cairo", "埃及", "开罗"),
    ("Greece", "Athens", "希腊", "雅典"),
    ("Austria", "Vienna", "奥地利", "维也纳"),
    ("Norway", "Oslo", "挪威", "奥斯陆"),
    ("Poland", "Warsaw", "波兰", "华沙"),
    ("Korea", "Seoul", "韩国", "首尔"),
    ("Cuba", "Havana", "古巴", "哈瓦那"),
    ("Peru", "Lima", "秘鲁", "利马"),
    ("Canada", "Ottawa", "加拿大", "渥太华"),
    ("Kenya", "Nairobi", "肯尼亚", "内罗毕"),
    ("Portugal", "Lisbon", "葡萄牙", "里斯本"),
    ("Sweden", "Stockholm", "瑞典", "斯德哥尔摩"),
]

OPPOSITES_EN = [
    ("hot", "cold"), ("big", "small"), ("up", "down"), ("day", "night"), ("left", "right"),
    ("fast", "slow"), ("old", "young"), ("open", "closed"), ("long", "short"), ("wet", "dry"),
    ("light", "dark"), ("high", "low"), ("rich", "poor"), ("early", "late"), ("full", "empty"),
    ("happy", "sad"), ("hard", "soft"), ("near", "far"), ("good", "bad"), ("first", "last"),
]

OPPOSITES_ZH = [
    ("热", "冷"), ("大", "小"), ("上", "下"), ("白天", "黑夜"), ("左", "右"), ("快", "慢"),
    ("老", "少"), ("开", "关"), ("长", "短"), ("高", "低"), ("前", "后"), ("里", "外"),
    ("多", "少"), ("早", "晚"), ("好", "坏"), ("远", "近"), ("新", "旧"), ("来", "去"),
]

COLOURS = [
    # English thing, English colour, Chinese thing, Chinese colour
    ("the sky", "blue", "天空", "蓝色"),
    ("snow", "white", "雪", "白色"),
    ("grass", "green", "草", "绿色"),
    ("blood", "red", "血", "红色"),
    ("coal", "black", "煤", "黑色"),
    ("a lemon", "yellow", "柠檬", "黄色"),
    ("an orange", "orange", "橙子", "橙色"),
    ("chocolate", "brown", "巧克力", "棕色"),
]

DAYS_EN = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DAYS_ZH = ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"]
MONTHS_EN = ["January", "February", "March", "April", "May", "June", "July", "August",
             "September", "October", "November", "December"]
MONTHS_ZH = ["一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月",
             "十一月", "十二月"]

# The first phrasing of a relation is never held out, so that every fact is stated in training.
PHRASINGS = {
    "capital_en": ["The capital of {} is", "What is the capital of {}?",
                   "The capital city of {} is", "Q: Which city is the capital of {}? A:"],
    "capital_zh": ["{}的首都是", "{}的首都是哪里？", "{}的首都在", "请问{}的首都是哪座城市？"],
    "opposite_en": ["The opposite of {} is", "What is the opposite of {}?",
                    "Q: Which word is the opposite of {}? A:"],
    "opposite_zh": ["{}的反义词是", "{}的反义词是什么？", "请问{}的反义词是哪个词？"],
    "colour_en": ["The colour of {} is", "What is the colour of {}?",
                  "Q: Which colour is the colour of {}? A:"],
    "colour_zh": ["{}的颜色是", "{}的颜色是什么？", "请问{}的颜色是哪种颜色？"],
    "next_en": ["The one after {} is", "What comes after {}?", "Q: Which one comes after {}? A:"],
    "next_zh": ["{}之后是", "{}之后是什么？", "请问{}之后是哪个？"],
}


def _cycle(names):
  return [(name, names[(i + 1) % len(names)]) for i, name in enumerate(names)]


def relations():
  """Returns {relation: [(subject, answer), ...]}."""
  return {
      "capital_en": [(c[0], c[1]) for c in CAPITALS],
      "capital_zh": [(c[2], c[3]) for c in CAPITALS],
      "opposite_en": OPPOSITES_EN,
      "opposite_zh": OPPOSITES_ZH,
      "colour_en": [(c[0], c[1]) for c in COLOURS],
      "colour_zh": [(c[2], c[3]) for c in COLOURS],
      "next_en": _cycle(DAYS_EN) + _cycle(MONTHS_EN),
      "next_zh": _cycle(DAYS_ZH) + _cycle(MONTHS_ZH),
  }
