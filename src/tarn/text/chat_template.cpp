#include "tarn/text/chat_template.h"

#include <ctime>
#include <limits>

#include "tarn/base/json.h"
#include "tarn/text/jinja/globals.h"
#include "tarn/text/jinja/interpreter.h"
#include "tarn/text/jinja/parser.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text {
namespace {

using jinja::Heap;
using jinja::Value;

Value to_value(Heap& heap, const ordered_json& json, int depth = 0) {
  heap.step();
  heap.check_depth(depth);
  switch (json.type()) {
    case ordered_json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case ordered_json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case ordered_json::value_t::number_unsigned: {
      const auto number = json.get<uint64_t>();
      if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        jinja::raise("the number {} of the input exceeds 64 bits with a sign", number);
      }
      return Value::integer(static_cast<int64_t>(number));
    }
    case ordered_json::value_t::number_float:
      return Value::real(json.get<double>());
    case ordered_json::value_t::string: {
      const auto& text = json.get_ref<const std::string&>();
      if (!jinja::valid_utf8(text)) jinja::raise("a text of the input is not valid UTF-8");
      return heap.text(text);
    }
    case ordered_json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(to_value(heap, item, depth + 1));
      return heap.list(std::move(items));
    }
    case ordered_json::value_t::object: {
      auto dict = heap.new_dict();
      for (const auto& [key, item] : json.items()) {
        dict->set(heap.text(key), to_value(heap, item, depth + 1));
      }
      return heap.dict(std::move(dict));
    }
    default:
      return Value();
  }
}

std::chrono::local_seconds local_now() {
  const std::time_t time = std::time(nullptr);
  std::tm tm{};
  localtime_r(&time, &tm);
  using namespace std::chrono;
  const auto day = local_days(year(tm.tm_year + 1900) / (tm.tm_mon + 1) / tm.tm_mday);
  return day + hours(tm.tm_hour) + minutes(tm.tm_min) + seconds(tm.tm_sec);
}

}  // namespace

struct ChatTemplate::Impl {
  std::string name;
  jinja::Limits limits;
  jinja::Ast ast;
};

ChatTemplate::ChatTemplate(const std::string& source, std::string name, jinja::Limits limits) {
  const auto refuse = [&](int line, const std::string& message) {
    throw TemplateError(ErrorCode::corrupt, fmt::format("{}:{}: {}", name, line, message), false,
                        line);
  };
  if (source.size() > limits.max_source) {
    refuse(1, fmt::format("the template has {} bytes, more than the {} allowed", source.size(),
                          limits.max_source));
  }
  if (!jinja::valid_utf8(source)) refuse(1, "the template is not valid UTF-8");
  try {
    auto ast = jinja::Parser(source, limits).parse();
    impl_ = std::make_unique<const Impl>(Impl{std::move(name), limits, std::move(ast)});
  } catch (const jinja::SyntaxError& error) {
    refuse(error.line, error.message);
  }
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const ChatInputs& inputs) const {
  Heap heap(impl_->limits);
  jinja::Interpreter interpreter(impl_->ast, heap, inputs.now ? *inputs.now : local_now());
  const auto define = [&](const char* name, const ordered_json* json) {
    interpreter.define(name, json ? to_value(heap, *json) : Value());
  };
  try {
    jinja::define_globals(interpreter);
    for (const ordered_json* object : {inputs.variables, inputs.kwargs}) {
      if (!object || object->is_null()) continue;
      if (!object->is_object()) jinja::raise("variables and kwargs must be JSON objects");
      for (const auto& [key, value] : object->items()) define(key.c_str(), &value);
    }
    define("messages", inputs.messages);
    define("tools", inputs.tools);
    define("documents", inputs.documents);
    interpreter.define("add_generation_prompt", Value::boolean(inputs.add_generation_prompt));
    return interpreter.run();
  } catch (const jinja::Failure& failure) {
    const int line = interpreter.line();
    throw TemplateError(ErrorCode::invalid_argument,
                        failure.raised
                            ? failure.message
                            : fmt::format("{}:{}: {}", impl_->name, line, failure.message),
                        failure.raised, line);
  }
}

}  // namespace tarn::text
