// Finds stop strings in text that arrives in pieces. What could be the beginning of one is held
// back, so that nothing of a stop string is ever shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tarn {

class StopStrings {
 public:
  // Error(invalid_argument) when one of them is empty.
  explicit StopStrings(std::vector<std::string> stops);

  // Text that may be shown now. Once a stop string is complete, what stood before it, and from then
  // on nothing. The one that ends first decides, of several the longest: the outcome does not
  // depend on how the text was cut.
  std::string push(std::string_view piece);
  // The text has ended: what was held back.
  std::string flush();

  bool stopped() const { return !found_.empty(); }
  const std::string& found() const { return found_; }  // empty before

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string found_;
};

}  // namespace tarn
