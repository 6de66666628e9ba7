// The subcommands of `tarn`: each file of this folder adds one to the application.
#pragma once

namespace CLI {
class App;
}

namespace tarn::cli {

void add_tokenize(CLI::App& app);
void add_detokenize(CLI::App& app);
void add_template(CLI::App& app);
void add_info(CLI::App& app);
void add_quantize(CLI::App& app);

}  // namespace tarn::cli
