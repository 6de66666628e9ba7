#include "tarn/ops/embedding.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

std::vector<array> compose_embedding(const OpNode& node) {
  return {astype(take(node.inputs[1], node.inputs[0], 0), Dtype::f32)};
}

const Op embedding_op{.name = "embedding", .compose = compose_embedding};

}  // namespace

array embedding(const array& ids, const array& weight) {
  require_float(weight, "embedding", "weight");
  require_rank(weight, 2, "embedding", "weight");
  if (!is_integer(ids.dtype())) {
    fail(ErrorCode::invalid_argument, "[embedding] ids must be integers, got {}",
         name(ids.dtype()));
  }
  Shape shape = ids.shape();
  shape.push_back(weight.shape(1));
  return make_array(embedding_op, {contiguous(astype(ids, Dtype::i64)), contiguous(weight)}, shape,
                    Dtype::f32);
}

}  // namespace tarn
