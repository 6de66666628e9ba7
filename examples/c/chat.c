/* A chat with a model through Tarn's C API.
 *
 *   cc chat.c $(pkg-config --cflags --libs tarn) -o chat
 *   ./chat pebble "57 + 557 = ?"
 *   ./chat pebble --schema '{"type": "object", ...}' "..."     an answer that is JSON of this schema
 *   ./chat pebble                                              questions from the terminal
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn.h>

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, tarn_last_error());
  return 1;
}

/* Called with each piece of the answer. */
static int print_event(const tarn_event *event, void *user) {
  (void)user;
  if (event->kind == TARN_EVENT_TOOL_CALL) {
    printf("[%s %s]\n", event->call_name, event->text);
  } else if (event->kind == TARN_EVENT_CONTENT) {
    fwrite(event->text, 1, event->length, stdout);
  }
  fflush(stdout);
  return 0; /* go on */
}

/* A JSON array of messages that grows: "[a" + ", b" + "]". */
typedef struct conversation {
  char *text;
  size_t length;
} conversation;

static int append(conversation *all, const char *text) {
  const size_t added = strlen(text);
  char *grown = realloc(all->text, all->length + added + 1);
  if (grown == NULL) return 0;
  memcpy(grown + all->length, text, added + 1);
  all->text = grown;
  all->length += added;
  return 1;
}

/* {"role": "user", "content": TEXT}, with TEXT as a JSON string. */
static int append_question(conversation *all, const char *text) {
  int done = append(all, all->length == 0 ? "[" : ", ") &&
             append(all, "{\"role\": \"user\", \"content\": \"");
  for (; done && *text != '\0'; ++text) {
    const unsigned char c = (unsigned char)*text;
    char escaped[8];
    if (c < 0x20 || c == '"' || c == '\\') {
      snprintf(escaped, sizeof escaped, "\\u%04x", c);
    } else {
      snprintf(escaped, sizeof escaped, "%c", c);
    }
    done = append(all, escaped);
  }
  return done && append(all, "\"}");
}

/* Asks, prints the answer as it comes, and appends it to the conversation. */
static int ask(tarn_model *model, conversation *all, const char *question, const char *schema) {
  tarn_generation *generation = NULL;
  tarn_result result = tarn_result_default();
  const char *message = NULL;
  int failed = 1;

  if (!append_question(all, question)) return fail("chat: out of memory");
  const size_t length = all->length;
  if (!append(all, "]")) return fail("chat: out of memory");

  tarn_generate_options options = tarn_generate_options_default();
  options.messages = all->text;
  options.template_kwargs = "{\"enable_thinking\": false}";
  options.max_tokens = 200;
  options.temperature = 0;
  if (schema != NULL) {
    options.constraint = TARN_CONSTRAINT_JSON_SCHEMA;
    options.constraint_text = schema;
  }
  if (tarn_generation_create(model, &generation) != TARN_OK ||
      tarn_generate(generation, &options, print_event, NULL, &result) != TARN_OK ||
      tarn_generation_text(generation, TARN_TEXT_MESSAGE, &message, NULL) != TARN_OK) {
    fail("chat");
  } else {
    printf("\n");
    fflush(stdout);
    fprintf(stderr, "(%lld tokens, %.0f ms to the first)\n", (long long)result.generated_tokens,
            result.first_token_seconds * 1e3);
    all->length = length; /* without the bracket */
    failed = !(append(all, ", ") && append(all, message));
  }
  tarn_generation_free(generation);
  return failed;
}

static int talk(tarn_model *model, conversation *all, const char *schema) {
  char line[4096];
  for (;;) {
    fprintf(stderr, "> ");
    if (fgets(line, sizeof line, stdin) == NULL) return 0;
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0') continue;
    if (ask(model, all, line, schema)) return 1;
  }
}

int main(int argc, char **argv) {
  const char *schema = NULL;
  const char *question = NULL;
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "--schema") == 0 && i + 1 < argc) {
      schema = argv[++i];
    } else {
      question = argv[i];
    }
  }
  if (argc < 2) {
    fprintf(stderr, "usage: %s MODEL [--schema JSON_SCHEMA] [QUESTION]\n", argv[0]);
    return 2;
  }

  tarn_model *model = NULL;
  tarn_load_options load = tarn_load_options_default();
  if (tarn_model_load(argv[1], &load, &model) != TARN_OK) return fail("load");
  tarn_model_info info = tarn_model_info_default();
  if (tarn_model_get_info(model, &info) == TARN_OK) {
    fprintf(stderr, "%s, %.1f million parameters, %s\n", info.name, (double)info.parameters / 1e6,
            info.format);
  }

  conversation all = {NULL, 0};
  const int failed =
      question != NULL ? ask(model, &all, question, schema) : talk(model, &all, schema);
  free(all.text);
  tarn_model_free(model);
  return failed;
}
