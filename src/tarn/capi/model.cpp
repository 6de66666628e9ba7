// Loading and describing models.
#include <algorithm>
#include <new>

#include "tarn/base/log.h"
#include "tarn/capi/border.h"
#include "tarn/capi/handles.h"
#include "tarn/lm/model_path.h"
#include "tarn/memory/pool.h"

namespace tarn::capi {
namespace {

constexpr int32_t most_sequences = 256;
constexpr int32_t longest_queue = 100000;

constexpr tarn_load_options load_defaults{.size = sizeof(tarn_load_options),
                                          .threads = 0,
                                          .kv_type = TARN_KV_DEFAULT,
                                          .memory_limit = 0,
                                          .cache_limit = 0,
                                          .context = 0,
                                          .max_sequences = 8,
                                          .max_queue = 64,
                                          .exact = 0};

void check_range(int64_t value, int64_t least, int64_t most, std::string_view name) {
  if (value >= least && value <= most) return;
  fail(ErrorCode::invalid_argument, "{}: {} is not from {} to {}", name, value, least, most);
}

void check(const tarn_load_options& options) {
  check_range(options.context, 0, INT32_MAX, "context");
  check_range(options.max_sequences, 1, most_sequences, "max_sequences");
  check_range(options.max_queue, 0, longest_queue, "max_queue");
}

LoadOptions load_options(const tarn_load_options& options) {
  LoadOptions load;
  load.exact = options.exact != 0;
  switch (number(options.kv_type)) {
    case TARN_KV_DEFAULT:
      break;
    case TARN_KV_F32:
      load.kv_type = KvType::f32;
      break;
    case TARN_KV_BF16:
      load.kv_type = KvType::bf16;
      break;
    case TARN_KV_INT8:
      load.kv_type = KvType::int8;
      break;
    case TARN_KV_INT4:
      load.kv_type = KvType::int4;
      break;
    default:
      fail(ErrorCode::invalid_argument, "kv_type: {} is none of tarn_kv_type's values",
           number(options.kv_type));
  }
  if (options.memory_limit > 0) memory::set_limit(options.memory_limit);
  return load;
}

EngineOptions engine_options(const tarn_load_options& options) {
  EngineOptions engine;
  engine.max_sequences = options.max_sequences;
  // What may run at once may also arrive at once: a request waits, if only for a moment.
  engine.max_queue = int64_t{options.max_queue} + options.max_sequences;
  engine.cache_bytes = options.cache_limit > 0 ? options.cache_limit : default_cache_bytes();
  engine.context_limit = options.context;
  return engine;
}

std::string short_name(const std::filesystem::path& path) {
  std::string name = model_name(path);
  if (name.ends_with(".gguf")) name.resize(name.size() - 5);
  return name;
}

}  // namespace

LoadedState::LoadedState(const std::filesystem::path& path, const tarn_load_options& options)
    : threads(options.threads),
      loaded(path, load_options(options)),
      name(short_name(path)),
      context(context_limit(loaded.model(), options.context)),
      engine(loaded, engine_options(options)) {
  if (loaded.has_tokenizer()) chat.emplace(loaded);
}

ChatModel& LoadedState::chat_model() {
  loaded.tokenizer();
  return *chat;
}

void LoadedState::check_context(size_t tokens) const {
  if (context == 0 || static_cast<int64_t>(tokens) < context) return;
  fail(ErrorCode::invalid_argument,
       "context: the text has {} tokens and the context {}; shorten it, or load the model with a "
       "larger context",
       tokens, context);
}

}  // namespace tarn::capi

using namespace tarn::capi;

int tarn_api_version(void) { return TARN_API_VERSION; }
const char* tarn_version(void) { return TARN_VERSION; }

tarn_status tarn_set_log_level(tarn_log_level level) {
  return guard([&] {
    using tarn::logging::Level;
    static constexpr Level levels[]{Level::debug, Level::info, Level::warn, Level::off};
    const int index = number(level);
    check_range(index, TARN_LOG_DEBUG, TARN_LOG_OFF, "level");
    tarn::logging::set_level(levels[index]);
  });
}

void tarn_load_options_init(tarn_load_options* options, size_t size) {
  init(options, size, load_defaults);
}

tarn_status tarn_model_load(const char* path, const tarn_load_options* options,
                            tarn_model** model) {
  return guard([&] {
    require(path, "path");
    require(model, "model");
    const tarn_load_options all =
        over_defaults(options, load_defaults, sizeof(tarn_load_options), "tarn_load_options");
    check(all);
    auto made = std::make_unique<tarn_model>();
    made->state = std::make_shared<LoadedState>(tarn::model_path(path), all);
    *model = made.release();
  });
}

void tarn_model_free(tarn_model* model) { delete model; }

void tarn_model_info_init(tarn_model_info* info, size_t size) {
  init(info, size, tarn_model_info{});
}

tarn_status tarn_model_get_info(const tarn_model* model, tarn_model_info* info) {
  return guard([&] {
    require(model, "model");
    require(info, "info");
    const LoadedState& state = *model->state;
    const tarn::Model& inner = state.loaded.model();
    const tarn_model_info all{.size = sizeof(tarn_model_info),
                              .name = state.name.c_str(),
                              .architecture = inner.config().model_type.c_str(),
                              .format = inner.size().format.c_str(),
                              .parameters = inner.size().parameters,
                              .weight_bytes = static_cast<uint64_t>(inner.size().weight_bytes),
                              .context = state.context,
                              .vocab_size = inner.config().vocab_size,
                              .embedding_size = inner.config().hidden_size,
                              .has_tokenizer = state.loaded.has_tokenizer() ? 1 : 0,
                              .has_chat_template = state.loaded.has_chat_template() ? 1 : 0};
    fill(info, all, sizeof(tarn_model_info), "tarn_model_info");
  });
}
