"""OpenAI's client: /v1/responses."""

import json

import pydantic
from client_case import MODEL, PERSON, PERSON_QUESTION, STORY, SUM, SUM_ANSWER, TIME, TIMER
from client_case import TIMER_QUESTION, OpenAiCase

TOOLS = [{"type": "function", "strict": False, **tool} for tool in (TIMER, TIME)]
QUESTION = "What is 86 + 675?"


class Person(pydantic.BaseModel):
    name: str
    age: int
    job: str
    city: str


class Responses(OpenAiCase):
    settings = {"model": MODEL, "temperature": 0, "reasoning": {"effort": "none"}}

    def create(self, **options):
        return self.client.responses.create(**(self.settings | options))

    def test_plain(self):
        answer = self.create(input=QUESTION)
        self.assertEqual((answer.output_text, answer.status), (SUM_ANSWER, "completed"))
        self.assertEqual([item.type for item in answer.output], ["message"])
        usage = answer.usage
        self.assertEqual(usage.total_tokens, usage.input_tokens + usage.output_tokens)

    def test_instructions_and_turns(self):
        answer = self.create(
            instructions="Answer briefly.",
            input=[
                {"role": "user", "content": "Are you a person?"},
                {"role": "assistant", "content": "No, I am Pebble, a small language model."},
                {"role": "user", "content": [{"type": "input_text", "text": "57 + 557 = ?"}]},
            ],
        )
        self.assertEqual(answer.output_text, "614")

    def test_reasoning_is_an_item(self):
        answer = self.create(input=QUESTION, reasoning={"effort": "high"})
        self.assertEqual([item.type for item in answer.output], ["reasoning", "message"])
        self.assertIn("86 + 675 = 761", answer.output[0].content[0].text)
        self.assertEqual(answer.output_text, SUM_ANSWER)
        again = self.create(input=[*SUM, *answer.output, {"role": "user", "content": "1 + 1 = ?"}])
        self.assertEqual(again.output_text, "2")

    def test_stream_accumulator(self):
        settings = self.settings | {"reasoning": {"effort": "high"}}
        kinds, text, numbers = [], "", []
        with self.client.responses.stream(input=QUESTION, **settings) as stream:
            for event in stream:
                kinds.append(event.type)
                numbers.append(event.sequence_number)
                text += event.delta if event.type == "response.output_text.delta" else ""
            answer = stream.get_final_response()
        self.assertEqual((text, answer.output_text), (SUM_ANSWER, SUM_ANSWER))
        self.assertEqual(kinds[0], "response.created")
        self.assertEqual(kinds[-1], "response.completed")
        self.assertIn("response.reasoning_text.delta", kinds)
        self.assertEqual(numbers, list(range(len(numbers))))

    def test_call_output_answer(self):
        question = {"role": "user", "content": TIMER_QUESTION}
        answer = self.create(input=[question], tools=TOOLS)
        call = answer.output[-1]
        self.assertEqual((call.type, call.name), ("function_call", "set_timer"))
        self.assertEqual(json.loads(call.arguments), {"minutes": 7})
        result = '{"status": "ok"}'
        output = {"type": "function_call_output", "call_id": call.call_id, "output": result}
        final = self.create(input=[question, *answer.output, output], tools=TOOLS)
        self.assertEqual(final.output_text, "Done.")

    def test_call_streamed(self):
        with self.client.responses.stream(
            input=TIMER_QUESTION, tools=TOOLS, **self.settings
        ) as stream:
            kinds = {event.type for event in stream}
            answer = stream.get_final_response()
        self.assertIn("response.function_call_arguments.done", kinds)
        call = answer.output[-1]
        self.assertEqual((call.name, json.loads(call.arguments)), ("set_timer", {"minutes": 7}))

    def test_tool_choice(self):
        choice = {"type": "function", "name": "get_time"}
        answer = self.create(input=QUESTION, tools=TOOLS, tool_choice=choice)
        self.assertEqual(answer.output[-1].name, "get_time")
        answer = self.create(
            input=QUESTION, tools=TOOLS, tool_choice="required", parallel_tool_calls=False
        )
        self.assertEqual([item.type for item in answer.output], ["function_call"])

    def test_schema_by_the_parse_helper(self):
        answer = self.client.responses.parse(
            input=PERSON_QUESTION, text_format=Person, **self.settings
        )
        self.assertEqual(answer.output_parsed, Person(**PERSON))

    def test_length(self):
        answer = self.create(input=STORY, max_output_tokens=5)
        self.assertEqual(answer.status, "incomplete")
        self.assertEqual(answer.incomplete_details.reason, "max_output_tokens")
        self.assertEqual(answer.output[-1].status, "incomplete")
        events = list(self.create(input=STORY, max_output_tokens=5, stream=True))
        self.assertEqual(events[-1].type, "response.incomplete")
        self.assertEqual(events[-1].response.output[-1].status, "incomplete")
        self.assertEqual(events[-1].response.output_text, answer.output_text)
