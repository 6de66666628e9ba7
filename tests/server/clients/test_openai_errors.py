"""OpenAI's client: what goes wrong, as exceptions of its own classes."""

import openai
from client_case import KEY, MODEL, SUM, SUM_ANSWER, OpenAiCase


class Errors(OpenAiCase):
    def test_unknown_parameter_is_named(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(SUM, extra_body={"temprature": 1})
        self.assertEqual(caught.exception.status_code, 400)
        self.assertEqual(caught.exception.param, "temprature")
        self.assertEqual(caught.exception.code, "unknown_parameter")
        self.assertIn("temprature", caught.exception.message)

    def test_value_out_of_bounds(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(SUM, top_p=1.5)
        self.assertEqual(caught.exception.param, "top_p")
        self.assertIn("1.5", caught.exception.message)

    def test_unknown_model(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.chat(SUM, model="gpt-9")
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("gpt-9")

    def test_unknown_path(self):
        with self.assertRaises(openai.NotFoundError):
            self.client.audio.speech.create(model=MODEL, voice="alloy", input="Hello")

    def test_prompt_too_long_gives_both_numbers(self):
        for stream in (False, True):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.chat([{"role": "user", "content": "word " * 3000}], stream=stream)
            self.assertEqual(caught.exception.code, "context_length_exceeded")
            self.assertRegex(caught.exception.message, r"[3-9]\d{3} tokens.* 2048")

    def test_broken_schema(self):
        schema = {"name": "x", "schema": {"type": "nonsense"}}
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(SUM, response_format={"type": "json_schema", "json_schema": schema})
        self.assertIn("response_format", caught.exception.param)

    def test_fields_of_a_wrong_type(self):
        for messages in (
            [{"role": 5, "content": "x"}],
            [{"role": "user", "content": 5}],
            [*SUM, {"role": 7, "content": "x"}],
            [{"role": "user", "content": [{"type": 5}]}],
            ["x"],
        ):
            with self.assertRaises(openai.BadRequestError):
                self.chat(messages)
        for item in ({"type": 5}, {"role": 5}, {"role": "user", "content": [{"type": 5}]}, 5):
            with self.assertRaises(openai.BadRequestError):
                self.client.responses.create(model=MODEL, input=[item])

    def test_hostile_tools(self):
        for parameters in (
            {"properties": 5},
            {"required": 5},
            {"properties": {"a": {"type": "string", "enum": 5}}},
            {"properties": {"a": 5}},
        ):
            function = {"name": "f", "parameters": parameters}
            with self.assertRaises(openai.BadRequestError, msg=parameters):
                self.chat(
                    SUM, tools=[{"type": "function", "function": function}], tool_choice="required"
                )

    def test_timeout_of_the_request(self):
        with self.assertRaises(openai.APIStatusError) as caught:
            self.chat(SUM, extra_body={"timeout": 0.02, "ignore_eos": True})
        self.assertEqual(caught.exception.status_code, 408)


class Keys(OpenAiCase):
    arguments = ("--api-key", KEY)

    def test_wrong_key(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.chat(SUM)
        self.assertEqual(caught.exception.code, "invalid_api_key")
        self.assertEqual(self.server.health()["status"], "ok")

    def test_right_key(self):
        client = self.client.with_options(api_key=KEY)
        answer = client.chat.completions.create(
            model=MODEL, messages=SUM, temperature=0, reasoning_effort="none"
        )
        self.assertEqual(answer.choices[0].message.content, SUM_ANSWER)
