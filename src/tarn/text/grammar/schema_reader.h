// Reads schemas into constraints.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tarn/text/grammar/schema_model.h"

namespace tarn::text::grammar {

// The ways to be valid: a value is when it fits one of them. Without any, nothing is valid.
using Branches = std::vector<Constraints>;

class SchemaReader {
 public:
  // `document` must outlive the reader: references point into it.
  explicit SchemaReader(const ordered_json& document) : document_(document) {}

  // What fits all of `schemas`. A keyword that is not understood, alternatives of oneOf that may
  // hold together and more than kMaxBranches ways are ErrorCode::unsupported.
  Branches read(const SchemaRefs& schemas) { return read(schemas, 0); }
  // Whether the value fits; its parts too.
  bool valid(const ordered_json& value, const SchemaRefs& schemas, int depth = 0);
  bool valid(const ordered_json& value, const Constraints& c, int depth);

  static constexpr size_t kMaxBranches = 256;

 private:
  // A schema on its way to being read, and the one whose keyword asks for it to hold as well.
  struct Step {
    SchemaRef schema;
    std::shared_ptr<const Step> parent;
  };
  struct Choice {
    SchemaRefs alternatives;
    std::shared_ptr<const Step> parent;
    bool exclusive;  // one of them holds, not several
    std::string pointer;
  };
  struct State {
    Constraints c;
    std::vector<Step> pending;
    std::set<const ordered_json*> seen;
    std::vector<Choice> choices;
    int depth = 0;
  };
  Branches read(const SchemaRefs& schemas, int depth);
  void expand(State state, int depth, Branches& out);
  // The following are false where nothing is valid any more.
  bool absorb(const Step& step, State& state, int depth);
  bool applicator(const std::string& name, const ordered_json& value,
                  const std::shared_ptr<const Step>& step, State& state);
  bool finish(Constraints& c, int depth);
  SchemaRef resolve(const ordered_json& reference, const std::string& pointer) const;
  void spend();

  // Whether no value fits both.
  bool disjoint(const Branches& a, const Branches& b, int depth);
  bool disjoint(const Constraints& a, const Constraints& b, int depth);
  bool disjoint_objects(const Constraints& a, const Constraints& b, int depth);

  const ordered_json& document_;
  uint64_t steps_ = 0;
};

// The strings that `c` admits, where they are not plain; patterns and lengths together.
CharDfa string_language(const Constraints& c);

}  // namespace tarn::text::grammar
