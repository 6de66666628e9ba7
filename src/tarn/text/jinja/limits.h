// What a template may cost. Templates come with downloaded models: they are programs of strangers.
#pragma once

#include <cstddef>

namespace tarn::text::jinja {

struct Limits {
  size_t max_source = size_t{4} << 20;    // bytes of a template
  size_t max_steps = 20'000'000;          // evaluated nodes, elements and 64-byte blocks of text
  size_t max_memory = size_t{512} << 20;  // bytes of values alive at once
  size_t max_output = size_t{64} << 20;   // bytes of the rendering
  size_t max_range = 100'000;             // elements of range(), as Jinja's sandbox has it
  int max_nesting = 200;                  // of expressions and blocks in the source
  int max_depth = 800;                    // of evaluation: nested expressions times macro calls
  int max_value_depth = 200;              // of lists in lists
};

}  // namespace tarn::text::jinja
