"""OpenAI's client: models, completions, embeddings."""

import math

import openai
from client_case import LETTER, MODEL, SUM, OpenAiCase


class Models(OpenAiCase):
    def test_list_and_retrieve(self):
        models = list(self.client.models.list())
        self.assertEqual([model.id for model in models], [MODEL])
        self.assertEqual(self.client.models.retrieve(MODEL), models[0])


class Completions(OpenAiCase):
    def complete(self, prompt=LETTER, **options):
        settings = {"model": MODEL, "temperature": 0, "max_tokens": 12} | options
        return self.client.completions.create(prompt=prompt, **settings)

    def test_plain_and_streamed(self):
        answer = self.complete()
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertEqual(answer.usage.completion_tokens, 12)
        chunks = list(self.complete(stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
        self.assertEqual(text, answer.choices[0].text)
        self.assertEqual(chunks[-1].usage.completion_tokens, 12)

    def test_default_length(self):
        self.assertEqual(self.complete(max_tokens=None).usage.completion_tokens, 16)

    def test_echo(self):
        text = self.complete().choices[0].text
        self.assertEqual(self.complete(echo=True).choices[0].text, LETTER + text)
        chunks = self.complete(echo=True, stream=True)
        self.assertEqual("".join(chunk.choices[0].text for chunk in chunks), LETTER + text)

    def test_tokens_as_prompt(self):
        ids = self.client.post(
            f"{self.server.url}/tokenize", cast_to=object, body={"content": LETTER}
        )["tokens"]
        answer = self.complete(prompt=ids)
        self.assertEqual(answer.choices[0].text, self.complete().choices[0].text)
        self.assertEqual(answer.usage.prompt_tokens, len(ids))

    def test_several_prompts(self):
        prompts = [LETTER, "Once upon a time", "A lake"]
        alone = [self.complete(prompt=prompt, n=2, temperature=1, seed=5) for prompt in prompts]
        expected = [choice.text for answer in alone for choice in answer.choices]
        both = self.complete(prompt=prompts, n=2, temperature=1, seed=5)
        self.assertEqual([choice.index for choice in both.choices], list(range(6)))
        self.assertEqual([choice.text for choice in both.choices], expected)
        self.assertEqual(both.usage.prompt_tokens, sum(answer.usage.prompt_tokens for answer in alone))
        self.assertEqual(both.usage.completion_tokens, 6 * 12)
        texts = [""] * 6
        chunks = list(self.complete(prompt=prompts, n=2, temperature=1, seed=5, stream=True, echo=True,
                                    stream_options={"include_usage": True}))
        for chunk in chunks:
            for choice in chunk.choices:
                texts[choice.index] += choice.text
        self.assertEqual(texts, [prompts[i // 2] + text for i, text in enumerate(expected)])
        self.assertEqual(chunks[-1].usage.completion_tokens, 6 * 12)

    def test_several_prompts_end_together(self):
        with self.assertRaisesRegex(openai.BadRequestError, r"prompt\[1\]"):
            self.complete(prompt=["good", {"bad": 1}])
        with self.assertRaises(openai.BadRequestError):
            self.complete(prompt=["x"] * 129)
        with self.complete(prompt=["Once upon a time", "A lake"], max_tokens=1500, stream=True,
                           extra_body={"ignore_eos": True}) as stream:
            next(iter(stream))
        self.assertTrue(self.server.wait_until_idle(5))

    def test_logprobs(self):
        choice = self.complete(logprobs=2).choices[0]
        logprobs = choice.logprobs
        self.assertEqual("".join(logprobs.tokens), choice.text)
        self.assertEqual(len(logprobs.token_logprobs), 12)
        for token, value, top, offset in zip(
            logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, logprobs.text_offset
        ):
            self.assertEqual(top[token], value)
            self.assertTrue(choice.text[offset:].startswith(token))

    def test_stop(self):
        text = self.complete(max_tokens=40).choices[0].text
        word = text.split()[3]
        choice = self.complete(max_tokens=40, stop=[word]).choices[0]
        self.assertEqual(choice.finish_reason, "stop")
        self.assertEqual(choice.text, text[: text.index(word)])


class Embeddings(OpenAiCase):
    def embed(self, text, **options):
        return self.client.embeddings.create(model=MODEL, input=text, **options)

    def test_floats_and_base64(self):
        # The client asks for base64 when told nothing, and decodes it.
        decoded = self.embed("A lake.").data[0].embedding
        floats = self.embed("A lake.", encoding_format="float").data[0].embedding
        self.assertEqual(len(floats), 256)
        self.assertAlmostEqual(math.sqrt(sum(x * x for x in floats)), 1, places=4)
        # float32 either way; JSON has it in decimal.
        for a, b in zip(decoded, floats):
            self.assertAlmostEqual(a, b, places=7)
        self.assertIsInstance(self.embed("A lake.", encoding_format="base64").data[0].embedding, str)

    def test_several_and_tokens(self):
        answer = self.embed(["A lake.", "A pen."], encoding_format="float")
        self.assertEqual([one.index for one in answer.data], [0, 1])
        alone = self.embed("A pen.", encoding_format="float").data[0].embedding
        self.assertEqual(answer.data[1].embedding, alone)
        lists = [
            self.client.post(
                f"{self.server.url}/tokenize", cast_to=object, body={"content": text}
            )["tokens"]
            for text in ("A lake.", "A pen.")
        ]
        by_tokens = self.embed(lists, encoding_format="float")
        self.assertEqual(by_tokens.data[1].embedding, alone)
        self.assertEqual(by_tokens.usage.prompt_tokens, sum(len(ids) for ids in lists))
        one = self.embed(lists[1], encoding_format="float")
        self.assertEqual(one.data[0].embedding, alone)


class Utilities(OpenAiCase):
    def test_template_tokens_and_back(self):
        def post(path, body):
            return self.client.post(self.server.url + path, cast_to=object, body=body)

        prompt = post("/apply-template", {"messages": SUM})
        self.assertIn("What is 86 + 675?", prompt["prompt"])
        tokens = post("/tokenize", {"content": prompt["prompt"]})
        self.assertEqual(tokens["count"], prompt["tokens"])
        text = post("/detokenize", {"tokens": tokens["tokens"]})["content"]
        self.assertEqual(text, prompt["prompt"])
