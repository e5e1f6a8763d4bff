#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>

#include "grammar/array_endings.h"
#include "grammar/compiled_grammar.h"
#include "grammar/json_automata.h"
#include "grammar/schema_shapes.h"
#include "json/text.h"

namespace ernie {
namespace {

/// Nodes from a schema, and only those that some value is of.
class SchemaCompiler {
 public:
  SchemaCompiler(const boost::json::value& schema, const GrammarLimits& limits)
      : document_(schema), budget_(limits), formula_(document_, budget_) {}

  Result<GrammarPtr> run();

 private:
  NodeId node_of(LiteralSet literals);
  Result<void> build(NodeId node);
  bool is_live(NodeId node) const { return node != kNoNode && is_live_[node]; }
  bool has_live(const std::vector<NodeId>& nodes) const {
    return std::any_of(nodes.begin(), nodes.end(), [this](NodeId n) { return is_live(n); });
  }
  uint32_t possible_elements(const ArrayShape& shape) const;
  std::optional<ArrayEndings> endings_of(const ArrayShape& shape);
  bool can_be(const ArrayShape& shape);
  bool can_have_witnesses(const ObjectShape& shape) const;
  bool can_be(const ObjectShape& shape) const;
  bool can_be(const ValueNode& node);
  void find_live();
  bool prune();
  void prune(ArrayShape& shape) const;
  Result<void> find_endings();
  void prune(ObjectShape& shape) const;

  SchemaDocument document_;
  CompileBudget budget_;
  SchemaFormula formula_;
  std::map<LiteralSet, NodeId> ids_;
  std::vector<LiteralSet> literals_;  // by node
  std::vector<ValueNode> nodes_;
  std::vector<uint8_t> is_live_;
};

NodeId SchemaCompiler::node_of(LiteralSet literals) {
  std::erase_if(literals, [this](SchemaLiteral literal) { return formula_.is_true(literal); });
  const auto next_id = static_cast<NodeId>(literals_.size());
  const auto [it, is_new] = ids_.try_emplace(std::move(literals), next_id);
  if (is_new) literals_.push_back(it->first);
  return it->second;
}

Result<void> SchemaCompiler::build(NodeId id) {
  const LiteralSet literals = literals_[id];
  const std::string place = literals.empty() ? "$" : formula_.path_of(literals[0]);
  if (literals_.size() > budget_.limits().max_nodes || budget_.exhausted()) {
    return too_complex(place);
  }
  ERNIE_TRY(const std::vector<Conjunction> all, formula_.alternatives(literals));
  ShapeMaker maker(formula_, budget_, [this](LiteralSet set) { return node_of(std::move(set)); });
  ValueNode node;
  for (const Conjunction& c : all) ERNIE_TRY_VOID(maker.add(c, place, node));
  nodes_.push_back(std::move(node));
  return {};
}

/// How many elements there can be before one for which there is no value.
uint32_t SchemaCompiler::possible_elements(const ArrayShape& shape) const {
  for (uint32_t i = 0; i < shape.elements.size() && i < shape.max_elements; ++i) {
    if (!has_live(shape.elements[i])) return i;
  }
  return shape.max_elements;
}

bool SchemaCompiler::can_be(const ArrayShape& shape) {
  if (shape.min_elements > possible_elements(shape)) return false;
  if (shape.counters.empty()) return true;
  const std::optional<ArrayEndings> endings = endings_of(shape);
  constexpr std::array<uint32_t, ArrayShape::kMaxCounters> kNone = {};
  return endings && endings->can_end(0, std::span(kNone).first(shape.counters.size()));
}

/// Nothing when that is too much work.
std::optional<ArrayEndings> SchemaCompiler::endings_of(const ArrayShape& shape) {
  if (!budget_.spend(ArrayEndings::work(shape))) return std::nullopt;
  return ArrayEndings(shape, [this](NodeId node) { return is_live(node); });
}

/// Whether the required members and those for which there is room can be all witnesses. Bit s of a
/// number stands for the set s of them.
bool SchemaCompiler::can_have_witnesses(const ObjectShape& shape) const {
  const auto sets_of = [this](const ObjectShape::KeyClass& key_class) {
    uint32_t sets = 0;
    for (uint32_t set = 0; set < key_class.values.size(); ++set) {
      if (is_live(key_class.values[set])) sets |= 1u << set;
    }
    return sets;
  };
  uint32_t seen = 1;  // what the members so far can have been
  const auto add_member = [&](uint32_t sets) {
    uint32_t after = 0;
    for (uint32_t i = 0; i < 32; ++i) {
      for (uint32_t set = 0; set < 32 && (seen >> i & 1) != 0; ++set) {
        if ((sets >> set & 1) != 0) after |= 1u << (i | set);
      }
    }
    seen = after;
  };
  for (const std::string& name : shape.required) {
    const uint32_t state = shape.keys->state_after(decode_utf8(name));
    add_member(sets_of(shape.classes[shape.keys->mark(state)]));
  }
  uint32_t any = 1;
  for (const ObjectShape::KeyClass& key_class : shape.classes) any |= sets_of(key_class);
  const size_t num_free = shape.max_members - shape.required.size();
  for (size_t i = 0; i < std::min<size_t>(num_free, shape.num_witnesses); ++i) add_member(any);
  return (seen >> ((1u << shape.num_witnesses) - 1) & 1) != 0;
}

bool SchemaCompiler::can_be(const ObjectShape& shape) const {
  for (const std::string& name : shape.required) {
    const uint32_t state = shape.keys->state_after(decode_utf8(name));
    if (state == Dfa::kDead || !shape.keys->accepts(state)) return false;
    if (!has_live(shape.classes[shape.keys->mark(state)].values)) return false;
  }
  if (!can_have_witnesses(shape)) return false;
  const uint32_t start = shape.keys->start();
  return (start == Dfa::kDead ? 0 : shape.keys->num_texts(start)) >= shape.min_members;
}

bool SchemaCompiler::can_be(const ValueNode& node) {
  const auto possible = [this](const auto& shape) { return can_be(shape); };
  return !node.literals.empty() || !node.numbers.empty() || !node.strings.empty() ||
         std::any_of(node.arrays.begin(), node.arrays.end(), possible) ||
         std::any_of(node.objects.begin(), node.objects.end(), possible);
}

/// From the values that hold no others upwards.
void SchemaCompiler::find_live() {
  is_live_.assign(nodes_.size(), 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = nodes_.size(); i-- > 0;) {
      if (is_live_[i] || !budget_.spend(16) || !can_be(nodes_[i])) continue;
      is_live_[i] = 1;
      changed = true;
    }
  }
}

void SchemaCompiler::prune(ArrayShape& shape) const {
  shape.max_elements = possible_elements(shape);
  for (auto& row : shape.elements) {
    for (NodeId& node : row) {
      if (!is_live(node)) node = kNoNode;
    }
  }
}

void SchemaCompiler::prune(ObjectShape& shape) const {
  bool drops_any = false;
  for (ObjectShape::KeyClass& key_class : shape.classes) {
    for (NodeId& node : key_class.values) {
      if (!is_live(node)) node = kNoNode;
    }
    drops_any = drops_any || !has_live(key_class.values);
  }
  if (!drops_any) return;
  shape.keys =
      shape.keys->restricted([&](uint32_t mark) { return has_live(shape.classes[mark].values); });
}

/// Removes what cannot be; whether a whole shape was among it.
bool SchemaCompiler::prune() {
  bool removed = false;
  const auto impossible = [this](const auto& shape) { return !can_be(shape); };
  for (ValueNode& node : nodes_) {
    removed = std::erase_if(node.arrays, impossible) > 0 || removed;
    removed = std::erase_if(node.objects, impossible) > 0 || removed;
    for (ArrayShape& shape : node.arrays) prune(shape);
    for (ObjectShape& shape : node.objects) prune(shape);
    // With the keys that are left there may be too few of them.
    removed = std::erase_if(node.objects, impossible) > 0 || removed;
  }
  return removed;
}

Result<void> SchemaCompiler::find_endings() {
  for (ValueNode& node : nodes_) {
    for (ArrayShape& shape : node.arrays) {
      if (shape.counters.empty()) continue;
      std::optional<ArrayEndings> endings = endings_of(shape);
      if (!endings) return too_complex("$");
      shape.endings = std::make_shared<const ArrayEndings>(std::move(*endings));
    }
  }
  return {};
}

Result<GrammarPtr> SchemaCompiler::run() {
  ERNIE_TRY_VOID(document_.read(budget_.limits().max_depth));
  const NodeId root = node_of({formula_.schema_literal(document_.root(), "$")});
  while (nodes_.size() < literals_.size()) {
    ERNIE_TRY_VOID(build(static_cast<NodeId>(nodes_.size())));
  }
  do {
    find_live();
    if (budget_.exhausted()) return too_complex("$");
  } while (prune());
  if (!is_live(root)) {
    return make_error(ErrorCode::kInvalidArgument, "$: there is no value of this schema");
  }
  ERNIE_TRY_VOID(find_endings());
  auto grammar = std::make_shared<Grammar>();
  grammar->kind = Grammar::Kind::kValue;
  grammar->nodes = std::move(nodes_);
  grammar->root = root;
  return GrammarPtr(std::move(grammar));
}

}  // namespace

Result<GrammarPtr> compile_json_schema(const boost::json::value& schema,
                                       const GrammarLimits& limits) {
  const size_t num_bytes = json_text(schema).size();
  if (num_bytes > limits.max_source_bytes) {
    return make_error(ErrorCode::kInvalidArgument, "$: got {} bytes, expected at most {}",
                      num_bytes, limits.max_source_bytes);
  }
  return SchemaCompiler(schema, limits).run();
}

namespace {

/// Lets the references of a schema that becomes a part of another one find what they did before.
void move_references(boost::json::value& schema, const std::string& pointer) {
  std::vector<boost::json::value*> open = {&schema};
  while (!open.empty()) {
    boost::json::value& at = *open.back();
    open.pop_back();
    if (at.is_array()) {
      for (boost::json::value& element : at.get_array()) open.push_back(&element);
    } else if (at.is_object()) {
      for (auto& member : at.get_object()) {
        const std::string_view key = member.key();
        boost::json::value& value = member.value();
        const bool is_own = key == "$ref" && value.is_string() &&
                            (value.get_string() == "#" || value.get_string().starts_with("#/"));
        if (is_own) value = "#" + pointer + std::string(value.get_string().subview(1));
        if (key != "enum" && key != "const") open.push_back(&value);
      }
    }
  }
}

}  // namespace

Result<GrammarPtr> compile_json_object(const GrammarLimits& limits) {
  return compile_json_schema(boost::json::object{{"type", "object"}}, limits);
}

Result<GrammarPtr> compile_tool_calls(const std::vector<ToolSchema>& tools, ToolCallCount count,
                                      const GrammarLimits& limits) {
  if (tools.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "tools: got none, expected at least one");
  }
  boost::json::array calls;
  for (const ToolSchema& tool : tools) {
    boost::json::value parameters = tool.parameters;
    if (parameters.is_null()) parameters = boost::json::object{{"type", "object"}};
    move_references(parameters, fmt::format("/items/anyOf/{}/properties/parameters", calls.size()));
    calls.push_back(
        {{"type", "object"},
         {"properties", {{"name", {{"const", tool.name}}}, {"parameters", std::move(parameters)}}},
         {"required", {"name", "parameters"}},
         {"additionalProperties", false}});
  }
  boost::json::object schema = {
      {"type", "array"}, {"items", {{"anyOf", std::move(calls)}}}, {"minItems", count.min}};
  if (count.max != SIZE_MAX) schema["maxItems"] = count.max;
  return compile_json_schema(schema, limits);
}

}  // namespace ernie
