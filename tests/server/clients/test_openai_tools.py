"""OpenAI's client: tools in chat completions."""

import json

from client_case import SUM, SUM_ANSWER, TIME, TIMER, TIMER_QUESTION, OpenAiCase

TOOLS = [{"type": "function", "function": TIMER}, {"type": "function", "function": TIME}]
QUESTION = [{"role": "user", "content": TIMER_QUESTION}]


class Tools(OpenAiCase):
    def only_call(self, answer):
        choice = answer.choices[0]
        self.assertEqual(choice.finish_reason, "tool_calls")
        self.assertFalse(choice.message.content)
        self.assertEqual(len(choice.message.tool_calls), 1)
        return choice.message.tool_calls[0]

    def test_call_result_answer(self):
        answer = self.chat(QUESTION, tools=TOOLS)
        call = self.only_call(answer)
        self.assertEqual(call.function.name, "set_timer")
        self.assertEqual(json.loads(call.function.arguments), {"minutes": 7})
        self.assertTrue(call.id.startswith("call_"))
        result = {"role": "tool", "tool_call_id": call.id, "content": '{"status": "ok"}'}
        messages = [*QUESTION, answer.choices[0].message, result]
        final = self.chat(messages, tools=TOOLS).choices[0]
        self.assertEqual(final.finish_reason, "stop")
        self.assertEqual(final.message.content, "Done.")

    def test_stream(self):
        settings = {"model": "pebble", "temperature": 0, "reasoning_effort": "high"}
        with self.client.chat.completions.stream(
            messages=QUESTION, tools=TOOLS, **settings
        ) as stream:
            kinds = {event.type for event in stream}
            answer = stream.get_final_completion()
        self.assertIn("tool_calls.function.arguments.done", kinds)
        call = self.only_call(answer)
        self.assertEqual(
            (call.function.name, json.loads(call.function.arguments)), ("set_timer", {"minutes": 7})
        )

    def test_tokens_of_a_call_are_no_reasoning(self):
        usage = self.chat(QUESTION, tools=TOOLS, reasoning_effort="high").usage
        reasoning = usage.completion_tokens_details.reasoning_tokens
        self.assertTrue(2 <= reasoning <= usage.completion_tokens - 10, usage)

    def test_question_that_needs_no_tool(self):
        choice = self.chat(SUM, tools=TOOLS).choices[0]
        self.assertEqual((choice.message.content, choice.finish_reason), (SUM_ANSWER, "stop"))

    def test_choice_none(self):
        answer = self.chat(SUM, tools=TOOLS, tool_choice="none")
        self.assertEqual(answer.choices[0].message.content, SUM_ANSWER)
        self.assertEqual(answer.usage.prompt_tokens, self.chat(SUM).usage.prompt_tokens)

    def test_choice_required(self):
        for effort in ("none", "high"):
            answer = self.chat(
                SUM,
                tools=TOOLS,
                tool_choice="required",
                parallel_tool_calls=False,
                reasoning_effort=effort,
            )
            call = self.only_call(answer)
            self.assertIn(call.function.name, ("set_timer", "get_time"))
            self.assertIsInstance(json.loads(call.function.arguments), dict)

    def test_choice_of_one(self):
        choice = {"type": "function", "function": {"name": "get_time"}}
        call = self.only_call(self.chat(QUESTION, tools=TOOLS, tool_choice=choice))
        self.assertEqual(call.function.name, "get_time")
        self.assertEqual(list(json.loads(call.function.arguments)), ["city"])

    def test_parallel_calls(self):
        # Pebble never asks for two things at once: a grammar makes it.
        form = "<tool_call>\n<function=get_time>\n<parameter=city>\n{}\n</parameter>\n</function>\n</tool_call>"
        text = "\n".join(form.format(city) for city in ("Oslo", "Quito"))
        answer = self.chat(
            QUESTION, tools=TOOLS, extra_body={"grammar": f"root ::= {json.dumps(text)}"}
        )
        calls = answer.choices[0].message.tool_calls
        self.assertEqual(
            [json.loads(call.function.arguments)["city"] for call in calls], ["Oslo", "Quito"]
        )
        self.assertEqual(len({call.id for call in calls}), 2)
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": "12:00"} for call in calls
        ]
        final = self.chat([*QUESTION, answer.choices[0].message, *results], tools=TOOLS)
        self.assertGreater(final.usage.prompt_tokens, answer.usage.total_tokens)
