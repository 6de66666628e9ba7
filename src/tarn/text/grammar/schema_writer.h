// Turns constraints into rules.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tarn/text/grammar/expressions.h"
#include "tarn/text/grammar/json_rules.h"
#include "tarn/text/grammar/regex_rules.h"
#include "tarn/text/grammar/schema_model.h"
#include "tarn/text/grammar/schema_reader.h"

namespace tarn::text::grammar {

class SchemaWriter {
 public:
  SchemaWriter(const ordered_json& document, Expressions& out)
      : reader_(document),
        json_(out),
        write_([this](const CharSet& set) { return json_.chars(set); }),
        out_(out) {}
  SchemaWriter(const SchemaWriter&) = delete;
  SchemaWriter& operator=(const SchemaWriter&) = delete;

  // The rule for what fits all of `schemas`. Rules that need others only ask for them: run() is
  // what defines them all.
  Rule rule_of(const SchemaRefs& schemas);
  void run();

 private:
  Expr branch(const Constraints& c);
  Expr number(const Constraints& c);
  Expr string(const Constraints& c);
  Expr array(const Constraints& c);
  Expr object(const Constraints& c);

  // A member of an object that may be written: how its key and its value are.
  struct Member {
    Expr key;
    Expr value;
    bool required;
  };
  std::vector<Member> declared_members(const Constraints& c, const KeyPatterns& patterns,
                                       std::vector<std::string>& keys);
  std::vector<Member> other_members(const Constraints& c, const KeyPatterns& patterns,
                                    const std::vector<std::string>& declared);
  bool forbidden(const SchemaRefs& schemas);
  Expr members(const Constraints& c, const std::vector<Member>& declared,
               const std::vector<Member>& others);
  Expr digits(const CharDfa& dfa);
  Expr quoted_dfa(const CharDfa& dfa, const std::string& name);

  SchemaReader reader_;
  JsonRules json_;
  WriteChars write_;
  Expressions& out_;
  std::map<std::vector<const ordered_json*>, Rule> rules_;
  std::vector<std::pair<Rule, SchemaRefs>> pending_;
};

}  // namespace tarn::text::grammar
