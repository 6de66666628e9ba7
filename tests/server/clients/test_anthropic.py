"""Anthropic's client."""

import anthropic
from client_case import KEY, MODEL, PERSON, PERSON_QUESTION, STORY, SUM, SUM_ANSWER, TIME, TIMER
from client_case import TIMER_QUESTION, AnthropicCase

TOOLS = [
    {"name": t["name"], "description": t["description"], "input_schema": t["parameters"]}
    for t in (TIMER, TIME)
]
THINKING = {"type": "enabled", "budget_tokens": 1024}


class Messages(AnthropicCase):
    def create(self, **options):
        return self.client.messages.create(**(self.settings | options))

    def test_plain(self):
        answer = self.create(messages=SUM)
        self.assertEqual([block.type for block in answer.content], ["text"])
        self.assertEqual(answer.content[0].text, SUM_ANSWER)
        self.assertEqual((answer.role, answer.stop_reason), ("assistant", "end_turn"))
        self.assertGreater(answer.usage.input_tokens + answer.usage.cache_read_input_tokens, 10)

    def test_system_and_turns(self):
        messages = [
            {"role": "user", "content": "Are you a person?"},
            {"role": "assistant", "content": "No, I am Pebble, a small language model."},
            {"role": "user", "content": [{"type": "text", "text": "57 + 557 = ?"}]},
        ]
        system = [{"type": "text", "text": "Answer briefly.", "cache_control": {"type": "ephemeral"}}]
        for given in ("Answer briefly.", system):
            self.assertEqual(self.create(messages=messages, system=given).content[0].text, "614")

    def test_thinking_is_a_block(self):
        answer = self.create(messages=SUM, thinking=THINKING, max_tokens=1500)
        self.assertEqual([block.type for block in answer.content], ["thinking", "text"])
        self.assertIn("86 + 675 = 761", answer.content[0].thinking)
        turns = [
            *SUM,
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": "1 + 1 = ?"},
        ]
        self.assertEqual(self.create(messages=turns).content[0].text, "2")

    def test_stream_accumulator(self):
        settings = self.settings | {"thinking": THINKING, "max_tokens": 1500}
        with self.client.messages.stream(messages=SUM, **settings) as stream:
            kinds = [event.type for event in stream]
            answer = stream.get_final_message()
        whole = self.create(messages=SUM, thinking=THINKING, max_tokens=1500)
        self.assertEqual(
            [block.to_dict() for block in answer.content],
            [block.to_dict() for block in whole.content],
        )
        self.assertEqual(answer.stop_reason, "end_turn")
        self.assertEqual(answer.usage.output_tokens, whole.usage.output_tokens)
        self.assertEqual((kinds[0], kinds[-1]), ("message_start", "message_stop"))
        with self.client.messages.stream(messages=SUM, **self.settings) as stream:
            self.assertEqual("".join(stream.text_stream), SUM_ANSWER)

    def test_tool_use_result_answer(self):
        question = {"role": "user", "content": TIMER_QUESTION}
        answer = self.create(messages=[question], tools=TOOLS)
        self.assertEqual(answer.stop_reason, "tool_use")
        use = answer.content[-1]
        self.assertEqual((use.type, use.name, use.input), ("tool_use", "set_timer", {"minutes": 7}))
        result = {"type": "tool_result", "tool_use_id": use.id, "content": '{"status": "ok"}'}
        turns = [
            question,
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [result]},
        ]
        final = self.create(messages=turns, tools=TOOLS)
        self.assertEqual(final.stop_reason, "end_turn")
        self.assertEqual(final.content[0].text, "Done.")

    def test_tool_use_streamed(self):
        question = [{"role": "user", "content": TIMER_QUESTION}]
        with self.client.messages.stream(
            messages=question, tools=TOOLS, **self.settings
        ) as stream:
            answer = stream.get_final_message()
        self.assertEqual((answer.content[-1].name, answer.content[-1].input), ("set_timer", {"minutes": 7}))
        self.assertEqual(answer.stop_reason, "tool_use")

    def test_tool_choice(self):
        any_one = {"type": "any", "disable_parallel_tool_use": True}
        answer = self.create(messages=SUM, tools=TOOLS, tool_choice=any_one)
        self.assertEqual([block.type for block in answer.content], ["tool_use"])
        named = {"type": "tool", "name": "get_time"}
        answer = self.create(messages=SUM, tools=TOOLS, tool_choice=named)
        self.assertEqual(answer.content[-1].name, "get_time")
        answer = self.create(messages=SUM, tools=TOOLS, tool_choice={"type": "none"})
        self.assertEqual(answer.content[0].text, SUM_ANSWER)

    def test_stop_sequences(self):
        answer = self.create(messages=SUM, stop_sequences=["6"])
        self.assertEqual(answer.content[0].text, "7")
        self.assertEqual((answer.stop_reason, answer.stop_sequence), ("stop_sequence", "6"))

    def test_max_tokens(self):
        answer = self.create(messages=STORY, max_tokens=5)
        self.assertEqual((answer.stop_reason, answer.usage.output_tokens), ("max_tokens", 5))

    def test_count_tokens(self):
        count = self.client.messages.count_tokens(
            model=MODEL, messages=SUM, thinking={"type": "disabled"}
        )
        usage = self.create(messages=SUM).usage
        self.assertEqual(count.input_tokens, usage.input_tokens + usage.cache_read_input_tokens)
        more = self.client.messages.count_tokens(model=MODEL, messages=SUM, tools=TOOLS)
        self.assertGreater(more.input_tokens, count.input_tokens + 50)

    def test_schema(self):
        import json

        schema = {
            "type": "object",
            "properties": {
                key: {"type": "integer" if key == "age" else "string"} for key in PERSON
            },
            "required": list(PERSON),
            "additionalProperties": False,
        }
        config = {"format": {"type": "json_schema", "schema": schema}}
        question = [{"role": "user", "content": PERSON_QUESTION}]
        answer = self.create(messages=question, output_config=config)
        self.assertEqual(json.loads(answer.content[0].text), PERSON)

    def test_cancel(self):
        body = {"ignore_eos": True, "temperature": 0}
        with self.client.messages.stream(
            messages=STORY, **(self.settings | {"max_tokens": 1500, "extra_body": body})
        ) as stream:
            next(iter(stream.text_stream))
        self.assert_idle_soon()


class Errors(AnthropicCase):
    def create(self, **options):
        return self.client.messages.create(**(self.settings | options))

    def test_unknown_parameter_is_named(self):
        with self.assertRaises(anthropic.BadRequestError) as caught:
            self.create(messages=SUM, extra_body={"temprature": 1})
        self.assertIn("temprature", caught.exception.message)
        self.assertEqual(caught.exception.body["error"]["type"], "invalid_request_error")

    def test_unknown_model(self):
        with self.assertRaises(anthropic.NotFoundError):
            self.create(messages=SUM, model="claude-9")

    def test_prompt_too_long(self):
        with self.assertRaises(anthropic.BadRequestError) as caught:
            self.create(messages=[{"role": "user", "content": "word " * 3000}])
        self.assertRegex(caught.exception.message, r"[3-9]\d{3} tokens.* 2048")

    def test_blocks_of_a_wrong_type(self):
        for block in (
            {"type": 5},
            {"type": "text", "text": 5},
            {"type": "image", "source": {}},
            {"type": "tool_result", "tool_use_id": 5},
            "x",
        ):
            with self.assertRaises(anthropic.BadRequestError, msg=block):
                self.create(messages=[{"role": "user", "content": [block]}])


class Keys(AnthropicCase):
    arguments = ("--api-key", KEY)

    def test_keys(self):
        with self.assertRaises(anthropic.AuthenticationError):
            self.client.messages.create(messages=SUM, **self.settings)
        client = self.client.with_options(api_key=KEY)
        answer = client.messages.create(messages=SUM, **self.settings)
        self.assertEqual(answer.content[0].text, SUM_ANSWER)
