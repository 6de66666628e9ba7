// Which choice for each of many modules, so that together they fit a budget and lose least.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tarn::compress {

struct Choice {
  uint64_t bytes;
  double loss;  // finite; losses of modules add up
};

// The index of a choice for each module (each has at least one): their bytes are at most `budget`,
// and no single change that fits would lose less. Starts from the cheapest choices and buys, on
// each module's convex hull, what saves most loss for a byte. The same input gives the same answer.
// invalid_argument when even the cheapest do not fit.
std::vector<size_t> allocate(std::span<const std::vector<Choice>> modules, uint64_t budget);

}  // namespace tarn::compress
