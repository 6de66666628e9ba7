// tarn eval kl.
#pragma once

namespace CLI {
class App;
}

namespace tarn::cli {

void add_eval_kl(CLI::App& eval);

}  // namespace tarn::cli
