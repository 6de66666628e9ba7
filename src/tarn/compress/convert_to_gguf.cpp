#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/compress/convert.h"
#include "tarn/compress/tensor_values.h"
#include "tarn/io/gguf.h"
#include "tarn/io/gguf_writer.h"
#include "tarn/io/quote.h"
#include "tarn/models/gguf/metadata.h"
#include "tarn/models/gguf/names.h"
#include "tarn/models/gguf/rotary_order.h"
#include "tarn/models/gguf/value_heads.h"
#include "tarn/models/model_files.h"
#include "tarn/quant/ggml_blocks.h"
#include "tarn/quant/ggml_encode.h"
#include "tarn/text/gguf/tokenizer.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using quant::GgmlType;

constexpr int64_t piece_values = int64_t{1} << 22;
constexpr uint64_t largest_text = uint64_t{64} << 20;
constexpr std::string_view norm_ending = "norm.weight";

// Numbers that llama.cpp gives to files (llama_ftype).
uint32_t file_type_of(GgmlType type) {
  switch (type) {
    case GgmlType::f32:
      return 0;
    case GgmlType::f16:
      return 1;
    case GgmlType::q4_0:
      return 2;
    case GgmlType::q4_1:
      return 3;
    case GgmlType::q8_0:
      return 7;
    case GgmlType::q5_0:
      return 8;
    case GgmlType::q5_1:
      return 9;
    case GgmlType::q2_k:
      return 10;
    case GgmlType::q3_k:
      return 12;
    case GgmlType::q4_k:
      return 15;
    case GgmlType::q5_k:
      return 17;
    case GgmlType::q6_k:
      return 18;
    case GgmlType::iq4_nl:
      return 25;
    case GgmlType::iq4_xs:
      return 30;
    case GgmlType::bf16:
      return 32;
    case GgmlType::tq1_0:
      return 36;
    case GgmlType::tq2_0:
      return 37;
    default:
      return 1024;  // guessed by readers
  }
}

// "model.language_model.layers.0.x" and the like -> "model.layers.0.x".
std::string canonical(std::string_view name) {
  for (const std::string_view prefix :
       {"model.language_model.", "language_model.model.", "language_model."}) {
    if (!name.starts_with(prefix)) continue;
    const std::string rest(name.substr(prefix.size()));
    return rest.starts_with("lm_head.") ? rest : "model." + rest;
  }
  return std::string(name);
}

struct Planned {
  const TensorInfo* info;
  std::string name;  // Hugging Face's, canonical
  std::unique_ptr<TensorValues> values;
  GgufTensorSpec spec;
  std::vector<uint32_t> rows;     // order, may be empty
  std::vector<uint32_t> columns;  // order, may be empty
  float added = 0;
  bool negative_exponential = false;
};

class Converter {
 public:
  Converter(const fs::path& in, GgmlType type)
      : in_(in),
        type_(type),
        config_(load_model_config(in)),
        checkpoint_(open_checkpoint(in)),
        tiled_(config_.linear_attention && config_.linear_attention->tiled_value_heads) {
    for (const TensorInfo* info : checkpoint_.tensors()) report_.bytes_before += info->bytes.size();
    plan();
  }

  ConvertReport run(const fs::path& out, const ConvertProgress& progress) {
    GgufMetadata metadata;
    gguf::add_model(config_, in_.stem().string(), file_type_of(type_), metadata);
    add_tokenizer(metadata);
    std::vector<GgufTensorSpec> specs;
    const std::vector<float> factors = gguf::rope_factors(config_);
    if (!factors.empty()) {
      specs.push_back({"rope_freqs.weight", GgmlType::f32, {static_cast<int64_t>(factors.size())}});
    }
    for (const Planned& planned : plan_) specs.push_back(planned.spec);
    GgufWriter writer(out, metadata, specs);
    if (!factors.empty()) writer.write(std::as_bytes(std::span(factors)));
    uint64_t done = 0;
    for (const Planned& planned : plan_) {
      write(planned, writer);
      done += planned.info->bytes.size();
      if (progress) progress(done, report_.bytes_before);
    }
    writer.finish();
    report_.bytes_after = fs::file_size(out);
    return report_;
  }

 private:
  void plan() {
    std::vector<std::string> left_out;
    bool mlx_norms = false;
    for (const TensorInfo* info : checkpoint_.tensors()) {
      mlx_norms = mlx_norms || (info->name.ends_with("conv1d.weight") && info->shape.size() == 3 &&
                                info->shape[2] == 1 && info->shape[1] > 1);
    }
    for (const TensorInfo* info : checkpoint_.tensors()) {
      if (is_side_part(checkpoint_, config_, *info)) continue;
      const std::string name = canonical(info->name);
      const bool tied_head = name.starts_with("lm_head.") && config_.tie_word_embeddings;
      const auto gguf_name = gguf::gguf_name(config_.family, name);
      if (!gguf_name || tied_head) {
        left_out.push_back(info->name);
        continue;
      }
      plan_.push_back(plan_tensor(*info, name, *gguf_name, mlx_norms));
    }
    if (plan_.empty()) {
      fail(ErrorCode::unsupported, "{}: it has no tensor that a GGUF file of {} knows",
           in_.string(), gguf::architecture_of(config_.family));
    }
    if (!left_out.empty()) {
      const std::string first = left_out.front();
      report_.notes.push_back(
          fmt::format("{} tensors have no place in such a file and are left "
                      "out, the first is {}",
                      left_out.size(), quote(first)));
    }
  }

  Planned plan_tensor(const TensorInfo& info, const std::string& name, const std::string& gguf_name,
                      bool mlx_norms) {
    Planned planned{&info, name, std::make_unique<TensorValues>(checkpoint_, config_, info),
                    {},    {},   {},
                    0,     false};
    std::vector<int64_t> shape = planned.values->shape();
    if (name.ends_with("conv1d.weight") && shape.size() == 3) {
      shape = {shape[0], shape[1] * shape[2]};
    }
    const bool vector = shape.size() < 2 || name.ends_with("conv1d.weight");
    planned.spec = {gguf_name, vector ? GgmlType::f32 : type_for(*planned.values, name), shape};
    const bool qwen3_5 = config_.family == ModelFamily::qwen3_5;
    if (qwen3_5 && !mlx_norms && name.ends_with(norm_ending) &&
        !name.ends_with("linear_attn.norm.weight")) {
      planned.added = 1;  // a weight w scales by 1 + w
    }
    planned.negative_exponential = name.ends_with(".A_log");
    if (gguf::architecture_of(config_.family) == "llama") {
      const bool query = name.find(".self_attn.q_proj.") != name.npos;
      const bool key = name.find(".self_attn.k_proj.") != name.npos;
      if (query || key) {
        planned.rows = *gguf::neighbours_from_halves(
            shape[0], query ? config_.num_attention_heads : config_.num_key_value_heads);
      }
    }
    if (config_.linear_attention && !tiled_) {
      const LinearAttentionConfig& dims = *config_.linear_attention;
      planned.rows = gguf::value_head_rows(dims, name, shape[0], false);
      if (shape.size() == 2) {
        planned.columns = gguf::value_head_columns(dims, name, shape[1], false);
      }
    }
    ++report_.tensors[std::string(info_name(planned.spec.type))];
    return planned;
  }

  static std::string_view info_name(GgmlType type) { return quant::info(type).name; }

  GgmlType type_for(const TensorValues& values, const std::string& name) {
    const auto columns = static_cast<size_t>(values.row_values());
    if (columns % quant::info(type_).block_values == 0) return type_;
    const GgmlType instead = columns % 32 == 0 ? GgmlType::q8_0 : GgmlType::f16;
    report_.notes.push_back(
        fmt::format("{} is stored as {}: its {} inputs do not fill blocks of {}", quote(name),
                    info_name(instead), columns, quant::info(type_).block_values));
    return instead;
  }

  void write(const Planned& planned, GgufWriter& writer) {
    const TensorValues& values = *planned.values;
    const int64_t rows = values.rows();
    const int64_t each = values.row_values();
    // Whole, when rows change places.
    const int64_t fit = std::max<int64_t>(1, piece_values / std::max<int64_t>(1, each) / 16) * 16;
    const int64_t step = planned.rows.empty() ? fit : rows;
    for (int64_t first = 0; first < rows; first += step) {
      const int64_t last = std::min(first + step, rows);
      std::vector<float> piece = values.read(first, last);
      if (!planned.rows.empty()) piece = reordered(piece, planned.rows, each);
      if (!planned.columns.empty()) reorder_columns(piece, planned.columns);
      for (float& x : piece) {
        if (planned.added != 0) x += planned.added;
        if (planned.negative_exponential) x = -std::exp(x);
      }
      writer.write(encoded(planned, piece, last - first));
    }
    planned.info->owner->release(planned.info->bytes);
  }

  static std::vector<float> reordered(const std::vector<float>& values,
                                      const std::vector<uint32_t>& order, int64_t each) {
    std::vector<float> result(values.size());
    for (size_t i = 0; i < order.size(); ++i) {
      std::copy_n(values.begin() + static_cast<int64_t>(order[i]) * each, each,
                  result.begin() + static_cast<int64_t>(i) * each);
    }
    return result;
  }

  static void reorder_columns(std::vector<float>& values, const std::vector<uint32_t>& order) {
    std::vector<float> row(order.size());
    for (size_t at = 0; at < values.size(); at += order.size()) {
      for (size_t i = 0; i < order.size(); ++i) row[i] = values[at + order[i]];
      std::copy(row.begin(), row.end(), values.begin() + static_cast<long>(at));
    }
  }

  std::vector<std::byte> encoded(const Planned& planned, const std::vector<float>& values,
                                 int64_t rows) const {
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
      fail(ErrorCode::corrupt,
           "tensor {}: holds NaN or infinite weights: the checkpoint is broken, download it again",
           quote(planned.name));
    }
    const quant::GgmlTypeInfo& type = quant::info(planned.spec.type);
    const size_t count = values.size();
    std::vector<std::byte> bytes(count / type.block_values * type.block_bytes);
    if (quant::is_weight_type(type.type)) {
      const auto columns = static_cast<int64_t>(count) / rows;
      const array w(std::vector<float>(values), {rows, columns});
      const CodedMatrix coded =
          encode(w, quant::make_codec(quant::ggml_format(type.type), quant::ScaleType::f32));
      eval(coded.parts);
      std::memcpy(bytes.data(), coded.parts[0].data<uint8_t>(), bytes.size());
    } else {
      quant::ggml_encode_row(type.type, count, values.data(), nullptr, bytes.data());
    }
    return bytes;
  }

  void add_tokenizer(GgufMetadata& metadata) {
    const auto text_of = [&](const char* name) {
      std::error_code none;
      return fs::exists(in_ / name, none) ? read_file(in_ / name, largest_text) : std::string();
    };
    std::string tokenizer, config, chat_template;
    if (fs::is_directory(in_)) {
      tokenizer = text_of("tokenizer.json");
      config = text_of("tokenizer_config.json");
      chat_template = text_of("chat_template.jinja");
    } else {
      const GgufFile file = GgufFile::open(in_);
      tokenizer = text::gguf::tokenizer_json(file).value_or("");
      chat_template = text::gguf::chat_template(file).value_or("");
    }
    if (tokenizer.empty()) {
      metadata.add_string("tokenizer.ggml.model", "none");
      report_.notes.emplace_back("the model has no tokenizer.json: the file has no tokenizer");
      return;
    }
    const std::string note =
        text::gguf::add_tokenizer(tokenizer, config, config_.vocab_size, metadata);
    if (!note.empty()) report_.notes.push_back("tokenizer: " + note);
    const bool has_end =
        std::any_of(metadata.entries().begin(), metadata.entries().end(),
                    [](const auto& entry) { return entry.first == "tokenizer.ggml.eos_token_id"; });
    if (!has_end && !config_.eos_token_ids.empty()) {
      metadata.add_u32("tokenizer.ggml.eos_token_id",
                       static_cast<uint32_t>(config_.eos_token_ids.front()));
    }
    if (chat_template.empty()) chat_template = text::gguf::template_of_config(config);
    if (!chat_template.empty()) metadata.add_string("tokenizer.chat_template", chat_template);
  }

  fs::path in_;
  GgmlType type_;
  ModelConfig config_;
  Checkpoint checkpoint_;
  bool tiled_;
  std::vector<Planned> plan_;
  ConvertReport report_;
};

}  // namespace

ConvertReport convert_to_gguf(const fs::path& in, const fs::path& out, GgmlType type,
                              const ConvertProgress& progress) {
  std::error_code none;
  if (fs::exists(out, none)) {
    fail(ErrorCode::invalid_argument, "{}: it exists already; name another file", out.string());
  }
  if (!quant::can_encode(type)) {
    fail(ErrorCode::unsupported, "type {}: Tarn reads it but does not make it",
         quant::info(type).name);
  }
  return Converter(in, type).run(out, progress);
}

}  // namespace tarn::compress
