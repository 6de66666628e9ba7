// Second moments of what goes into each product over a calibration text: X^T X, which says how an
// error in one column of a matrix can be made good in the others.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tarn/compress/calibration_text.h"
#include "tarn/compress/module_plan.h"

namespace tarn::compress {

// Sums of modules in turn, as many at once as `limit` bytes hold: the text runs once for each such
// batch, on the dense model with exact activations.
class Hessians {
 public:
  static constexpr uint64_t default_limit = uint64_t{1} << 30;

  // `plan` and `text` must outlive this. Modules are best asked for in the plan's order.
  Hessians(const std::filesystem::path& folder, const CalibrationText& text,
           const std::vector<PlannedTensor>& plan, uint64_t limit = default_limit);
  ~Hessians();

  // Row-major [inputs, inputs], not divided by the tokens; empty when nothing is multiplied with
  // the module's matrix (an embedding that is only looked up).
  const std::vector<float>& of(const std::string& module);

 private:
  class Collector;
  void collect_from(size_t index);
  const CalibrationText& text_;
  const std::vector<PlannedTensor>& plan_;
  uint64_t limit_;
  std::shared_ptr<Collector> collector_;
  std::unique_ptr<Model> model_;
};

}  // namespace tarn::compress
