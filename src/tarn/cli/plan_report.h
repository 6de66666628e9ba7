// The results of `tarn plan` as a table and as JSON.
#pragma once

#include <string>
#include <vector>

#include "tarn/plan/predict.h"

namespace tarn::cli {

struct PlanRow {
  plan::PlannedModel model;
  plan::Prediction prediction;
  bool own = false;  // the format that config.json states
};

struct PlanReport {
  std::string model;
  ModelConfig config;
  plan::Device device;
  plan::Efficiency efficiency;
  plan::Workload workload;
  KvType kv = plan::default_kv;
  std::vector<PlanRow> rows;  // one a format, at least one
};

std::string plan_table(const PlanReport& report);
std::string plan_json(const PlanReport& report);

}  // namespace tarn::cli
