// Functions of arrays whose Program is kept and run again.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tarn/core/array.h"

namespace tarn {

// compile(function): the first call with inputs of certain shapes and dtypes records what
// `function` builds and plans it; later calls run the same Program on other bytes, which costs
// neither graph nor planning. So everything that differs from call to call must be an input: a C++
// value that `function` used stays what it was while recording.
//
// Unlike `function` itself, a call is evaluated at once: it returns when the results are there.
class Compiled {
 public:
  using Function = std::function<std::vector<array>(const std::vector<array>&)>;

  // donated: inputs from this index on may be overwritten with results where an operation allows
  // it. One that somebody else holds at a call is copied first.
  explicit Compiled(Function function, size_t donated = SIZE_MAX);
  ~Compiled();
  Compiled(Compiled&&) noexcept;
  Compiled& operator=(Compiled&&) noexcept;

  // Takes the donated inputs out of `inputs`, which afterwards has only those before them. Errors
  // of function and of its operations; `inputs` is whole unless a kernel failed. Not for two
  // threads at once.
  std::vector<array> operator()(std::vector<array>& inputs);

  int recordings() const;  // how often `function` was called

 private:
  struct Recording;
  Recording& recording_for(const std::vector<array>& inputs);

  Function function_;
  size_t donated_;
  int count_ = 0;
  std::vector<std::unique_ptr<Recording>> recordings_;  // last used last
};

}  // namespace tarn
