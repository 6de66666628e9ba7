#include "tarn/text/tokenizer_file.h"

#include <limits>

#include "tarn/base/error.h"

namespace tarn::text {
namespace {

constexpr size_t kMaxDepth = 64;

// Builds the document and diverts model.vocab and model.merges: as DOM they cost a node and an
// allocation or two per entry, which for a quarter of a million entries is most of the loading
// time.
class Reader {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  explicit Reader(TokenizerFile& file) : file_(file) {}

  bool null() { return value(nullptr); }
  bool boolean(bool v) { return value(v); }
  bool number_integer(number_integer_t v) { return number(v); }
  bool number_unsigned(number_unsigned_t v) { return number(v); }
  bool number_float(number_float_t v, const string_t&) { return number(v); }
  bool string(string_t& v) {
    switch (mode_) {
      case Mode::document:
        return value(std::move(v));
      case Mode::vocab:
        bad_table("an id must be a whole number");
      case Mode::scored:
        if (depth_ != 2 || fields_ != 0) bad_table("expected [\"token\", score]");
        file_.scored.emplace_back(std::move(v), 0.0);
        ++fields_;
        return true;
      case Mode::merges:
        if (depth_ == 1) return merge_line(v);
        if (fields_ >= 2) bad_table("a merge is a pair of tokens");
        if (fields_ == 0) file_.merges.emplace_back();
        (fields_ == 0 ? file_.merges.back().first : file_.merges.back().second) = std::move(v);
        ++fields_;
        return true;
    }
    return true;
  }
  bool binary(binary_t&) { return true; }

  bool start_object(size_t) {
    if (mode_ == Mode::document && at_model_key("vocab")) {
      enter(Mode::vocab);
      return true;
    }
    if (mode_ != Mode::document) bad_table("an object stands where a value should");
    return open(json::object());
  }
  bool key(string_t& name) {
    if (mode_ == Mode::vocab) {
      token_ = std::move(name);
      return true;
    }
    if (stack_.back()->contains(name)) {
      fail(ErrorCode::corrupt, "{}: JSON key \"{}\" appears twice in one object", file_.source,
           name);
    }
    key_ = std::move(name);
    return true;
  }
  bool end_object() { return end(); }
  bool start_array(size_t) {
    if (mode_ == Mode::document) {
      if (at_model_key("vocab")) {
        file_.has_scored = true;
        enter(Mode::scored);
        return true;
      }
      if (at_model_key("merges")) {
        file_.has_merges = true;
        enter(Mode::merges);
        return true;
      }
      return open(json::array());
    }
    if (mode_ == Mode::vocab || depth_ != 1) bad_table("a list stands where a value should");
    ++depth_;
    fields_ = 0;
    return true;
  }
  bool end_array() { return end(); }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) {
    fail(ErrorCode::corrupt, "{}: not valid JSON: {}", file_.source, error.what());
  }

 private:
  enum class Mode { document, vocab, scored, merges };

  [[noreturn]] void bad_table(std::string_view why) const {
    fail(ErrorCode::corrupt, "{}: model: {}: {}", file_.source,
         mode_ == Mode::merges ? "merges" : "vocab", why);
  }

  bool at_model_key(std::string_view name) const {
    return stack_.size() == 2 && model_ == stack_.back() && key_ == name;
  }

  void enter(Mode mode) {
    if (document_has(key_)) {
      fail(ErrorCode::corrupt, "{}: JSON key \"{}\" appears twice in one object", file_.source,
           key_);
    }
    (*stack_.back())[key_] = nullptr;  // holds the key's place, for the check of repeated keys
    mode_ = mode;
    depth_ = 1;
  }
  bool document_has(const std::string& name) const { return stack_.back()->contains(name); }

  template <typename T>
  bool number(T v) {
    if (mode_ == Mode::vocab) {
      bool good = false;
      if constexpr (std::is_unsigned_v<T>) {
        good = v <= static_cast<uint64_t>(kMaxTokenId);
      }
      if (!good) {
        bad_table(fmt::format("the id of \"{}\" must be a whole number from 0 to {}, found {}",
                              token_, kMaxTokenId, v));
      }
      file_.vocab.push_back({std::move(token_), static_cast<int32_t>(v)});
      return true;
    }
    if (mode_ == Mode::scored) {
      if (depth_ != 2 || fields_ != 1) bad_table("expected [\"token\", score]");
      file_.scored.back().second = static_cast<double>(v);
      ++fields_;
      return true;
    }
    return value(v);
  }

  json* place(json&& v) {
    if (stack_.empty()) {
      file_.document = std::move(v);
      return &file_.document;
    }
    json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(v));
      return &parent.back();
    }
    json& slot = parent[key_];
    slot = std::move(v);
    return &slot;
  }

  bool value(json v) {
    if (mode_ != Mode::document) bad_table("a value of the wrong type");
    place(std::move(v));
    return true;
  }

  bool open(json v) {
    if (stack_.size() >= kMaxDepth) {
      fail(ErrorCode::corrupt, "{}: JSON nested deeper than {} levels", file_.source, kMaxDepth);
    }
    const bool is_model = stack_.size() == 1 && stack_.back()->is_object() && key_ == "model";
    // Growing an array moves its elements, but never those that are still open: an open element is
    // always the last, and its array grows only once it is closed.
    stack_.push_back(place(std::move(v)));
    if (is_model) model_ = stack_.back();
    return true;
  }

  bool end() {
    if (mode_ == Mode::document) {
      stack_.pop_back();
      return true;
    }
    if (depth_ == 2) {
      if (fields_ != 2) {
        bad_table(mode_ == Mode::merges ? "a merge is a pair of tokens"
                                        : "expected [\"token\", score]");
      }
      --depth_;
      return true;
    }
    mode_ = Mode::document;
    return true;
  }

  bool merge_line(const std::string& line) {
    if (line.starts_with("#version")) return true;
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
      bad_table(fmt::format("\"{}\" is not two tokens separated by a space", line));
    }
    file_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    return true;
  }

  TokenizerFile& file_;
  std::vector<json*> stack_;  // open objects and arrays of the document
  std::string key_;           // of the value that comes next
  const json* model_ = nullptr;
  Mode mode_ = Mode::document;
  int depth_ = 0;   // inside a table
  int fields_ = 0;  // read of the table's current entry
  std::string token_;
};

}  // namespace

const json& TokenizerFile::model() const { return document.at("model"); }

TokenizerFile parse_tokenizer_file(std::string_view text, std::string_view source) {
  TokenizerFile file;
  file.source = source;
  Reader reader(file);
  json::sax_parse(text.begin(), text.end(), &reader);
  if (!file.document.is_object()) {
    fail(ErrorCode::corrupt, "{}: expected a JSON object, found {}", source,
         file.document.type_name());
  }
  const auto model = file.document.find("model");
  if (model == file.document.end() || !model->is_object()) {
    fail(ErrorCode::corrupt, "{}: \"model\" is missing or not an object", source);
  }
  return file;
}

}  // namespace tarn::text
