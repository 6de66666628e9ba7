#include "tarn/lm/engine.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "tarn/base/clock.h"
#include "tarn/base/process_memory.h"
#include "tarn/base/round.h"
#include "tarn/base/system_memory.h"
#include "tarn/lm/engine_queue.h"
#include "tarn/memory/pool.h"
#include "tarn/models/stepper.h"
#include "tarn/plan/shape_cost.h"

namespace tarn {
namespace {

using Job = EngineJob;
using Choice = EngineChoice;

// Buffers of keys and values are made for multiples of so many tokens, so that the steps of
// sequences of like lengths share recordings (models/stepper.h).
constexpr int64_t capacity_unit = 1024;

}  // namespace

class Engine::Loop {
 public:
  Loop(const LoadedModel& model, EngineOptions options)
      : loaded_(model),
        model_(model.model()),
        options_(options),
        limit_(context_limit(model_, options.context_limit)),
        cost_(plan::shape_cost(model_.config())),
        kv_type_(kv_type_of(model_)),
        queue_(options),
        stepper_(model_),
        store_(model_) {
    thread_ = std::thread([this] { run_loop(); });
  }

  ~Loop() { stop(); }

  void stop() {
    queue_.stop();
    const std::lock_guard joining(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

  Id submit(EngineRequest request, std::shared_ptr<Listener> listener) {
    auto job =
        std::make_shared<Job>(next_id_.fetch_add(1), std::move(request), std::move(listener));
    complete(job->request.options, static_cast<int64_t>(job->request.prompt.size()));
    for (size_t i = 0; i < std::max<size_t>(1, job->request.choices); ++i) {
      job->choices.push_back(std::make_unique<Choice>(*job, i, model_));
    }
    job->bytes = job->choices.size() * sequence_bytes(tokens_of(*job));
    if (job->bytes > options_.cache_bytes) refuse_size(*job);
    queue_.add(job);
    return job->id;
  }

  EngineQueue& queue() { return queue_; }
  const EngineQueue& queue() const { return queue_; }

  void run(const std::function<void(const Model&, PrefixStore&)>& work) {
    queue_.run([&] {
      work(model_, store_);
      store_.shrink(options_.cache_bytes - reserved_);
    });
  }

  PrefixFiles save_prefixes(const std::filesystem::path& folder, uint64_t limit) {
    PrefixFiles done;
    run([&](const Model&, PrefixStore& store) {
      done = tarn::save_prefixes(store, folder, loaded_.fingerprint(), limit);
    });
    return done;
  }

  PrefixFiles load_prefixes(const std::filesystem::path& folder) {
    PrefixFiles done;
    run([&](const Model& model, PrefixStore& store) {
      // Half of the budget is left for answers.
      done = tarn::load_prefixes(store, model, folder, loaded_.fingerprint(),
                                 options_.cache_bytes / 2);
    });
    return done;
  }

  const EngineOptions& options() const { return options_; }

  uint64_t sequence_bytes(int64_t tokens) const {
    const auto capacity = static_cast<double>(round_up(tokens, capacity_unit) + KvCache::kv_block);
    // The recurrent state once more while a step replaces it.
    return static_cast<uint64_t>(plan::kv_capacity_bytes(cost_, kv_type_, capacity) +
                                 2 * plan::state_bytes(cost_));
  }

 private:
  static KvType kv_type_of(const Model& model) {
    const Cache cache = model.make_cache();
    for (const LayerCache& layer : cache.layers()) {
      if (const auto* kv = std::get_if<KvCache>(&layer)) return kv->type();
    }
    return plan::default_kv;
  }

  // The limits that the request leaves open.
  void complete(GenerateOptions& options, int64_t prompt) const {
    options.context_limit = limit_;
    options.prefill_chunk = options_.prefill_chunk;
    if (options.max_tokens < 0 && limit_ > 0)
      options.max_tokens = std::max<int64_t>(1, limit_ - prompt);
  }

  static int64_t tokens_of(const Job& job) {
    const GenerateOptions& options = job.request.options;
    const auto prompt = static_cast<int64_t>(job.request.prompt.size());
    const int64_t all = prompt + std::max<int64_t>(options.max_tokens, 1);
    return options.context_limit > 0 ? std::min(all, options.context_limit) : all;
  }

  [[noreturn]] void refuse_size(const Job& job) const {
    fail(ErrorCode::out_of_memory,
         "memory: {} choices of a prompt of {} tokens and an answer of up to {} need {:.1f} MB of "
         "cache, the budget is {:.1f} MB; ask for a shorter answer or give caches more memory",
         job.choices.size(), job.request.prompt.size(), job.request.options.max_tokens,
         static_cast<double>(job.bytes) / 1e6, static_cast<double>(options_.cache_bytes) / 1e6);
  }

  void run_loop() {
    while (take()) {
      end_cancelled();
      admit();
      const bool prefilled = run_prompt();
      const bool decoded = run_tokens();
      queue_.publish(prefilled || decoded, static_cast<int64_t>(waiting_.size()),
                     [&](EngineStats& stats) {
                       stats.running = static_cast<int64_t>(admitted_.size());
                       stats.reserved_bytes = reserved_;
                       stats.prefixes = store_.stats();
                     });
    }
  }

  // Sleeps until there is something to do. False: the engine ends.
  bool take() {
    EngineQueue::Taken taken =
        queue_.take(waiting_.empty() && running_.empty() && prompts_.empty());
    for (auto& job : taken.jobs) waiting_.push_back(std::move(job));
    if (taken.stopped) end_all();
    if (taken.refuse_waiting) end_waiting(true);
    for (auto& task : taken.work) task();
    return !taken.stopped;
  }

  void end_all() {
    for (const auto& job : std::vector<std::shared_ptr<Job>>(admitted_)) {
      end(job, FinishReason::cancelled, std::nullopt);
    }
    end_waiting(false);
  }

  void end_waiting(bool refused) {
    for (const auto& job : waiting_) {
      job->refused = refused;
      finish_all(*job, FinishReason::cancelled, std::nullopt);
      queue_.forget(*job, 0);
    }
    waiting_.clear();
  }

  // --- the queue

  void end_cancelled() {
    const auto now = Clock::now();
    const auto is_over = [&](Job& job) {
      if (job.expired(now) && !job.cancelled) {
        job.timed_out = true;
        job.cancelled = true;
      }
      return job.cancelled.load();
    };
    std::erase_if(waiting_, [&](const std::shared_ptr<Job>& job) {
      if (!is_over(*job)) return false;
      finish_all(*job, FinishReason::cancelled, std::nullopt);
      queue_.forget(*job, 0);
      return true;
    });
    for (const auto& job : std::vector<std::shared_ptr<Job>>(admitted_)) {
      if (is_over(*job)) end(job, FinishReason::cancelled, std::nullopt);
    }
  }

  // The client with the fewest running answers is next, of those the one that waits longest.
  std::deque<std::shared_ptr<Job>>::iterator next_waiting() {
    std::map<std::string, int64_t> running;
    for (const auto& job : admitted_) running[job->request.client] += 1;
    return std::min_element(waiting_.begin(), waiting_.end(), [&](const auto& a, const auto& b) {
      return running[a->request.client] < running[b->request.client];
    });
  }

  int64_t free_places() const {
    int64_t used = 0;
    for (const auto& job : admitted_) used += static_cast<int64_t>(job->choices.size());
    return queue_.limit() - used;
  }

  void admit() {
    while (!waiting_.empty()) {
      const auto next = next_waiting();
      const Job& job = **next;
      const auto places = static_cast<int64_t>(job.choices.size());
      // More choices than places run when nothing else does.
      const int64_t free = free_places();
      if (free <= 0 || (places > free && !admitted_.empty())) return;
      if (reserved_ + job.bytes > options_.cache_bytes) return;
      begin(*next);
      waiting_.erase(next);
    }
  }

  void begin(const std::shared_ptr<Job>& job) {
    reserved_ += job->bytes;
    job->started = Clock::now();
    admitted_.push_back(job);
    try {
      Cache cache = store_.take(job->request.prompt);
      store_.shrink(options_.cache_bytes - reserved_);
      job->cached_tokens = cache.position();
      if (const int64_t branch = store_.branch(job->request.prompt); branch > cache.position()) {
        job->request.options.snapshots.push_back(branch);
      }
      cache.expect(static_cast<int64_t>(job->request.prompt.size()));
      cache.reserve(round_up(tokens_of(*job), capacity_unit));
      job->prompt_cache = std::move(cache);
    } catch (const Error& error) {
      return end(job, FinishReason::cancelled, error);
    } catch (const std::exception& error) {
      return end(job, FinishReason::cancelled, Error(ErrorCode::internal, error.what()));
    }
    prompts_.push_back(job);
    job->listener->on_start(static_cast<int64_t>(job->request.prompt.size()), job->cached_tokens);
  }

  // --- steps

  // One chunk of the prompt that waits longest. False: there is none.
  bool run_prompt() {
    if (prompts_.empty()) return false;
    const std::shared_ptr<Job> job = prompts_.front();
    const auto start = Clock::now();
    try {
      const std::vector<int32_t>& prompt = job->request.prompt;
      Cache& cache = *job->prompt_cache;
      const auto end_of_prompt = static_cast<int64_t>(prompt.size());
      const int64_t at = cache.position();
      int64_t stop =
          std::min(end_of_prompt, (at / options_.prefill_chunk + 1) * options_.prefill_chunk);
      for (const int64_t snapshot : job->request.options.snapshots) {
        if (snapshot > at) stop = std::min(stop, snapshot);
      }
      const std::vector<int32_t> tokens(prompt.begin() + at, prompt.begin() + stop);
      const bool last = stop == end_of_prompt;
      const array logits =
          stepper_.run(tokens, cache, last ? LogitsFor::last_token : LogitsFor::none);
      const auto& snapshots = job->request.options.snapshots;
      if (std::find(snapshots.begin(), snapshots.end(), stop) != snapshots.end()) {
        keep({prompt.begin(), prompt.begin() + stop}, cache);
      }
      const double seconds = seconds_since(start);
      job->prefill_seconds += seconds;
      count_prompt(tokens.size(), seconds);
      if (last) begin_answers(job, logits);
    } catch (const Error& error) {
      end(job, FinishReason::cancelled, error);
    } catch (const std::exception& error) {
      end(job, FinishReason::cancelled, Error(ErrorCode::internal, error.what()));
    }
    return true;
  }

  void begin_answers(const std::shared_ptr<Job>& job, const array& logits) {
    prompts_.pop_front();
    for (size_t i = job->choices.size(); i-- > 0;) {
      Choice& choice = *job->choices[i];
      choice.cache = i == 0 ? std::move(*job->prompt_cache) : *job->prompt_cache;
    }
    job->prompt_cache.reset();
    for (const auto& choice : job->choices) {
      running_.push_back(choice.get());
    }
    for (const auto& choice : job->choices) {
      accept(*choice, {logits.data<float>(), static_cast<size_t>(logits.size())});
    }
    if (job->over()) release(job);
  }

  // One token of every answer that is not paused. False: there is none.
  bool run_tokens() {
    std::vector<Choice*> batch;
    for (Choice* choice : running_) {
      if (choice->job.listener->ready()) batch.push_back(choice);
    }
    if (batch.empty()) return false;
    // In one order, so that batches of the same kind share recordings.
    std::vector<std::pair<std::vector<int64_t>, Choice*>> sorted;
    for (Choice* choice : batch) sorted.emplace_back(choice->cache->layout(), choice);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<int32_t> tokens;
    std::vector<Cache*> caches;
    for (auto& [layout, choice] : sorted) {
      tokens.push_back(choice->answer.sequence().back());
      caches.push_back(&*choice->cache);
    }
    const auto start = Clock::now();
    try {
      const array logits = stepper_.run_batch(tokens, caches);
      count_tokens(tokens.size(), seconds_since(start));
      const auto vocab = static_cast<size_t>(logits.shape(1));
      for (size_t i = 0; i < sorted.size(); ++i) {
        accept(*sorted[i].second, {logits.data<float>() + i * vocab, vocab});
      }
    } catch (const std::exception& error) {
      // What their caches hold is not known any more.
      const Error reason(ErrorCode::internal, error.what());
      for (Choice* choice : batch) fail_choice(*choice, reason);
    }
    release_finished();
    return true;
  }

  void accept(Choice& choice, std::span<const float> logits) {
    try {
      if (choice.accept(logits)) return;
      finish(choice, choice.answer.result().finish_reason);
    } catch (const Error& error) {
      fail_choice(choice, error);
    } catch (const std::exception& error) {
      fail_choice(choice, Error(ErrorCode::internal, error.what()));
    }
  }

  // --- ends

  void finish(Choice& choice, FinishReason reason) {
    std::erase(running_, &choice);
    if (choice.cache && reason != FinishReason::cancelled) {
      std::vector<int32_t> tokens = choice.answer.sequence();
      tokens.resize(static_cast<size_t>(choice.cache->position()));
      keep(std::move(tokens), *choice.cache);
    }
    choice.cache.reset();
    choice.finish(reason, std::nullopt);
    count_finish(choice, reason);
  }

  void fail_choice(Choice& choice, const Error& error) {
    if (choice.finished) return;
    std::erase(running_, &choice);
    choice.cache.reset();
    choice.finish(FinishReason::cancelled, error);
    queue_.count([](EngineStats& stats) { ++stats.failed; });
  }

  void finish_all(Job& job, FinishReason reason, const std::optional<Error>& error) {
    for (const auto& choice : job.choices) {
      if (choice->finished) continue;
      if (error) {
        fail_choice(*choice, *error);
      } else {
        finish(*choice, reason);
      }
    }
  }

  void end(const std::shared_ptr<Job>& job, FinishReason reason,
           const std::optional<Error>& error) {
    std::erase(prompts_, job);
    finish_all(*job, reason, error);
    release(job);
  }

  void release_finished() {
    for (const auto& job : std::vector<std::shared_ptr<Job>>(admitted_)) {
      if (job->over()) release(job);
    }
  }

  void release(const std::shared_ptr<Job>& job) {
    job->prompt_cache.reset();
    reserved_ -= job->bytes;
    std::erase(admitted_, job);
    queue_.forget(*job, seconds_since(job->started));
  }

  void keep(std::vector<int32_t> tokens, const Cache& cache) {
    store_.keep(std::move(tokens), cache);
    store_.shrink(options_.cache_bytes - reserved_);
  }

  // --- counts

  void count_prompt(size_t tokens, double seconds) {
    queue_.count([&](EngineStats& stats) {
      stats.prompt_tokens += tokens;
      stats.prefill_seconds += seconds;
    });
  }

  void count_tokens(size_t tokens, double seconds) {
    queue_.count([&](EngineStats& stats) {
      ++stats.steps;
      stats.batched_tokens += tokens;
      stats.decode_seconds += seconds;
    });
  }

  void count_finish(Choice& choice, FinishReason reason) {
    queue_.count([&](EngineStats& stats) {
      stats.generated_tokens += choice.answer.result().tokens.size();
      if (reason != FinishReason::cancelled) {
        ++stats.finished;
      } else if (choice.job.timed_out) {
        ++stats.timed_out;
      } else {
        ++stats.cancelled;
      }
    });
  }

  const LoadedModel& loaded_;
  const Model& model_;
  const EngineOptions options_;
  const int64_t limit_;  // of the context
  const plan::ShapeCost cost_;
  const KvType kv_type_;
  std::atomic<Id> next_id_{1};
  EngineQueue queue_;

  // The engine's thread alone.
  Stepper stepper_;
  PrefixStore store_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::vector<std::shared_ptr<Job>> admitted_;
  std::deque<std::shared_ptr<Job>> prompts_;  // of them, those whose prompt is being run
  std::vector<Choice*> running_;              // past their prompt
  uint64_t reserved_ = 0;

  std::mutex join_mutex_;
  std::thread thread_;
};

uint64_t default_cache_bytes() {
  const uint64_t all = std::min<uint64_t>(available_memory_bytes(), memory::stats().limit);
  const uint64_t used = std::min(all, resident_bytes().value_or(0));
  return std::max<uint64_t>((all - used) / 2, uint64_t{64} << 20);
}

Engine::Engine(const LoadedModel& model, const EngineOptions& options)
    : loop_(std::make_unique<Loop>(model, options)) {}
Engine::~Engine() = default;

Engine::Id Engine::submit(EngineRequest request, std::shared_ptr<Listener> listener) {
  return loop_->submit(std::move(request), std::move(listener));
}
void Engine::cancel(Id id) { loop_->queue().cancel(id); }
void Engine::wake() { loop_->queue().wake(); }
PrefixFiles Engine::save_prefixes(const std::filesystem::path& folder, uint64_t limit) {
  return loop_->save_prefixes(folder, limit);
}
PrefixFiles Engine::load_prefixes(const std::filesystem::path& folder) {
  return loop_->load_prefixes(folder);
}
void Engine::run(const std::function<void(const Model&)>& work) {
  loop_->run([&](const Model& model, PrefixStore&) { work(model); });
}
void Engine::run(const std::function<void(const Model&, PrefixStore&)>& work) { loop_->run(work); }
void Engine::set_limit(int64_t sequences, bool refuse_waiting) {
  loop_->queue().set_limit(sequences, refuse_waiting);
}
bool Engine::drain(std::chrono::milliseconds timeout) { return loop_->queue().drain(timeout); }
void Engine::stop() { loop_->stop(); }
EngineStats Engine::stats() const { return loop_->queue().stats(); }
const EngineOptions& Engine::options() const { return loop_->options(); }
uint64_t Engine::sequence_bytes(int64_t tokens) const { return loop_->sequence_bytes(tokens); }

}  // namespace tarn
