// The rows of query and key projections. Hugging Face rotates dimension i of a head with i + half;
// llama.cpp's llama architecture rotates neighbours, and its files have the rows in that order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace tarn::gguf {

using RowOrder = std::vector<uint32_t>;

// Which row of a matrix of `heads` heads with neighbours is row i of the one with halves.
std::shared_ptr<const RowOrder> halves_from_neighbours(int64_t rows, int64_t heads);
// The reverse.
std::shared_ptr<const RowOrder> neighbours_from_halves(int64_t rows, int64_t heads);

}  // namespace tarn::gguf
