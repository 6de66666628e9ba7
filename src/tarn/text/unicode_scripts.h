// Runs of one script, as SentencePiece's trainer tells them apart.
#pragma once

#include <string>

namespace tarn::text {

// An Oniguruma pattern whose matches are the runs of one script. Kana count as Han; spaces,
// unassigned and private characters belong to the run before them, or to none at the start of a
// text.
std::string script_run_pattern();

}  // namespace tarn::text
