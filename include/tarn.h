/* Tarn's C API: load a model, chat with it, stream its answers.
 *
 * C11 and C++. The manual, with examples, is docs/c-api.md.
 *
 * Errors. A function that can fail returns a tarn_status; anything but TARN_OK is a failure, whose
 * outputs are untouched unless it says otherwise. tarn_last_error() then tells what, why and what
 * to do. No C++ exception leaves the library, neither for lack of memory nor for a bug in it
 * (TARN_INTERNAL).
 *
 * Ownership. What the caller passes stays the caller's and is not looked at after the call returns.
 * What the library hands out belongs to the library and says how long it lives, except for what
 * "is freed with tarn_free" and for handles, which have functions of their own.
 *
 * Text is UTF-8 and ends with a NUL, both ways. Text that is not valid UTF-8 is
 * TARN_INVALID_ARGUMENT. Text made by a model may hold NULs of its own: where that can be, its
 * length is given as well.
 *
 * Threads. All functions may be called from any threads at once, also with the same tarn_model. A
 * tarn_generation belongs to one thread at a time, but for tarn_cancel(). Callbacks are called on
 * the thread that called the library, may call all functions except tarn_generation_free() on their
 * own generation, and must not throw or longjmp. After fork(), the child must not use a model that
 * was loaded before.
 *
 * Structs grow: new fields come at the end. Each struct that the caller makes begins with its size,
 * set by its ..._default(). Zero is not a default for all fields: always begin with ..._default().
 */
#ifndef TARN_H
#define TARN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TARN_API __attribute__((visibility("default")))
#else
#define TARN_API
#endif

/* ---- Versions ------------------------------------------------------------------------------- */

/* Of this header. A library with the same or a higher number serves programs compiled with it. */
#define TARN_API_VERSION 1

/* Of the library that is linked: TARN_API_VERSION when it was built. */
TARN_API int tarn_api_version(void);
/* Of the library, "0.1.0". Lives for ever. */
TARN_API const char* tarn_version(void);

/* ---- Errors --------------------------------------------------------------------------------- */

typedef enum tarn_status {
  TARN_OK = 0,
  TARN_INVALID_ARGUMENT = 1, /* a null pointer, a value out of range, bad JSON, a bad grammar */
  TARN_NOT_FOUND = 2,        /* a file, a model; the model has no tokenizer or no chat template */
  TARN_CORRUPT = 3,          /* a file's content breaks its format */
  TARN_UNSUPPORTED = 4,      /* well-formed, but Tarn does not do it */
  TARN_OUT_OF_MEMORY = 5,    /* over a limit, or the system has no more */
  TARN_BUSY = 6,             /* as many generations wait as may: try again later */
  TARN_IO = 7,               /* the operating system refused a read or a write */
  TARN_INTERNAL = 8          /* a bug of Tarn's */
} tarn_status;

/* What the last call that failed on this thread says, "what: why, and what to do", of at most 2047
 * bytes; "" when none has failed. Lives until the next call fails on this thread: calls that
 * succeed leave it alone. */
TARN_API const char* tarn_last_error(void);
/* "ok", "invalid argument", ...; for numbers that are none of them "unknown". Lives for ever. */
TARN_API const char* tarn_status_name(tarn_status status);

/* Frees what a function says is freed with it. Null is allowed. */
TARN_API void tarn_free(void* memory);

/* What the library writes to stderr by itself: warnings about a model's files, and more or less. */
typedef enum tarn_log_level {
  TARN_LOG_DEBUG = 0,
  TARN_LOG_INFO = 1,
  TARN_LOG_WARN = 2, /* the default */
  TARN_LOG_OFF = 3
} tarn_log_level;
TARN_API tarn_status tarn_set_log_level(tarn_log_level level);

/* ---- Models --------------------------------------------------------------------------------- */

/* A loaded model and the engine that runs it, on a thread of its own. */
typedef struct tarn_model tarn_model;

typedef enum tarn_kv_type {                      /* how keys and values are kept */
                            TARN_KV_DEFAULT = 0, /* bf16 */
                            TARN_KV_F32 = 1,
                            TARN_KV_BF16 = 2,
                            TARN_KV_INT8 = 3,
                            TARN_KV_INT4 = 4
} tarn_kv_type;

typedef struct tarn_load_options {
  size_t size; /* of this struct, set by tarn_load_options_default() */
  /* Threads that compute, 1 to 1024; 0: one for each physical core. They belong to the process:
   * with another model loaded already, anything but 0 and their number is TARN_INVALID_ARGUMENT. */
  int32_t threads;
  tarn_kv_type kv_type;
  /* Bytes that arrays of the whole process may take, weights that have to be copied and caches
   * among them; 0: as it was, which is 95 % of the machine's or container's memory at first. */
  uint64_t memory_limit;
  /* Of it, bytes for this model's keys, values and remembered prompts; 0: half of what is left. */
  uint64_t cache_limit;
  /* Most tokens of a prompt and its answer; 0: what the model was made for. */
  int64_t context;
  int32_t max_sequences; /* generations that run at once, 1 to 256; 8 */
  int32_t max_queue;     /* at least so many may wait behind them before TARN_BUSY, to 100000; 64 */
  int32_t exact;         /* not 0: float activations in all products; slower, for verification */
} tarn_load_options;

TARN_API void tarn_load_options_init(tarn_load_options* options, size_t size);
static inline tarn_load_options tarn_load_options_default(void) {
  tarn_load_options options;
  tarn_load_options_init(&options, sizeof(options));
  return options;
}

/* Loads a model: a folder in Hugging Face's layout, a .gguf file, or the name of an embedded model
 * ("pebble"). options: may be null. *model is freed with tarn_model_free(). */
TARN_API tarn_status tarn_model_load(const char* path, const tarn_load_options* options,
                                     tarn_model** model);
/* Lets go of the model. Generations that exist keep it loaded until they are freed. Null is
 * allowed. */
TARN_API void tarn_model_free(tarn_model* model);

typedef struct tarn_model_info {
  size_t size;      /* of this struct, set by tarn_model_info_default() */
  const char* name; /* the folder's or file's; this and the next two live as long as the model */
  const char* architecture; /* "qwen3_5", as config.json has it */
  const char* format;       /* of the weights: "BF16", "affine 4-bit g64", "mixed: ..." */
  int64_t parameters;       /* values, as before quantization */
  uint64_t weight_bytes;    /* in memory */
  int64_t context;          /* most tokens of prompt and answer; 0: no limit is known */
  int64_t vocab_size;       /* token ids are 0 to vocab_size - 1 */
  int64_t embedding_size;   /* numbers that tarn_embed() gives */
  int32_t has_tokenizer;    /* 1 or 0: without it there are tokens only, no texts */
  int32_t has_chat_template;
} tarn_model_info;

TARN_API void tarn_model_info_init(tarn_model_info* info, size_t size);
static inline tarn_model_info tarn_model_info_default(void) {
  tarn_model_info info;
  tarn_model_info_init(&info, sizeof(info));
  return info;
}

TARN_API tarn_status tarn_model_get_info(const tarn_model* model, tarn_model_info* info);

/* ---- Text and tokens ------------------------------------------------------------------------ */

/* add_special_tokens: not 0 to add what the tokenizer puts around a text. Special tokens written in
 * the text are recognised either way. *tokens is freed with tarn_free. */
TARN_API tarn_status tarn_tokenize(const tarn_model* model, const char* text,
                                   int32_t add_special_tokens, int32_t** tokens, size_t* count);
/* skip_special_tokens: not 0 to leave them out. Bytes that make no character become U+FFFD. *text
 * is freed with tarn_free; length: its bytes without the NUL, may be null. tokens may be null if
 * count is 0. */
TARN_API tarn_status tarn_detokenize(const tarn_model* model, const int32_t* tokens, size_t count,
                                     int32_t skip_special_tokens, char** text, size_t* length);

/* The prompt that the model's chat template makes of a conversation.
 *
 * messages: JSON as in OpenAI's chat completions, [{"role": "user", "content": "Hi"}, ...]; calls
 *   (tool_calls), results (role "tool") and reasoning (reasoning_content) among them. A last
 * message of the assistant is to be continued. tools: JSON, OpenAI's list of functions; null: none.
 * template_kwargs: a JSON object of further variables for the template, {"enable_thinking": false};
 *   null: none.
 * *prompt is freed with tarn_free. */
TARN_API tarn_status tarn_apply_chat_template(const tarn_model* model, const char* messages,
                                              const char* tools, const char* template_kwargs,
                                              char** prompt);

/* ---- Generation ----------------------------------------------------------------------------- */

typedef enum tarn_constraint {
  TARN_CONSTRAINT_NONE = 0,
  TARN_CONSTRAINT_JSON_SCHEMA = 1, /* JSON that is valid against the schema `constraint_text` */
  TARN_CONSTRAINT_JSON = 2,        /* any JSON object; no text */
  TARN_CONSTRAINT_GBNF = 3,        /* llama.cpp's grammars */
  TARN_CONSTRAINT_REGEX = 4,       /* the whole answer matches an ECMA 262 regular expression */
  TARN_CONSTRAINT_TOOL_CALL = 5    /* one or more calls of `tools`; no text */
} tarn_constraint;

typedef struct tarn_generate_options {
  size_t size; /* of this struct, set by tarn_generate_options_default() */

  /* What to continue: exactly one of messages, prompt and tokens.
   * messages, tools, template_kwargs: as tarn_apply_chat_template() takes them. The answer is then
   * read for reasoning and, with tools, for calls. */
  const char* messages;
  const char* tools;
  const char* template_kwargs;
  const char* prompt;    /* text, continued as it stands; all of the answer is content */
  const int32_t* tokens; /* the same, as num_tokens tokens */
  size_t num_tokens;

  /* Most tokens of the answer; -1: until the context is full. Memory for as many is set aside
   * before it begins, so a limit lets more run at once. */
  int64_t max_tokens;
  double timeout; /* seconds, queueing among them; 0: none */
  const char* const*
      stop; /* num_stop texts, at most 16, that end the answer and are no part of it */
  size_t num_stop;
  int32_t ignore_end; /* not 0: go on behind the model's end tokens */

  /* Sampling. Negative temperature, top_p, top_k, min_p and repetition_penalty: what the model's
   * makers suggest, which is their value when nothing is set. */
  double temperature;        /* 0: always the likeliest token; else 0.001 to 100 */
  double top_p;              /* 0 to 1 */
  double min_p;              /* 0 to 1 */
  int64_t top_k;             /* 0: all */
  double repetition_penalty; /* above 0 to 100; 1: none */
  double frequency_penalty;  /* -100 to 100; 0: none */
  double presence_penalty;   /* -100 to 100; 0: none */
  int64_t seed;              /* the same seed, the same answer; -1: another one each time */

  tarn_constraint constraint; /* what the answer, behind all reasoning, has to be */
  const char* constraint_text;
} tarn_generate_options;

TARN_API void tarn_generate_options_init(tarn_generate_options* options, size_t size);
static inline tarn_generate_options tarn_generate_options_default(void) {
  tarn_generate_options options;
  tarn_generate_options_init(&options, sizeof(options));
  return options;
}

typedef enum tarn_event_kind {
  TARN_EVENT_REASONING = 0, /* text: what the model thinks, next piece */
  TARN_EVENT_CONTENT = 1,   /* text: the answer, next piece */
  TARN_EVENT_TOOL_CALL = 2  /* a whole call; text: its arguments, a JSON object */
} tarn_event_kind;

/* Made by the library; everything in it lives until the callback returns. */
typedef struct tarn_event {
  size_t size; /* of this struct, as the library knows it */
  tarn_event_kind kind;
  const char* text; /* whole characters, `length` bytes and a NUL */
  size_t length;
  /* Of calls; otherwise null and 0. */
  const char* call_id;
  const char* call_name;
  size_t call_index; /* 0, 1, ... */
} tarn_event;

/* Returns 0 to go on; anything else cancels the generation. `user` is what tarn_generate() was
 * given. A slow callback slows down its own generation only. */
typedef int (*tarn_event_callback)(const tarn_event* event, void* user);

typedef enum tarn_finish_reason {
  TARN_FINISH_STOP = 0,   /* an end token, a stop text, or nothing can follow by the constraint */
  TARN_FINISH_LENGTH = 1, /* max_tokens, or the context is full */
  TARN_FINISH_CANCELLED = 2, /* by the callback or by tarn_cancel() */
  TARN_FINISH_TIMEOUT = 3
} tarn_finish_reason;

typedef struct tarn_result {
  size_t size; /* of this struct, set by tarn_result_default() */
  tarn_finish_reason finish_reason;
  int64_t prompt_tokens;
  int64_t cached_tokens;    /* of them, those remembered from earlier and not computed again */
  int64_t generated_tokens; /* an end token among them */
  int64_t tool_calls;
  double prefill_seconds;     /* of the prompt */
  double first_token_seconds; /* from the call to the first token */
  double decode_seconds;      /* of all tokens after the first */
} tarn_result;

TARN_API void tarn_result_init(tarn_result* result, size_t size);
static inline tarn_result tarn_result_default(void) {
  tarn_result result;
  tarn_result_init(&result, sizeof(result));
  return result;
}

/* One answer: made, run once, read, freed. */
typedef struct tarn_generation tarn_generation;

/* *generation is freed with tarn_generation_free(). */
TARN_API tarn_status tarn_generation_create(tarn_model* model, tarn_generation** generation);
/* Not while it runs. Null is allowed. */
TARN_API void tarn_generation_free(tarn_generation* generation);

/* Runs the generation and returns when it is over; once for each generation. An answer that was
 * cancelled, or ran out of time, is TARN_OK and has the finish reason. Several generations of a
 * model, each on its own thread, run side by side and cost little more time than one.
 * callback, user, result: may be null. */
TARN_API tarn_status tarn_generate(tarn_generation* generation,
                                   const tarn_generate_options* options,
                                   tarn_event_callback callback, void* user, tarn_result* result);

/* Ends the generation within one token, from any thread, also before it has begun: it then ends at
 * once. No effect when it is over. Null is allowed. */
TARN_API void tarn_cancel(tarn_generation* generation);

typedef enum tarn_text_kind {
  TARN_TEXT_CONTENT = 0,
  TARN_TEXT_REASONING = 1,
  /* The answer as a JSON message, {"role": "assistant", "content": ..., "reasoning_content": ...,
   * "tool_calls": [...]}, to be appended to the conversation's messages. */
  TARN_TEXT_MESSAGE = 2
} tarn_text_kind;

/* The whole answer after tarn_generate(), also a part of one, if it was cancelled or failed;
 * before, TARN_INVALID_ARGUMENT. *text and *tokens live as long as the generation; length may be
 * null. */
TARN_API tarn_status tarn_generation_text(const tarn_generation* generation, tarn_text_kind kind,
                                          const char** text, size_t* length);
TARN_API tarn_status tarn_generation_tokens(const tarn_generation* generation,
                                            const int32_t** tokens, size_t* count);

/* ---- Embeddings ----------------------------------------------------------------------------- */

typedef enum tarn_pooling { TARN_POOLING_MEAN = 0, TARN_POOLING_LAST = 1 } tarn_pooling;

/* The mean of the text's final hidden states or the last of them, scaled to length 1. *values is
 * freed with tarn_free; *count is the model's embedding_size. */
TARN_API tarn_status tarn_embed(tarn_model* model, const char* text, tarn_pooling pooling,
                                float** values, size_t* count);

/* ---- What is remembered of prompts ---------------------------------------------------------- */

/* A model remembers prompts and answers, as far as cache_limit goes: one that begins like an
 * earlier one, as each turn of a conversation does, is computed only from where it differs. */

/* Forgets everything. */
TARN_API tarn_status tarn_cache_clear(tarn_model* model);
/* Writes what is remembered of a finished generation's prompt and answer to a file, which appears
 * whole or not at all. TARN_NOT_FOUND if nothing is: the generation was short (under 32 tokens),
 * was cancelled, or others needed the room. */
TARN_API tarn_status tarn_cache_save(const tarn_generation* generation, const char* path);
/* Reads such a file. TARN_INVALID_ARGUMENT for one of another model, TARN_CORRUPT for one that does
 * not fit the model's caches. tokens: how many it holds, may be null. */
TARN_API tarn_status tarn_cache_load(tarn_model* model, const char* path, size_t* tokens);

#ifdef __cplusplus
}
#endif

#endif
