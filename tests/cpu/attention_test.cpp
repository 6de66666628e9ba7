#include "tarn/cpu/isa/attention.h"

#include <fmt/format.h>

#include <algorithm>

#include "tarn/quant/kv_format.h"
#include "tests/cpu/kernel_test_support.h"

namespace tarn::cpu {
namespace {

enum class MaskKind { none, additive, boolean };

struct Case {
  int64_t q_heads = 4, kv_heads = 2, q_tokens = 5, k_tokens = 257, dim = 64, v_dim = 64;
  int64_t q_offset = 252, k_offset = 0, window = 0;
  bool causal = true;
  KvStorage type = KvStorage::f32;
  MaskKind mask = MaskKind::none;
  bool sinks = false;
  float soft_cap = 0.F;
};

constexpr KvStorage all_storages[] = {KvStorage::f32, KvStorage::f16, KvStorage::bf16,
                                      KvStorage::int8, KvStorage::int4};

KvType kv_type(KvStorage type) { return type == KvStorage::int8 ? KvType::int8 : KvType::int4; }

int64_t row_elements(KvStorage type, int64_t dim) {
  return type < KvStorage::int8 ? dim : kv_row_bytes(kv_type(type), dim);
}

Stored stored_rows(Random& random, int64_t rows, int64_t dim, KvStorage type) {
  const std::vector<float> values = random.floats(static_cast<size_t>(rows * dim));
  if (type == KvStorage::f16) return stored(values, FloatType::f16);
  if (type == KvStorage::bf16) return stored(values, FloatType::bf16);
  if (type == KvStorage::f32) return stored(values, FloatType::f32);
  Stored result;
  const auto bytes = static_cast<size_t>(row_elements(type, dim));
  result.bytes.resize(static_cast<size_t>(rows) * bytes);
  result.values.resize(values.size());
  for (int64_t r = 0; r < rows; ++r) {
    auto* row = reinterpret_cast<std::byte*>(result.bytes.data() + static_cast<size_t>(r) * bytes);
    encode_kv_row(kv_type(type), values.data() + r * dim, dim, row);
    decode_kv_row(kv_type(type), row, dim, result.values.data() + r * dim);
  }
  return result;
}

struct Problem {
  Case c;
  std::vector<float> q, additive, sinks;
  std::vector<uint8_t> boolean;
  Stored k, v;

  explicit Problem(const Case& c_) : c(c_) {
    Random random(static_cast<uint32_t>(c.k_tokens * 31 + c.dim));
    q = random.floats(static_cast<size_t>(c.q_tokens * c.q_heads * c.dim), -2, 2);
    k = stored_rows(random, c.k_tokens * c.kv_heads, c.dim, c.type);
    v = stored_rows(random, c.k_tokens * c.kv_heads, c.v_dim, c.type);
    additive = random.floats(static_cast<size_t>(c.q_heads * c.q_tokens * c.k_tokens), -3, 3);
    for (float& m : additive) {
      boolean.push_back(m > -1.F);
      if (m < -2.F) m = -INFINITY;
    }
    sinks = random.floats(static_cast<size_t>(c.q_heads), -1, 3);
  }

  // q and out lie [Tq, heads, D], K and V [Tk, heads, D].
  AttentionArgs args(float* out) const {
    AttentionArgs a{};
    a.q = q.data();
    a.q_head_stride = c.dim;
    a.q_token_stride = c.dim * c.q_heads;
    a.k = k.data();
    a.k_head_stride = row_elements(c.type, c.dim);
    a.k_token_stride = a.k_head_stride * c.kv_heads;
    a.v = v.data();
    a.v_head_stride = row_elements(c.type, c.v_dim);
    a.v_token_stride = a.v_head_stride * c.kv_heads;
    a.kv_type = c.type;
    a.out = out;
    a.out_head_stride = c.v_dim;
    a.out_token_stride = c.v_dim * c.q_heads;
    a.q_heads = c.q_heads;
    a.kv_heads = c.kv_heads;
    a.q_tokens = c.q_tokens;
    a.k_tokens = c.k_tokens;
    a.qk_dim = c.dim;
    a.v_dim = c.v_dim;
    a.scale = 1.F / std::sqrt(static_cast<float>(c.dim));
    a.soft_cap = c.soft_cap;
    a.q_offset = c.q_offset;
    a.k_offset = c.k_offset;
    a.causal = c.causal;
    a.window = c.window;
    if (c.mask == MaskKind::additive) a.additive_mask = additive.data();
    if (c.mask == MaskKind::boolean) a.boolean_mask = boolean.data();
    a.mask_head_stride = c.q_tokens * c.k_tokens;
    a.mask_query_stride = c.k_tokens;
    a.mask_key_stride = 1;
    if (c.sinks) a.sinks = sinks.data();
    return a;
  }

  std::vector<float> empty_out() const {
    return std::vector<float>(static_cast<size_t>(c.q_tokens * c.q_heads * c.v_dim), NAN);
  }

  std::vector<double> exact() const {
    std::vector<double> out(empty_out().size());
    const AttentionArgs a = args(nullptr);
    for (int64_t h = 0; h < c.q_heads; ++h)
      for (int64_t t = 0; t < c.q_tokens; ++t) {
        const int64_t kv = h / (c.q_heads / c.kv_heads);
        const int64_t position = c.q_offset + t;
        std::vector<double> weights;
        double sum = c.sinks ? std::exp(static_cast<double>(sinks[static_cast<size_t>(h)])) : 0;
        for (int64_t j = 0; j < c.k_tokens; ++j) {
          const int64_t key = c.k_offset + j;
          const auto at = static_cast<size_t>((h * c.q_tokens + t) * c.k_tokens + j);
          double s = 0;
          for (int64_t i = 0; i < c.dim; ++i)
            s += static_cast<double>(q[static_cast<size_t>((t * c.q_heads + h) * c.dim + i)]) *
                 k.values[static_cast<size_t>((j * c.kv_heads + kv) * c.dim + i)];
          s *= a.scale;
          if (c.soft_cap > 0) s = c.soft_cap * std::tanh(s / c.soft_cap);
          if (c.mask == MaskKind::additive) s += additive[at];
          const bool hidden = (c.causal && key > position) ||
                              (c.window > 0 && key <= position - c.window) ||
                              (c.mask == MaskKind::boolean && boolean[at] == 0);
          weights.push_back(hidden ? 0 : std::exp(s));
          sum += weights.back();
        }
        for (int64_t i = 0; i < c.v_dim; ++i) {
          double y = 0;
          for (int64_t j = 0; j < c.k_tokens; ++j)
            y += weights[static_cast<size_t>(j)] *
                 v.values[static_cast<size_t>((j * c.kv_heads + kv) * c.v_dim + i)];
          out[static_cast<size_t>((t * c.q_heads + h) * c.v_dim + i)] = sum == 0 ? 0 : y / sum;
        }
      }
    return out;
  }
};

std::vector<float> run_whole(Isa isa, const Problem& p) {
  std::vector<float> out = p.empty_out();
  const AttentionArgs args = p.args(out.data());
  const Scratch scratch(attention_scratch_bytes(args));
  attention_kernels(isa).attention(args, 0, attention_items(args), scratch.get());
  return out;
}

// Through memory, items and rows backwards and one at a time.
void run_partials(Isa isa, const AttentionArgs& args) {
  const Scratch scratch(attention_scratch_bytes(args));
  const Scratch partials(attention_partials_bytes(args, attention_chunks(args)));
  const AttentionKernels& kernels = attention_kernels(isa);
  for (int64_t i = attention_partial_items(args) - 1; i >= 0; --i)
    kernels.attention_partial(args, i, i + 1, partials.get(), scratch.get());
  for (int64_t r = attention_rows(args) - 1; r >= 0; --r)
    kernels.attention_combine(args, r, r + 1, partials.get());
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int64_t keys : {1, 255, 256, 257, 1000})
    for (const int64_t dim : {1, 3, 17, 80, 127, 256}) {
      Case c;
      c.k_tokens = keys;
      c.dim = dim;
      c.v_dim = dim == 80 ? 33 : dim;
      c.q_tokens = keys == 1 ? 1 : 5;
      c.q_offset = keys - c.q_tokens;
      c.type = all_storages[static_cast<size_t>(keys + dim) % 5];
      all.push_back(c);
      c.causal = false;
      c.q_heads = 6;
      c.sinks = true;
      all.push_back(c);
    }
  for (const KvStorage type : all_storages) {
    Case c;
    c.type = type;
    c.q_tokens = 61;  // several tiles, the last one partial
    c.k_tokens = 700;
    c.q_offset = 639;
    all.push_back(c);
    c.window = 100;
    all.push_back(c);
    c.sinks = true;
    c.soft_cap = 2.F;
    c.mask = MaskKind::additive;
    all.push_back(c);
    c.window = 300;
    c.k_offset = 77;  // a cache that has dropped its oldest keys
    c.q_offset += 77;
    c.mask = MaskKind::boolean;
    c.sinks = false;
    all.push_back(c);
    c.q_offset = 60;  // the first queries see no key at all
    all.push_back(c);
    c.q_offset = 5000;  // no query sees any
    all.push_back(c);
  }
  Case none;
  none.k_tokens = 0;
  all.push_back(none);
  Case single;
  single.q_heads = single.kv_heads = 1;
  single.q_tokens = 300;
  single.q_offset = 0;
  single.k_tokens = 300;
  all.push_back(single);
  Case wide;
  wide.q_heads = 64;  // a group of more rows than a tile
  wide.kv_heads = 1;
  wide.q_tokens = 2;
  all.push_back(wide);
  return all;
}

std::string describe(Isa isa, const Case& c) {
  return fmt::format("{} Tq {} Tk {} D {} Dv {} offsets {} {} window {} causal {} type {} mask {}",
                     name(isa), c.q_tokens, c.k_tokens, c.dim, c.v_dim, c.q_offset, c.k_offset,
                     c.window, c.causal, static_cast<int>(c.type), static_cast<int>(c.mask));
}

// Logits reach about 8 in magnitude at dim 256 and are dot products of up to 256 terms: errors of
// up to 5e-6 that the exponential turns into relative errors of the weights. Results are averages
// of values below 1.
constexpr double tolerance = 5e-6;

TEST(Attention, MatchesDouble) {
  for (const Isa isa : available_isas())
    for (const Case& c : cases()) {
      const Problem p(c);
      expect_near(run_whole(isa, p), p.exact(), tolerance, describe(isa, c));
    }
}

TEST(Attention, PartialsCombineToTheSameBits) {
  for (const Isa isa : available_isas())
    for (const Case& c : cases()) {
      const Problem p(c);
      std::vector<float> out = p.empty_out();
      run_partials(isa, p.args(out.data()));
      expect_same_bits(run_whole(isa, p), out, describe(isa, c));
    }
}

TEST(Attention, EachQueryAloneGivesTheSameBits) {
  for (const Isa isa : available_isas())
    for (const Case& c : cases()) {
      const Problem p(c);
      const std::vector<float> whole = run_whole(isa, p);
      std::vector<float> out = p.empty_out();
      for (int64_t t = 0; t < c.q_tokens; ++t) {
        AttentionArgs args = p.args(out.data());
        args.q += t * args.q_token_stride;
        args.out += t * args.out_token_stride;
        args.q_offset += t;
        args.q_tokens = 1;
        if (args.additive_mask != nullptr) args.additive_mask += t * args.mask_query_stride;
        if (args.boolean_mask != nullptr) args.boolean_mask += t * args.mask_query_stride;
        // What lies after a query's position is not there yet when it is decoded.
        if (c.causal)
          args.k_tokens = std::clamp<int64_t>(args.q_offset + 1 - args.k_offset, 0, args.k_tokens);
        if (t % 2 == 0) {
          run_partials(isa, args);
        } else {
          const Scratch scratch(attention_scratch_bytes(args));
          attention_kernels(isa).attention(args, 0, attention_items(args), scratch.get());
        }
      }
      expect_same_bits(whole, out, describe(isa, c));
    }
}

// Prefill on pairs of bfloat16: errors of 2^-9 in logits of up to about 8 and in weights.
TEST(Attention, LongPromptsStayCloseAndKeepTheirBits) {
  for (const Isa isa : available_isas()) {
    for (const KvStorage type : {KvStorage::bf16, KvStorage::int8, KvStorage::int4}) {
      for (const int64_t dim : {64, 128, 256}) {
        Case c;
        c.type = type;
        c.dim = c.v_dim = dim;
        c.q_tokens = 101;
        c.k_tokens = 431;
        c.k_offset = 77;
        c.q_offset = c.k_offset + c.k_tokens - c.q_tokens;
        c.window = dim == 128 ? 90 : 0;
        const Problem p(c);
        const std::vector<float> whole = run_whole(isa, p);
        expect_near(whole, p.exact(), isa == Isa::avx512bf16 ? 6e-3 : tolerance, describe(isa, c));
        std::vector<float> out = p.empty_out();
        run_partials(isa, p.args(out.data()));
        expect_same_bits(whole, out, describe(isa, c));
        // The first queries in a call with fewer others: their tiles are cut elsewhere.
        AttentionArgs first = p.args(out.data());
        first.q_tokens = 70;
        first.k_tokens -= 31;
        run_partials(isa, first);
        expect_same_bits(whole, out, describe(isa, c));
      }
    }
  }
}

// A cache may drop keys that the window hides: what remains starts at another position and address.
TEST(Attention, DroppingHiddenKeysKeepsTheBits) {
  for (const Isa isa : available_isas()) {
    Case c;
    c.q_tokens = 7;
    c.k_tokens = 900;
    c.q_offset = 893;
    c.window = 333;
    const Problem p(c);
    const std::vector<float> whole = run_whole(isa, p);
    std::vector<float> out = p.empty_out();
    AttentionArgs args = p.args(out.data());
    const int64_t dropped = 893 - 333 + 1;
    args.k = static_cast<const float*>(args.k) + dropped * args.k_token_stride;
    args.v = static_cast<const float*>(args.v) + dropped * args.v_token_stride;
    args.k_offset = dropped;
    args.k_tokens -= dropped;
    const Scratch scratch(attention_scratch_bytes(args));
    attention_kernels(isa).attention(args, 0, attention_items(args), scratch.get());
    expect_same_bits(whole, out, std::string(name(isa)));
  }
}

TEST(Attention, OutputMayReplaceTheQueries) {
  for (const Isa isa : available_isas()) {
    Case c;
    c.q_tokens = 40;
    const Problem p(c);
    const std::vector<float> whole = run_whole(isa, p);
    std::vector<float> in_place = p.q;
    AttentionArgs args = p.args(in_place.data());
    args.q = in_place.data();
    const Scratch scratch(attention_scratch_bytes(args));
    attention_kernels(isa).attention(args, 0, attention_items(args), scratch.get());
    expect_same_bits(whole, in_place, std::string(name(isa)));
  }
}

}  // namespace
}  // namespace tarn::cpu
