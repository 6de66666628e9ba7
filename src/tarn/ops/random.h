// Random numbers from explicit keys, the same bits as MLX gives on its CPU for the same key.
//
// A key is a uint32 array of shape (2). A function without a key takes the next one of the
// process's sequence, which starts from seed(0).
#pragma once

#include <optional>
#include <utility>

#include "tarn/core/array.h"

namespace tarn::random {

using Key = std::optional<array>;

void seed(uint64_t value);  // restarts the process's sequence
array key(uint64_t seed);
std::pair<array, array> split(const array& key);
array split(const array& key, int count);  // [count, 2]

// Uniform bits as unsigned integers of `width` bytes: 1, 2 or 4.
array bits(const Shape& shape, int width = 4, const Key& key = std::nullopt);

// Floating dtypes but float64. low and high (location and scale) broadcast to the shape.
array uniform(const array& low, const array& high, const Shape& shape, Dtype dtype = Dtype::f32,
              const Key& key = std::nullopt);  // in [low, high)
array uniform(const Shape& shape, Dtype dtype = Dtype::f32, const Key& key = std::nullopt);
array normal(const Shape& shape, Dtype dtype = Dtype::f32, const Key& key = std::nullopt,
             const std::optional<array>& loc = std::nullopt,
             const std::optional<array>& scale = std::nullopt);
// Normal, kept within [lower, upper].
array truncated_normal(const array& lower, const array& upper, const Shape& shape,
                       Dtype dtype = Dtype::f32, const Key& key = std::nullopt);
array gumbel(const Shape& shape, Dtype dtype = Dtype::f32, const Key& key = std::nullopt);
array laplace(const Shape& shape, Dtype dtype = Dtype::f32, const Key& key = std::nullopt);

// True with probability p, which broadcasts to the shape.
array bernoulli(const array& p, const Shape& shape, const Key& key = std::nullopt);
// Integers in [low, high), drawn as float32: exact up to 2^24 values.
array randint(const array& low, const array& high, const Shape& shape, Dtype dtype = Dtype::i32,
              const Key& key = std::nullopt);

// uint32 classes drawn with the probabilities softmax(logits, axis): one for each row; count for
// each, in a new last axis; or an array of a shape to which logits without `axis` broadcast.
array categorical(const array& logits, int axis = -1, const Key& key = std::nullopt);
array categorical(const array& logits, int axis, int count, const Key& key = std::nullopt);
array categorical(const array& logits, int axis, const Shape& shape, const Key& key = std::nullopt);

array permutation(int64_t n, const Key& key = std::nullopt);  // uint32, of 0 .. n - 1
array permutation(const array& a, int axis = 0, const Key& key = std::nullopt);

}  // namespace tarn::random
