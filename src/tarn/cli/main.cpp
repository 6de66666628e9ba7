// `tarn`: exit codes are 0 done, 1 the work failed, 2 wrong usage.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "tarn/base/error.h"
#include "tarn/cli/commands.h"

int main(int argc, char** argv) {
  CLI::App app{"Tarn: on-device AI from one pool of memory"};
  app.name("tarn");
  app.set_version_flag("--version", TARN_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("tarn: {}; --help behind the command lists its options\n", error.what());
  });
  tarn::cli::add_run(app);
  tarn::cli::add_chat(app);
  tarn::cli::add_bench(app);
  tarn::cli::add_generate(app);
  tarn::cli::add_logits(app);
  tarn::cli::add_eval(app);
  tarn::cli::add_tokenize(app);
  tarn::cli::add_detokenize(app);
  tarn::cli::add_template(app);
  tarn::cli::add_info(app);
  tarn::cli::add_quantize(app);
  tarn::cli::add_convert(app);
  tarn::cli::add_pack(app);
  tarn::cli::add_plan(app);
  tarn::cli::add_serve(app);
  try {
    app.parse(argc, argv);  // a subcommand's callback does its work
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return 2;
  } catch (const tarn::Error& error) {
    fmt::print(stderr, "tarn: {}\n", error.what());
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "tarn: internal: {}\n", error.what());
    return 1;
  }
  return 0;
}
