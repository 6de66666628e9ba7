// What a model's shape costs, counted from its config.json alone: parameters, matrices, multiply-
// adds, cache bytes. The counts follow models/blocks: each matrix here is one that is loaded there.
//
// Large counts are doubles: exact below 2^53, and no config.json makes them overflow.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tarn/models/config.h"
#include "tarn/quant/kv_format.h"

namespace tarn::plan {

// How a token's step uses a matrix.
enum class MatrixUse : uint8_t {
  layer,      // multiplied, for every token
  embedding,  // one row is read
  head,       // multiplied, only where logits are wanted
  both,       // embedding and head in one (tied)
};

struct Matrix {
  std::string module;  // "layers.0.mlp.down_proj"
  int64_t rows;        // outputs
  int64_t columns;     // inputs
  MatrixUse use;

  double size() const { return static_cast<double>(rows) * static_cast<double>(columns); }
};

struct AttentionLayer {
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t window;  // positions a token sees, its own among them; 0: all
};

// A gated delta net layer.
struct RecurrentLayer {
  int64_t value_heads;
  int64_t key_head_dim;
  int64_t value_head_dim;
  int64_t conv_channels;
  int64_t conv_taps;
};

struct ShapeCost {
  std::vector<Matrix> matrices;
  std::vector<AttentionLayer> attention;
  std::vector<RecurrentLayer> recurrent;
  double vectors = 0;       // values of norms, biases, decay parameters
  double convolutions = 0;  // values
  int64_t hidden_size = 0;
  int64_t widest = 0;  // outputs of a layer's widest set of matrices with the same input
  int64_t vocab_size = 0;
};

// Extra "mtp." layers and a vision tower, which a text model does not load, do not count.
ShapeCost shape_cost(const ModelConfig& config);

double parameters(const ShapeCost& cost);
double layer_parameters(const ShapeCost& cost);  // of matrices that every token is multiplied with

// Multiply-adds of attention's two products for tokens at the positions [first, first + count):
// queries with keys, and weights with values.
double attention_macs(const ShapeCost& cost, double first, double count);
// Multiply-adds of the gated delta rule and the convolution for one token.
double recurrent_macs(const ShapeCost& cost);

// What the engine stores unless told otherwise.
inline constexpr KvType default_kv = KvType::bf16;

// Keys and values that attention reads for a token behind `context` tokens; with windows less.
double kv_bytes(const ShapeCost& cost, KvType type, double context);
// The same as memory: in blocks of KvCache::kv_block tokens, and with windows some tokens more.
double kv_capacity_bytes(const ShapeCost& cost, KvType type, double context);
// The states of recurrent layers: read and written by every token. Always float32.
double state_bytes(const ShapeCost& cost);

}  // namespace tarn::plan
