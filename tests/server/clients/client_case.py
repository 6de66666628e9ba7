"""What the tests of the clients stand on: servers that they share, clients, questions for Pebble.

Pebble is tiny: it knows questions worded as it was trained on (tests/data/pebble/eval.jsonl), and
answers those alike on every machine when temperature is 0.
"""

import unittest

import anthropic
import ollama
import openai
from serve import Server

MODEL = "pebble"
KEY = "correct-horse-battery-staple"
SUM = [{"role": "user", "content": "What is 86 + 675?"}]
SUM_ANSWER = "761"
# Pebble talks on about it until something stops it.
STORY = [{"role": "user", "content": "Tell me a story."}]
LETTER = (
    "My dear friend, I have been thinking of you all the day, and of the house by the river,"
)
TIMER = {
    "name": "set_timer",
    "description": "Start a countdown timer.",
    "parameters": {
        "type": "object",
        "properties": {"minutes": {"type": "integer", "description": "Length in minutes"}},
        "required": ["minutes"],
    },
}
TIME = {
    "name": "get_time",
    "description": "Get the local time in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "City name"}},
        "required": ["city"],
    },
}
TIMER_QUESTION = "I need a timer of 7 minutes."
PERSON_QUESTION = (
    "Return a JSON object with the keys name, age, job, city.\n"
    "The teacher Wendy Brown from Thimphu is 66 years old."
)
PERSON = {"name": "Wendy Brown", "age": 66, "job": "teacher", "city": "Thimphu"}


class Servers:
    """Servers by their arguments, started when first needed. Set up by clients_test.py."""

    binary = None
    running = {}

    @classmethod
    def get(cls, *arguments):
        if arguments not in cls.running:
            cls.running[arguments] = Server(cls.binary, *arguments)
        return cls.running[arguments]

    @classmethod
    def stop(cls):
        for server in cls.running.values():
            server.stop()
        cls.running.clear()


class ClientCase(unittest.TestCase):
    arguments = ()

    def setUp(self):
        self.server = Servers.get(*self.arguments)

    def assert_idle_soon(self):
        self.assertTrue(self.server.wait_until_idle(5), self.server.health())


class OpenAiCase(ClientCase):
    def setUp(self):
        super().setUp()
        self.client = openai.OpenAI(
            base_url=f"{self.server.url}/v1", api_key="none", max_retries=0, timeout=120
        )
        self.addCleanup(self.client.close)

    def chat(self, messages, **options):
        """A chat completion, greedy and without reasoning unless told otherwise."""
        settings = {"model": MODEL, "temperature": 0, "reasoning_effort": "none"} | options
        return self.client.chat.completions.create(messages=messages, **settings)


class AnthropicCase(ClientCase):
    def setUp(self):
        super().setUp()
        self.client = anthropic.Anthropic(
            base_url=self.server.url, api_key="none", max_retries=0, timeout=120
        )
        self.addCleanup(self.client.close)

    # Greedy and without thinking; newer clients know no such parameter as temperature by name.
    settings = {
        "model": MODEL,
        "max_tokens": 300,
        "thinking": {"type": "disabled"},
        "extra_body": {"temperature": 0},
    }


class OllamaCase(ClientCase):
    def setUp(self):
        super().setUp()
        self.client = ollama.Client(host=self.server.url)

    settings = {"model": MODEL, "options": {"temperature": 0}, "think": False}
