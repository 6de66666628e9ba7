// Runs an automaton over bytes, following all its ways at once.
#pragma once

#include <cstdint>
#include <vector>

#include "tarn/text/grammar/automaton.h"
#include "tarn/text/grammar/stacks.h"

namespace tarn::text::grammar {

// Where a text has led: states to read the next byte in, each once, with the stacks below it.
struct Position {
  struct Item {
    State state;
    Stacks::Id stacks;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;  // by state; states in which nothing can be read are left out
  bool ended = false;       // the text so far is whole

  bool alive() const { return ended || !items.empty(); }
  void clear() {
    items.clear();
    ended = false;
  }
  bool operator==(const Position&) const = default;
};

// Belongs to one thread. `automaton` must outlive it.
class Runner {
 public:
  explicit Runner(const Automaton& automaton) : automaton_(&automaton) {}

  // In a rule's state with nothing below.
  void start(State state, Position& out);
  // Reads one byte. `to` must be another object; it is dead when the byte does not fit.
  void advance(const Position& from, uint8_t byte, Position& to);
  // Returns from whatever `stacks` were pushed for.
  void return_to(Stacks::Id stacks, Position& out);
  // Bytes that may follow.
  ByteSet first(const Position& position) const;

  // Forgets the stacks that `position` does not need once most are such.
  // True if it did: positions from before are void.
  bool compact(Position& position);
  // Refuses work past `steps` from here on.
  void allow(uint64_t steps) { steps_ = steps; }

  const Automaton& automaton() const { return *automaton_; }
  const Stacks& stacks() const { return stacks_; }

 private:
  void arrive(State state, Stacks::Id stacks, Position& out);
  void finish_arrivals(Position& out);
  void spend(uint64_t steps);

  // Pairs met while reading one byte, so that none is followed twice.
  class Seen {
   public:
    void clear() { pairs_.clear(), table_.clear(); }
    bool insert(State state, Stacks::Id stacks);

   private:
    static constexpr size_t kLinear = 32;
    std::vector<uint64_t> pairs_;
    std::vector<uint64_t> table_;
  };

  static constexpr size_t kCompactAt = 512;
  const Automaton* automaton_;
  Stacks stacks_;
  size_t compact_at_ = kCompactAt;
  std::vector<Position::Item> calls_;
  std::vector<Position::Item> arrivals_;
  Seen seen_calls_;
  Seen seen_arrivals_;
  uint64_t steps_ = UINT64_MAX;
};

}  // namespace tarn::text::grammar
