"""How an answer comes, is shown, ends and is asked for again."""

import re

from page_case import PageCase, expect


class Answers(PageCase):
    def test_markdown(self):
        prose = self.ask("markdown").locator("> .prose")
        expect(prose.locator("strong").first).to_have_text("short tour")
        expect(prose.locator("h4")).to_have_text("A list")  # the page has the first two levels
        expect(prose.locator("ol > li")).to_have_count(3)
        expect(prose.locator("ol ul > li")).to_have_count(2)
        expect(prose.locator("blockquote")).to_contain_text("The lake")
        expect(prose.locator("table td.align-right").first).to_have_text("4.5")
        link = prose.get_by_role("link", name="the notes")
        expect(link).to_have_attribute("href", "https://example.org/notes")
        expect(link).to_have_attribute("rel", "noopener noreferrer")
        expect(link).to_have_attribute("target", "_blank")
        expect(prose.locator(".code .hljs-keyword").first).to_have_text("def")
        expect(prose.locator(".math .katex")).to_have_count(2)
        expect(prose).to_contain_text("It costs $5 here and $10 there.")

    def test_code_is_copied_as_it_is(self):
        answer = self.ask("markdown")
        answer.get_by_role("button", name="Copy code").click()
        code = self.page.evaluate("navigator.clipboard.readText()")
        self.assertTrue(code.startswith("def merge(intervals: list[tuple[int, int]])"), code)
        self.assertIn("    for start, end in sorted(intervals):\n        if merged", code)

    def test_thinking_is_folded_and_timed(self):
        self.send("think")
        label = self.page.locator(".thinking-label")
        expect(label).to_have_text(re.compile(r"Thinking… [01] s"))
        self.finish()
        expect(label).to_have_text(re.compile(r"Thought for (\d+ s|a moment)"))
        thoughts = self.page.locator(".thinking .prose")
        expect(thoughts).to_be_hidden()
        self.page.locator(".thinking summary").click()
        expect(thoughts).to_contain_text("Let me add 57 and 557")
        expect(self.answer().locator("> .prose strong")).to_have_text("614")

    def test_tool_call_and_its_result(self):
        card = self.ask("tools").get_by_role("group", name="Tool call get_weather")
        expect(card.locator("code")).to_have_text(
            '{\n  "city": "Zürich",\n  "days": 3,\n  "units": {\n    "temperature": "celsius"\n  }\n}'
        )
        card.get_by_role("button", name="Give the result").click()
        card.get_by_label("Result of get_weather").fill('{"degrees": 7}')
        card.get_by_role("button", name="Send result").click()
        expect(self.answer()).to_contain_text('The tool says: {"degrees": 7}')
        self.finish()
        call, result = self.server.requests[-1]["messages"][-2:]
        self.assertEqual("call_7", call["tool_calls"][0]["id"])
        self.assertEqual(
            {"role": "tool", "tool_call_id": "call_7", "content": '{"degrees": 7}'}, result
        )

    def test_odd_bytes(self):
        answer = self.ask("odd")
        expect(answer.locator("> .prose")).to_have_text("Grüße, 世界 🏔️ ende zeilen")

    def test_speed_limit_and_context(self):
        self.ask("hello")
        expect(self.page.locator("#meter-speed")).to_have_text("31.3 tok/s")
        expect(self.page.locator("#limit-text")).to_have_text("93% of bandwidth limit")
        expect(self.page.locator("#context-text")).to_have_text("940 of 32,768 context")
        expect(self.page.locator("#context-bar")).to_have_attribute("aria-valuenow", "3")
        expect(self.answer().locator(".stats")).to_contain_text(
            "128 tokens at 31.3 tok/s · prompt 812 (640 cached)"
        )

    def test_live_speed(self):
        self.send("slow")
        expect(self.page.locator("#meter-speed")).to_have_text(re.compile(r"≈ [\d.]+ tok/s"))

    def test_stop_by_escape_and_by_button(self):
        self.send("slow")
        expect(self.answer()).to_contain_text("word3")
        self.page.keyboard.press("Escape")
        self.finish()
        expect(self.answer()).to_contain_text("You stopped this answer.")
        expect(self.answer()).to_contain_text("word3")
        self.send("slow again")
        expect(self.answer()).to_contain_text("word3")
        self.page.get_by_role("button", name="Stop", exact=True).click()
        self.finish()
        expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_visible()
        for _ in range(100):
            if self.server.aborted == 2:
                break
            self.page.wait_for_timeout(20)
        self.assertEqual(2, self.server.aborted, "the server must learn that nobody reads on")

    def test_answer_again_and_switch(self):
        self.ask("first")
        self.act(self.answer(), "Answer again")
        self.finish()
        versions = self.answer().get_by_role("group", name="Versions of this message")
        expect(versions).to_contain_text("2 / 2")
        versions.get_by_role("button", name="Earlier version").click()
        expect(self.answer()).to_contain_text("1 / 2")

    def test_answer_again_keeps_what_follows(self):
        self.ask("bad request")
        self.ask("two")
        first = self.page.locator(".message.assistant").first
        first.get_by_role("button", name="Try again").click()
        self.finish()
        self.act(self.answer(), "Earlier version")
        expect(self.answer()).to_contain_text("You said: two")

    def test_edit_branches(self):
        self.ask("one")
        self.ask("two")
        message = self.page.locator(".message.user").first
        self.act(message, "Edit message")
        message.get_by_label("Edit message").fill("other")
        self.page.keyboard.press("Enter")
        expect(self.answer()).to_contain_text("You said: other")
        self.finish()
        expect(self.page.locator(".message")).to_have_count(2)
        message = self.page.locator(".message.user").first
        self.act(message, "Earlier version")
        expect(self.page.locator(".message")).to_have_count(4)
        expect(self.answer()).to_contain_text("You said: two")

    def test_escape_leaves_editing(self):
        self.ask("one")
        message = self.page.locator(".message.user")
        self.act(message, "Edit message")
        self.page.keyboard.press("Escape")
        expect(message.locator(".bubble")).to_have_text("one")
        expect(message.get_by_role("button", name="Edit message")).to_be_focused()

    def test_delete_message_and_undo(self):
        self.ask("one")
        self.ask("two")
        self.act(self.page.locator(".message.user").last, "Delete message")
        expect(self.page.locator(".message")).to_have_count(2)
        self.page.get_by_role("button", name="Undo").click()
        expect(self.page.locator(".message")).to_have_count(4)
        self.reload()
        expect(self.page.locator(".message")).to_have_count(4)

    def test_copy_message(self):
        self.ask("markdown")
        self.act(self.answer(), "Copy message")
        self.page.wait_for_timeout(50)
        self.assertIn("**short tour**", self.page.evaluate("navigator.clipboard.readText()"))

    def test_long_answer_stays_smooth(self):
        self.page.evaluate("""() => {
            window.longest = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
            }).observe({type: "longtask"});
            window.kept = null;
        }""")
        self.send("long")
        expect(self.answer()).to_contain_text("Part 20")
        self.page.evaluate("() => { window.kept = document.querySelector('.assistant .block'); }")
        expect(self.answer()).to_contain_text("Part 149", timeout=30_000)
        self.finish()
        self.assertTrue(
            self.page.evaluate("() => window.kept.isConnected"),
            "settled blocks must keep their elements",
        )
        # A frame that draws one block takes a few ms; the bound leaves room for a busy machine.
        self.assertLess(self.page.evaluate("() => window.longest"), 700)
        expect(self.page.locator(".code")).to_have_count(150)

    def test_reader_who_scrolls_up_is_left_alone(self):
        self.send("long")
        expect(self.answer()).to_contain_text("Part 15")
        self.page.mouse.move(700, 400)
        self.page.mouse.wheel(0, -3000)
        expect(self.page.locator("#jump")).to_be_visible()
        top = self.page.evaluate("() => document.getElementById('scroller').scrollTop")
        self.page.wait_for_timeout(300)
        self.assertAlmostEqual(
            top, self.page.evaluate("() => document.getElementById('scroller').scrollTop"), delta=60
        )
        self.page.locator("#jump").click()
        expect(self.page.locator("#jump")).to_be_hidden()
        self.page.keyboard.press("Escape")


class Requests(PageCase):
    def test_settings_reach_the_server(self):
        self.page.get_by_role("button", name="Settings").click()
        self.page.fill("#system", "Be brief.")
        for name, value in {
            "temperature": "0.5",
            "top_p": "0.9",
            "top_k": "40",
            "min_p": "0.05",
            "max_tokens": "64",
            "seed": "7",
        }.items():
            self.setting(name, value)
        self.page.select_option("#set-thinking", "off")
        self.page.fill("#tools", '[{"type":"function","function":{"name":"f"}}]')
        self.page.get_by_role("button", name="Close settings").click()
        self.ask("hello")
        request = self.server.requests[-1]
        self.assertEqual(
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
            request["messages"],
        )
        wanted = {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "min_p": 0.05,
            "max_tokens": 64,
            "seed": 7,
            "model": "pebble",
            "stream": True,
            "stream_options": {"include_usage": True},
            "chat_template_kwargs": {"enable_thinking": False},
        }
        self.assertEqual(wanted, {key: request[key] for key in wanted})
        self.assertEqual("f", request["tools"][0]["function"]["name"])

    def test_without_settings_the_server_decides(self):
        self.ask("hello")
        self.assertEqual(
            {"messages", "model", "stream", "stream_options"}, set(self.server.requests[-1])
        )

    def test_wrong_settings_are_said_and_not_sent(self):
        self.page.get_by_role("button", name="Settings").click()
        self.setting("temperature", "9")
        expect(self.page.locator("#temperature-error")).to_have_text("A number from 0 to 2")
        self.page.fill("#tools", "[{")
        self.page.press("#tools", "Tab")
        expect(self.page.locator("#tools-error")).to_have_text("This is not JSON yet.")
        self.page.keyboard.press("Escape")
        self.ask("hello")
        self.assertNotIn("temperature", self.server.requests[-1])
        self.assertNotIn("tools", self.server.requests[-1])

    def test_thinking_button(self):
        self.page.get_by_role("button", name="Thinking: auto").click()
        self.page.get_by_role("button", name="Thinking: on").wait_for()
        self.ask("hello")
        self.assertEqual(
            {"enable_thinking": True}, self.server.requests[-1]["chat_template_kwargs"]
        )

    def test_history_is_sent_without_failed_answers(self):
        self.ask("bad request")
        self.ask("hello")
        self.assertEqual(
            ["user", "user"], [message["role"] for message in self.server.requests[-1]["messages"]]
        )
        self.ask("more")
        self.assertEqual(
            ["user", "user", "assistant", "user"],
            [message["role"] for message in self.server.requests[-1]["messages"]],
        )
