#include "tarn/text/jinja/globals.h"

#include <ctime>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"

namespace tarn::text::jinja {
namespace {

Value make_range(Interpreter& interpreter, const Value&, const Args& args) {
  const Bound bound("range", args, {"start", "stop", "step"}, 1);
  const bool one = !bound.given(1);
  const int64_t start = one ? 0 : bound.integer(0, 0);
  const int64_t stop = one ? bound.integer(0, 0) : bound.integer(1, 0);
  const int64_t step = bound.integer(2, 1);
  if (step == 0) raise("range() arg 3 must not be zero");
  const Value range = interpreter.heap().make<Range>(Kind::range, start, stop, step);
  const size_t most = interpreter.heap().limits().max_range;
  if (static_cast<size_t>(range.object<Range>().length) > most) {
    raise("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", most);
  }
  return range;
}

// dict(mapping or pairs, **named).
std::shared_ptr<Dict> build_dict(Interpreter& interpreter, const Args& args) {
  Heap& heap = interpreter.heap();
  auto dict = heap.new_dict();
  if (args.positional.size() > 1) raise("dict expected at most 1 argument");
  if (!args.positional.empty()) {
    const Value& source = args.positional[0];
    if (source.is(Kind::dict)) {
      for (const auto& [key, value] : source.dict().entries) dict->set(key, value);
    } else {
      Cursor cursor(heap, source);
      for (Value item; cursor.next(item);) {
        std::vector<Value> pair = collect(heap, item);
        if (pair.size() != 2) raise("dictionary update sequence needs elements of length 2");
        dict->set(std::move(pair[0]), std::move(pair[1]));
      }
    }
  }
  for (const auto& [name, value] : args.named) dict->set(heap.text(name), value);
  return dict;
}

Value make_dict(Interpreter& interpreter, const Value&, const Args& args) {
  return interpreter.heap().dict(build_dict(interpreter, args));
}

Value make_namespace(Interpreter& interpreter, const Value&, const Args& args) {
  return interpreter.heap().name_space(build_dict(interpreter, args));
}

Value make_cycler(Interpreter& interpreter, const Value&, const Args& args) {
  Heap& heap = interpreter.heap();
  if (!args.named.empty()) raise("cycler() takes no keyword arguments");
  if (args.positional.empty()) raise("at least one item has to be provided");
  return heap.make<Cycler>(Kind::cycler, heap.tuple(args.positional));
}

Value make_joiner(Interpreter& interpreter, const Value&, const Args& args) {
  const Bound bound("joiner", args, {"sep"});
  Heap& heap = interpreter.heap();
  return heap.make<Joiner>(Kind::joiner, bound.given(0) ? *bound[0] : heap.text(", "));
}

Value lipsum(Interpreter&, const Value&, const Args&) {
  raise("lipsum() is not supported: the same conversation must give the same prompt");
}

Value raise_exception(Interpreter& interpreter, const Value&, const Args& args) {
  const Bound bound("raise_exception", args, {"message"}, 1);
  throw Failure{to_str(interpreter.heap(), *bound[0]), true};
}

Value strftime_now(Interpreter& interpreter, const Value&, const Args& args) {
  const Bound bound("strftime_now", args, {"format"}, 1);
  const auto now = interpreter.now();
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  std::tm tm{};
  tm.tm_year = static_cast<int>(date.year()) - 1900;
  tm.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  tm.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  tm.tm_hour = static_cast<int>(time.hours().count());
  tm.tm_min = static_cast<int>(time.minutes().count());
  tm.tm_sec = static_cast<int>(time.seconds().count());
  tm.tm_wday = static_cast<int>(std::chrono::weekday(day).c_encoding());
  const std::chrono::local_days new_year(date.year() / 1 / 1);
  tm.tm_yday = static_cast<int>((day - new_year).count());
  tm.tm_isdst = -1;
  TextBuilder out(interpreter.heap());
  const std::string& format = bound.text(0);
  for (size_t pos = 0; pos < format.size();) {
    const size_t mark = std::min(format.find('%', pos), format.size());
    out.append(std::string_view(format).substr(pos, mark - pos));
    if (mark == format.size()) break;
    size_t end = mark + 1;
    if (end < format.size() && (format[end] == '-' || format[end] == '_' || format[end] == '0' ||
                                format[end] == '^' || format[end] == '#')) {
      ++end;
    }
    const char type = end < format.size() ? format[end] : '%';
    pos = std::min(end + 1, format.size());
    if (type == 'f') {
      out.append("000000");                   // the clock counts whole seconds
    } else if (type != 'z' && type != 'Z') {  // a naive time has no zone
      char buffer[256];
      const size_t n =
          std::strftime(buffer, sizeof buffer, format.substr(mark, pos - mark).c_str(), &tm);
      out.append({buffer, n});
    }
  }
  return interpreter.heap().text(out.take());
}

}  // namespace

void define_globals(Interpreter& interpreter) {
  constexpr std::pair<const char*, Callable::Function> kGlobals[] = {
      {"range", make_range},
      {"dict", make_dict},
      {"namespace", make_namespace},
      {"cycler", make_cycler},
      {"joiner", make_joiner},
      {"lipsum", lipsum},
      {"raise_exception", raise_exception},
      {"strftime_now", strftime_now},
  };
  for (const auto& [name, function] : kGlobals) {
    interpreter.define(name, interpreter.heap().callable(name, function));
  }
}

}  // namespace tarn::text::jinja
