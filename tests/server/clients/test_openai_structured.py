"""OpenAI's client: answers in a form."""

import json
import re

import pydantic
from client_case import MODEL, PERSON, PERSON_QUESTION, SUM, OpenAiCase

QUESTION = [{"role": "user", "content": PERSON_QUESTION}]


class Person(pydantic.BaseModel):
    name: str
    age: int
    job: str
    city: str


class Structured(OpenAiCase):
    settings = {"model": MODEL, "temperature": 0, "reasoning_effort": "none"}

    def test_json_object(self):
        answer = self.chat(QUESTION, response_format={"type": "json_object"})
        self.assertEqual(json.loads(answer.choices[0].message.content), PERSON)

    def test_schema_by_the_parse_helper(self):
        for effort in ("none", "high"):
            settings = self.settings | {"reasoning_effort": effort}
            answer = self.client.chat.completions.parse(
                messages=QUESTION, response_format=Person, **settings
            )
            self.assertEqual(answer.choices[0].message.parsed, Person(**PERSON))

    def test_schema_streamed(self):
        with self.client.chat.completions.stream(
            messages=QUESTION, response_format=Person, **self.settings
        ) as stream:
            for _ in stream:
                pass
            answer = stream.get_final_completion()
        self.assertEqual(answer.choices[0].message.parsed, Person(**PERSON))

    def test_schema_holds_against_the_models_will(self):
        class Colour(pydantic.BaseModel):
            colour: str = pydantic.Field(pattern="^(red|green)$")

        answer = self.client.chat.completions.parse(
            messages=SUM, response_format=Colour, **self.settings
        )
        self.assertIn(answer.choices[0].message.parsed.colour, ("red", "green"))

    def test_strict_tool_by_the_parse_helper(self):
        import openai

        class SetTimer(pydantic.BaseModel):
            """Start a countdown timer."""

            minutes: int

        answer = self.client.chat.completions.parse(
            messages=[{"role": "user", "content": "Set a timer for 21 minutes."}],
            tools=[openai.pydantic_function_tool(SetTimer, name="set_timer")],
            tool_choice="required",
            parallel_tool_calls=False,
            **self.settings,
        )
        call = answer.choices[0].message.tool_calls[0]
        self.assertIsInstance(call.function.parsed_arguments, SetTimer)

    def test_grammar(self):
        answer = self.chat(SUM, extra_body={"grammar": 'root ::= "yes" | "no"'})
        self.assertIn(answer.choices[0].message.content, ("yes", "no"))

    def test_regex(self):
        pattern = "[a-f]{3}-[0-9]{2}"
        body = {"response_format": {"type": "regex", "pattern": pattern}}
        for extra in ({"regex": pattern}, body):
            content = self.chat(SUM, extra_body=extra).choices[0].message.content
            self.assertIsNotNone(re.fullmatch(pattern, content), content)
