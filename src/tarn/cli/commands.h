// The subcommands of `tarn`: each file of this folder adds one to the application.
#pragma once

namespace CLI {
class App;
}

namespace tarn::cli {

void add_bench(CLI::App& app);
void add_chat(CLI::App& app);
void add_eval(CLI::App& app);
void add_generate(CLI::App& app);
void add_logits(CLI::App& app);
void add_run(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_detokenize(CLI::App& app);
void add_template(CLI::App& app);
void add_info(CLI::App& app);
void add_quantize(CLI::App& app);
void add_convert(CLI::App& app);
void add_pack(CLI::App& app);
void add_plan(CLI::App& app);
void add_serve(CLI::App& app);

}  // namespace tarn::cli
