// How large grammars may grow. Past a limit there is an error, never a slow death.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tarn::text::grammar {

inline constexpr size_t kMaxSourceBytes = size_t{4} << 20;  // of GBNF, a pattern, a schema
inline constexpr int kMaxSyntaxDepth = 100;                 // of groups within groups
inline constexpr int kMaxSchemaDepth = 128;                 // of JSON
inline constexpr uint32_t kMaxExpressionDepth = 1000;
inline constexpr size_t kMaxExpressions = size_t{1} << 20;
inline constexpr size_t kMaxRules = 50'000;
inline constexpr uint32_t kMaxRepetitions = 1'000'000;
inline constexpr uint32_t kMaxStates = 200'000;            // of a compiled grammar
inline constexpr uint64_t kMaxTableEntries = 16'000'000;   // states times classes of bytes
inline constexpr uint64_t kMaxCompileSteps = 100'000'000;  // a second or two
inline constexpr uint32_t kMaxStackDepth = 4000;           // rules open at once
inline constexpr size_t kMaxStackNodes = size_t{1} << 20;  // of one sequence
inline constexpr uint64_t kMaxTokenSteps = 3'000'000;      // of taking one token
inline constexpr uint64_t kMaxMaskSteps = 10'000'000;      // of one mask
// A repetition that takes more states than this when written out is counted instead.
inline constexpr uint32_t kMaxExpandedRepetition = 16384;
// Rules that are not larger are copied into their callers.
inline constexpr uint32_t kMaxInlinedRule = 64;

}  // namespace tarn::text::grammar
