"""Ollama's client."""

import json

import ollama
import pydantic
from client_case import LETTER, MODEL, PERSON, PERSON_QUESTION, STORY, SUM, SUM_ANSWER, TIME, TIMER
from client_case import TIMER_QUESTION, OllamaCase

TOOLS = [{"type": "function", "function": TIMER}, {"type": "function", "function": TIME}]


class Person(pydantic.BaseModel):
    name: str
    age: int
    job: str
    city: str


class Chat(OllamaCase):
    def chat(self, messages, **options):
        return self.client.chat(messages=messages, **(self.settings | options))

    def test_plain(self):
        answer = self.chat(SUM)
        self.assertEqual(answer.message.content, SUM_ANSWER)
        self.assertEqual((answer.done, answer.done_reason), (True, "stop"))
        self.assertGreater(answer.prompt_eval_count, 10)
        self.assertGreater(answer.eval_count, 2)

    def test_thinking_whole_and_streamed(self):
        whole = self.chat(SUM, think=True)
        self.assertEqual(whole.message.content, SUM_ANSWER)
        self.assertIn("86 + 675 = 761", whole.message.thinking)
        parts = list(self.chat(SUM, think=True, stream=True))
        self.assertEqual("".join(part.message.content or "" for part in parts), SUM_ANSWER)
        thinking = "".join(part.message.thinking or "" for part in parts)
        self.assertEqual(thinking, whole.message.thinking)
        self.assertEqual([part.done for part in parts[-2:]], [False, True])
        self.assertEqual(parts[-1].eval_count, whole.eval_count)

    def test_system_and_turns(self):
        messages = [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": "Are you a person?"},
            {"role": "assistant", "content": "No, I am Pebble, a small language model."},
            {"role": "user", "content": "57 + 557 = ?"},
        ]
        self.assertEqual(self.chat(messages).message.content, "614")

    def test_tools(self):
        question = {"role": "user", "content": TIMER_QUESTION}
        answer = self.chat([question], tools=TOOLS)
        call = answer.message.tool_calls[0]
        self.assertEqual((call.function.name, call.function.arguments), ("set_timer", {"minutes": 7}))
        result = {"role": "tool", "tool_name": "set_timer", "content": '{"status": "ok"}'}
        final = self.chat([question, answer.message, result], tools=TOOLS)
        self.assertEqual(final.message.content, "Done.")
        calls = []
        for part in self.chat([question], tools=TOOLS, stream=True):
            calls += part.message.tool_calls or []
        self.assertEqual([one.function.arguments for one in calls], [{"minutes": 7}])

    def test_tool_of_a_python_function(self):
        def set_timer(minutes: int) -> str:
            """Start a countdown timer.

            Args:
              minutes: Length in minutes
            """

        question = {"role": "user", "content": TIMER_QUESTION}
        call = self.chat([question], tools=[set_timer]).message.tool_calls[0]
        self.assertEqual(call.function.arguments, {"minutes": 7})

    def test_json_and_schema(self):
        question = [{"role": "user", "content": PERSON_QUESTION}]
        self.assertEqual(json.loads(self.chat(question, format="json").message.content), PERSON)
        answer = self.chat(question, format=Person.model_json_schema())
        self.assertEqual(Person.model_validate_json(answer.message.content), Person(**PERSON))

    def test_options(self):
        options = {"temperature": 0, "num_predict": 5, "num_ctx": 1024, "repeat_last_n": 16}
        answer = self.chat(STORY, options=options)
        self.assertEqual((answer.eval_count, answer.done_reason), (5, "length"))
        answer = self.chat(SUM, options={"temperature": 0, "stop": ["6"]})
        self.assertEqual(answer.message.content, "7")

    def test_load(self):
        answer = self.chat([])
        self.assertEqual((answer.done, answer.done_reason), (True, "load"))


class Generate(OllamaCase):
    def generate(self, prompt, **options):
        return self.client.generate(prompt=prompt, **(self.settings | options))

    def test_plain_and_streamed(self):
        answer = self.generate("What is 86 + 675?", system="Answer briefly.")
        self.assertEqual(answer.response, SUM_ANSWER)
        parts = self.generate("What is 86 + 675?", system="Answer briefly.", stream=True)
        self.assertEqual("".join(part.response for part in parts), SUM_ANSWER)

    def test_thinking(self):
        answer = self.generate("What is 86 + 675?", think=True)
        self.assertIn("86 + 675 = 761", answer.thinking)
        self.assertEqual(answer.response, SUM_ANSWER)

    def test_raw(self):
        options = {"temperature": 0, "num_predict": 12}
        answer = self.generate(LETTER, raw=True, options=options)
        self.assertEqual(answer.eval_count, 12)
        self.assertGreater(len(answer.response), 12)

    def test_format(self):
        answer = self.generate(PERSON_QUESTION, format="json")
        self.assertEqual(json.loads(answer.response), PERSON)


class Models(OllamaCase):
    def test_list_show_ps(self):
        self.assertEqual([model.model for model in self.client.list().models], [MODEL])
        shown = self.client.show(MODEL)
        self.assertIn("tools", shown.capabilities)
        self.assertEqual(shown.modelinfo["qwen3_5_text.context_length"], 2048)
        self.assertIn("<|im_start|>", shown.template)
        running = self.client.ps().models[0]
        self.assertEqual((running.model, running.context_length), (MODEL, 2048))

    def test_embed(self):
        alone = self.client.embed(model=MODEL, input="A lake.")
        both = self.client.embed(model=MODEL, input=["A lake.", "The winter was long and the lake froze."])
        self.assertEqual(len(both.embeddings), 2)
        self.assertEqual(both.embeddings[0], alone.embeddings[0])
        for vector in both.embeddings:
            self.assertAlmostEqual(sum(x * x for x in vector), 1, places=4)
        self.assertGreater(both.prompt_eval_count, alone.prompt_eval_count)

    def test_embed_refuses_what_is_too_long(self):
        with self.assertRaises(ollama.ResponseError) as caught:
            self.client.embed(model=MODEL, input=["short", "word " * 3000], truncate=True)
        self.assertEqual(caught.exception.status_code, 400)
        self.assertRegex(caught.exception.error, r"[3-9]\d{3} tokens.* 2048")


class Errors(OllamaCase):
    def test_unknown_model(self):
        with self.assertRaises(ollama.ResponseError) as caught:
            self.client.chat(model="llama9", messages=SUM)
        self.assertEqual(caught.exception.status_code, 404)
        with self.assertRaises(ollama.ResponseError) as caught:
            self.client.show("llama9")
        self.assertEqual(caught.exception.status_code, 404)

    def test_unknown_option_is_named(self):
        with self.assertRaises(ollama.ResponseError) as caught:
            self.client.chat(model=MODEL, messages=SUM, options={"temprature": 1})
        self.assertEqual(caught.exception.status_code, 400)
        self.assertIn("temprature", caught.exception.error)

    def test_prompt_too_long(self):
        with self.assertRaises(ollama.ResponseError) as caught:
            self.client.generate(model=MODEL, prompt="word " * 3000)
        self.assertRegex(caught.exception.error, r"[3-9]\d{3} tokens.* 2048")
