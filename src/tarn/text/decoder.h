// The `decoder` of tokenizer.json, as a chain of steps that tokens are pushed through one by one:
// decoding a whole sequence and streaming it are the same work.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/base/json.h"

namespace tarn::text {

using Emit = std::function<void(std::string_view)>;

// One step at work on one sequence. Keeps what it cannot hand on yet.
class DecodeStep {
 public:
  virtual ~DecodeStep() = default;
  virtual void push(std::string_view token, const Emit& emit) = 0;
  virtual void finish(const Emit&) {}  // no token comes any more
  // From here on hands on the bytes of tokens as they are, whether or not they make characters.
  virtual void pass_bytes() {}
};

// Immutable, safe to share between threads.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // Appends the steps for one sequence. `fused` says that what arrives is one token in fragments;
  // returns whether that is so for what leaves.
  virtual bool add_steps(std::vector<std::unique_ptr<DecodeStep>>& steps, bool fused) const = 0;
};

// `value` is the file's "decoder" object. Without one, tokens are joined by spaces.
std::unique_ptr<Decoder> make_decoder(const json& value, std::string_view where);

// A sequence on its way through all the steps of a decoder.
class Decoding {
 public:
  enum class Output { text, bytes };  // bytes: unfinished and broken characters stay as they are
  explicit Decoding(const Decoder& decoder, Output output = Output::text);
  void push(std::string_view token, std::string& out);
  void finish(std::string& out);

 private:
  void push_from(size_t step, std::string_view token, std::string& out);
  std::vector<std::unique_ptr<DecodeStep>> steps_;
};

}  // namespace tarn::text
