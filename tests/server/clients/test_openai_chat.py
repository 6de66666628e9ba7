"""OpenAI's client: chat completions without tools or formats."""

from client_case import MODEL, STORY, SUM, SUM_ANSWER, OpenAiCase


class Chat(OpenAiCase):
    def test_plain(self):
        answer = self.chat(SUM)
        self.assertEqual(answer.choices[0].message.content, SUM_ANSWER)
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.model, MODEL)
        usage = answer.usage
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)

    def test_reasoning_is_kept_apart(self):
        message = self.chat(SUM, reasoning_effort="high").choices[0].message
        self.assertEqual(message.content, SUM_ANSWER)
        self.assertIn("86 + 675 = 761", message.reasoning_content)

    def test_reasoning_tokens_are_counted(self):
        answer = self.chat(SUM, reasoning_effort="high")
        reasoning = answer.usage.completion_tokens_details.reasoning_tokens
        self.assertGreater(reasoning, 20)
        self.assertLess(reasoning, answer.usage.completion_tokens)
        self.assertEqual(self.chat(SUM).usage.completion_tokens_details.reasoning_tokens, 0)

    def test_deltas_joined_are_the_whole_answer(self):
        whole = self.chat(SUM, reasoning_effort="high").choices[0]
        content, reasoning, reasons = "", "", []
        for chunk in self.chat(SUM, reasoning_effort="high", stream=True):
            choice = chunk.choices[0]
            content += choice.delta.content or ""
            reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
        self.assertEqual(content, whole.message.content)
        self.assertEqual(reasoning, whole.message.reasoning_content)
        self.assertEqual(reasons, ["stop"])

    def test_stream_accumulator(self):
        settings = {"model": MODEL, "temperature": 0, "reasoning_effort": "none"}
        with self.client.chat.completions.stream(messages=SUM, **settings) as stream:
            kinds = {event.type for event in stream}
            answer = stream.get_final_completion()
        self.assertEqual(answer.choices[0].message.content, SUM_ANSWER)
        self.assertLessEqual({"chunk", "content.delta", "content.done"}, kinds)

    def test_usage_in_streams(self):
        whole = self.chat(SUM).usage
        options = {"include_usage": True}
        chunks = list(self.chat(SUM, stream=True, stream_options=options))
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage.completion_tokens, whole.completion_tokens)
        self.assertEqual(chunks[-1].usage.prompt_tokens, whole.prompt_tokens)
        self.assertTrue(all(chunk.usage is None for chunk in chunks[:-1]))
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)

    def test_system_prompt_and_turns(self):
        messages = [
            {"role": "developer", "content": "Answer briefly."},
            {"role": "user", "content": [{"type": "text", "text": "Are you a person?"}]},
            {"role": "assistant", "content": "No, I am Pebble, a small language model."},
            {"role": "user", "content": "57 + 557 = ?"},
        ]
        self.assertEqual(self.chat(messages).choices[0].message.content, "614")
        without = self.chat(messages[1:]).usage.prompt_tokens
        self.assertGreater(self.chat(messages).usage.prompt_tokens, without)

    def test_last_message_of_the_assistant_is_continued(self):
        messages = [*SUM, {"role": "assistant", "content": "76"}]
        self.assertEqual(self.chat(messages).choices[0].message.content, "1")


class Sampling(OpenAiCase):
    def text(self, **options):
        return self.chat(STORY, max_tokens=24, **options).choices[0].message.content

    def test_same_seed_same_answer(self):
        first = self.text(temperature=1.2, seed=7)
        self.assertEqual(first, self.text(temperature=1.2, seed=7))
        others = {self.text(temperature=1.2, seed=seed) for seed in range(8, 12)}
        self.assertNotEqual(others, {first})

    def test_several_choices(self):
        answer = self.chat(STORY, n=3, temperature=1.2, seed=3, max_tokens=24)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
        texts = [choice.message.content for choice in answer.choices]
        self.assertEqual(len(set(texts)), 3)
        self.assertEqual(texts[0], self.text(temperature=1.2, seed=3))
        joined = ["", "", ""]
        ends = set()
        for chunk in self.chat(
            STORY, n=3, temperature=1.2, seed=3, max_tokens=24, stream=True
        ):
            choice = chunk.choices[0]
            joined[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                ends.add((choice.index, choice.finish_reason))
        self.assertEqual(joined, texts)
        self.assertEqual(ends, {(0, "length"), (1, "length"), (2, "length")})

    def test_logprobs(self):
        choice = self.chat(SUM, logprobs=True, top_logprobs=3).choices[0]
        tokens = choice.logprobs.content
        # The end of the turn is a token as well, without text.
        self.assertEqual("".join(one.token for one in tokens[: len("761")]), SUM_ANSWER)
        for one in tokens:
            self.assertLessEqual(one.logprob, 0)
            self.assertEqual(len(one.top_logprobs), 3)
            self.assertEqual(one.top_logprobs[0].token, one.token)
            self.assertEqual(one.top_logprobs[0].logprob, one.logprob)
            self.assertEqual(bytes(one.bytes).decode(), one.token)
        streamed = []
        for chunk in self.chat(SUM, logprobs=True, top_logprobs=3, stream=True):
            if chunk.choices[0].logprobs:
                streamed += chunk.choices[0].logprobs.content
        self.assertEqual(streamed, tokens)

    def test_stop(self):
        choice = self.chat(SUM, stop=["6"]).choices[0]
        self.assertEqual((choice.message.content, choice.finish_reason), ("7", "stop"))
        text = "".join(
            chunk.choices[0].delta.content or "" for chunk in self.chat(SUM, stop="1", stream=True)
        )
        self.assertEqual(text, "76")

    def test_logit_bias(self):
        logprobs = self.chat(SUM, logprobs=True).choices[0].logprobs
        token = logprobs.content[0].token
        tokens = self.client.post(
            f"{self.server.url}/tokenize", cast_to=object, body={"content": token}
        )["tokens"]
        forbidden = self.chat(SUM, logit_bias={str(tokens[0]): -100}, max_tokens=8)
        self.assertNotIn(token, forbidden.choices[0].message.content)
        forced = self.chat(SUM, logit_bias={str(tokens[0]): 100}, max_tokens=8)
        self.assertEqual(forced.choices[0].message.content, token * 8)

    def test_max_tokens(self):
        for name in ("max_tokens", "max_completion_tokens"):
            answer = self.chat(STORY, **{name: 5})
            self.assertEqual(answer.choices[0].finish_reason, "length")
            self.assertEqual(answer.usage.completion_tokens, 5)


class Cancel(OpenAiCase):
    def test_slot_is_free_soon_after_a_stream_is_left(self):
        stream = self.chat(STORY, stream=True, extra_body={"ignore_eos": True})
        for _, _ in zip(range(4), stream):
            pass
        self.assertEqual(self.server.health()["running"], 1)
        stream.close()
        self.assert_idle_soon()

    def test_slot_is_free_soon_after_a_whole_answer_is_left(self):
        import openai

        with self.assertRaises(openai.APITimeoutError):
            self.chat(STORY, timeout=0.5, extra_body={"ignore_eos": True})
        self.assert_idle_soon()
