// Linear layers that read the same vector, and what stands before them: where a scale of that
// vector's entries can be moved without changing what the model computes.
#pragma once

#include <cstdint>
#include <vector>

#include "tarn/compress/module_plan.h"
#include "tarn/io/checkpoint.h"
#include "tarn/models/config.h"

namespace tarn::compress {

// Columns of the readers are multiplied by scales, and what makes the inputs is divided by them: a
// norm's weight, or the rows of the producer and its bias.
struct ScaleGroup {
  std::vector<const PlannedTensor*> readers;  // matrices [outputs, inputs]; nothing else reads x
  const PlannedTensor* producer = nullptr;    // a matrix [entries, *]; null: a norm comes before
  const TensorInfo* vector = nullptr;         // [entries] the norm's weight or the producer's bias
  float offset = 0;                           // what the norm adds to its stored weight
  std::vector<uint32_t> entry_of;             // [inputs] of each input, below `entries`
  size_t entries = 0;
};

// Of every layer of the text model:
//   q, k, v or the inputs of linear attention <- the norm before attention
//   o <- rows of v: heads that share a value head share its scales
//   the output of linear attention <- its gated norm, whose weight all heads share
//   gate, up <- the norm before the MLP
//   down <- rows of up
// Groups with a tensor that is missing, or of another shape or type, are left out.
std::vector<ScaleGroup> scale_groups(const Checkpoint& checkpoint, const ModelConfig& config,
                                     const std::vector<PlannedTensor>& plan);

}  // namespace tarn::compress
