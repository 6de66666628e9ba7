#include "tarn/cli/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace tarn::cli {
namespace {

std::atomic<bool> interrupted_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");
struct sigaction before;

void on_interrupt(int) {
  if (interrupted_flag.exchange(true)) _exit(1);
}

}  // namespace

InterruptScope::InterruptScope(bool restart) {
  interrupted_flag = false;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = restart ? SA_RESTART : 0;
  sigaction(SIGINT, &action, &before);
}

InterruptScope::~InterruptScope() { sigaction(SIGINT, &before, nullptr); }

const std::atomic<bool>& InterruptScope::flag() const { return interrupted_flag; }

}  // namespace tarn::cli
