/* The header is C11 by itself, and its initializers are usable from several sources. */
#include <tarn.h>
/* Once more: it is guarded. */
#include <tarn.h>

_Static_assert(TARN_OK == 0, "success is zero");
_Static_assert(sizeof(tarn_status) == sizeof(int), "enumerations are ints");
_Static_assert(offsetof(tarn_load_options, size) == 0, "the size comes first");
_Static_assert(offsetof(tarn_generate_options, size) == 0, "the size comes first");
_Static_assert(offsetof(tarn_model_info, size) == 0, "the size comes first");
_Static_assert(offsetof(tarn_result, size) == 0, "the size comes first");
_Static_assert(offsetof(tarn_event, size) == 0, "the size comes first");

size_t tarn_header_test_sizes(void);
size_t tarn_header_test_sizes(void) {
  return tarn_load_options_default().size + tarn_generate_options_default().size +
         tarn_model_info_default().size + tarn_result_default().size;
}
