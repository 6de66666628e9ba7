// Shared by the tests of the float kernels: random data, storage in any type, comparisons.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tarn/cpu/isa/float_type.h"
#include "tarn/cpu/isa/isa.h"

namespace tarn::cpu {

// Memory for scratch, 64-byte aligned, of exactly the size asked for so that sanitizers see an
// overrun.
class Scratch {
 public:
  explicit Scratch(size_t bytes)
      : data_(bytes == 0 ? nullptr : ::operator new(bytes, std::align_val_t(64))) {}
  ~Scratch() { ::operator delete(data_, std::align_val_t(64)); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* get() const { return data_; }

 private:
  void* data_;
};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  float uniform(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(engine_);
  }
  std::vector<float> floats(size_t n, float low = -1.F, float high = 1.F) {
    std::vector<float> values(n);
    for (float& v : values) v = uniform(low, high);
    return values;
  }

 private:
  std::mt19937 engine_;
};

constexpr FloatType all_types[] = {FloatType::f32, FloatType::f16, FloatType::bf16};

// The values rounded to a storage type: its bytes, and what they mean.
struct Stored {
  std::vector<uint8_t> bytes;
  std::vector<float> values;
  const void* data() const { return bytes.data(); }
};

template <typename T>
Stored stored_as(const std::vector<float>& values) {
  Stored result;
  result.bytes.resize(values.size() * sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    const T x = from_float<T>(values[i]);
    std::memcpy(result.bytes.data() + i * sizeof(T), &x, sizeof(T));
    result.values.push_back(to_float(x));
  }
  return result;
}

inline Stored stored(const std::vector<float>& values, FloatType type) {
  if (type == FloatType::f16) return stored_as<float16>(values);
  if (type == FloatType::bf16) return stored_as<bfloat16>(values);
  return stored_as<float>(values);
}

inline void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b,
                             const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_EQ(std::memcmp(&a[i], &b[i], sizeof(float)), 0)
        << what << ": element " << i << ": " << a[i] << " and " << b[i];
}

inline void expect_near(const std::vector<float>& got, const std::vector<double>& want,
                        double tolerance, const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance) << what << ": element " << i;
}

}  // namespace tarn::cpu
