#include "tarn/compress/hessian.h"

#include <algorithm>
#include <set>

#include "tarn/ops/elementwise.h"
#include "tarn/ops/matmul.h"
#include "tarn/ops/shape.h"

namespace tarn::compress {

class Hessians::Collector final : public Probe {
 public:
  void begin(std::set<std::string> wanted) {
    wanted_ = std::move(wanted);
    sums_.clear();
    place_.clear();
  }
  bool covers(const std::string& module) const { return wanted_.contains(module); }

  void input(const std::string& module, const array& x) override {
    if (!wanted_.contains(module)) return;
    if (!last_ || last_->node() != x.node()) {
      last_ = x;
      const array rows = reshape(x, {-1, x.shape(-1)});  // [T, inputs]
      products_.push_back(matmul(swapaxes(rows, 0, 1), rows));
    }
    place_[module] = products_.size() - 1;
  }
  const std::vector<array>& products() const { return products_; }
  // Products of one chunk have the places that those of every other have.
  void add_chunk() {
    sums_.resize(std::max(sums_.size(), products_.size()));
    for (size_t i = 0; i < products_.size(); ++i) {
      const auto* values = products_[i].data<float>();
      sums_[i].resize(static_cast<size_t>(products_[i].size()));
      for (size_t k = 0; k < sums_[i].size(); ++k) sums_[i][k] += values[k];
    }
    products_.clear();
    last_.reset();
  }
  const std::vector<float>& of(const std::string& module) const {
    static const std::vector<float> none;
    const auto found = place_.find(module);
    return found == place_.end() ? none : sums_[found->second];
  }

 private:
  std::set<std::string> wanted_;
  std::optional<array> last_;  // products that share x share its sum
  std::vector<array> products_;
  std::map<std::string, size_t> place_;
  std::vector<std::vector<float>> sums_;
};

Hessians::Hessians(const std::filesystem::path& folder, const CalibrationText& text,
                   const std::vector<PlannedTensor>& plan, uint64_t limit)
    : text_(text),
      plan_(plan),
      limit_(limit),
      collector_(std::make_shared<Collector>()),
      model_(load_model(folder, {.exact = true, .probe = collector_})) {}

Hessians::~Hessians() = default;

const std::vector<float>& Hessians::of(const std::string& module) {
  if (!collector_->covers(module)) {
    const auto found = std::find_if(plan_.begin(), plan_.end(),
                                    [&](const auto& one) { return one.module == module; });
    collect_from(static_cast<size_t>(found - plan_.begin()));
  }
  return collector_->of(module);
}

void Hessians::collect_from(size_t index) {
  std::set<std::string> wanted;
  uint64_t bytes = 0;
  for (; index < plan_.size(); ++index) {
    const PlannedTensor& planned = plan_[index];
    if (!planned.format) continue;
    // One in the graph and one that sums up. At least one module, whatever its size.
    const auto columns = static_cast<uint64_t>(planned.info->shape[1]);
    bytes += 2 * columns * columns * sizeof(float);
    if (!wanted.empty() && bytes > limit_) break;
    wanted.insert(planned.module);
  }
  collector_->begin(std::move(wanted));
  run_calibration(*model_, text_,
                  [&](size_t, const array& logits, const std::vector<array>& state) {
                    std::vector<array> all = state;
                    all.push_back(logits);
                    const std::vector<array>& products = collector_->products();
                    all.insert(all.end(), products.begin(), products.end());
                    eval(all);
                    collector_->add_chunk();
                  });
}

}  // namespace tarn::compress
