/* tarn.h is found where pkg-config says that the library is installed. */
#include <tarn.h>
