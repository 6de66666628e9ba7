"""Servers that are gone, busy, locked or broken, and models that mean harm."""

import re

from page_case import PageCase, expect


class Failures(PageCase):
    def expect_failure(self, text, heading, words):
        answer = self.ask(text)
        card = answer.get_by_role("group", name=heading)
        expect(card).to_contain_text(words)
        expect(card.get_by_role("button", name="Try again")).to_be_visible()
        return answer

    def test_refused(self):
        self.expect_failure(
            "bad request", "The server could not answer", "temperature must be at least 0, got -1."
        )

    def test_error_in_mid_stream(self):
        answer = self.expect_failure(
            "error event", "The server could not answer", "The model ran out of memory."
        )
        expect(answer).to_contain_text("Part of an answer")
        answer = self.expect_failure(
            "error data", "The server could not answer", "The disk is full."
        )
        expect(answer).to_contain_text("Another part")

    def test_connection_breaks(self):
        answer = self.expect_failure("broken", "The answer broke off", "before")
        expect(answer).to_contain_text("It starts well")
        answer.get_by_role("button", name="Try again").click()
        self.finish()
        expect(self.answer()).to_contain_text("2 / 2")

    def test_garbage(self):
        self.expect_failure("garbage", "The answer broke off", "not JSON")

    def test_length(self):
        expect(self.ask("length")).to_contain_text("largest number of tokens")

    def test_retry_takes_the_place_of_an_empty_failure(self):
        self.server.busy = 99
        self.server.retry_after = 60
        self.send("busy now")
        self.page.get_by_role("button", name="Give up").click()
        expect(self.answer().get_by_role("group", name="The server is busy")).to_be_visible()
        self.server.busy = 0
        self.answer().get_by_role("button", name="Try again").click()
        expect(self.answer()).to_contain_text("You said: busy now")
        self.finish()
        expect(self.page.locator(".branches")).to_have_count(0)

    def test_busy_counts_down_and_goes_on(self):
        self.server.busy = 1
        self.send("busy server")
        countdown = self.page.locator(".countdown")
        expect(countdown).to_have_text("Trying again in 2 s")
        expect(self.page.locator(".waiting")).to_contain_text(
            "The queue is full (8 requests wait)."
        )
        expect(countdown).to_have_text("Trying again in 1 s")
        expect(self.answer()).to_contain_text("You said: busy server")
        self.assertEqual(2, len(self.server.requests))

    def test_busy_try_now(self):
        self.server.busy = 1
        self.server.retry_after = 120
        self.send("busy server")
        self.page.get_by_role("button", name="Try now").click()
        expect(self.answer()).to_contain_text("You said: busy server")

    def test_busy_can_be_stopped(self):
        self.server.busy = 9
        self.server.retry_after = 120
        self.send("busy server")
        expect(self.page.locator(".waiting")).to_be_visible()
        self.page.keyboard.press("Escape")
        expect(self.answer()).to_contain_text("You stopped this answer.")

    def test_unreachable_server(self):
        self.page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
        self.send("hello")
        self.finish()
        expect(
            self.answer().get_by_role("group", name="The server cannot be reached")
        ).to_be_visible()
        expect(self.page.locator("#banner")).to_contain_text("The server cannot be reached")
        self.page.unroute("**/v1/**")
        self.page.locator("#banner").get_by_role("button", name="Try now").click()
        expect(self.page.locator("#banner")).to_be_hidden()
        self.answer().get_by_role("button", name="Try again").click()
        expect(self.answer()).to_contain_text("You said: hello")

    def test_api_key(self):
        self.server.api_key = "secret"
        self.page.reload()
        self.page.locator("#banner").get_by_role("button", name="Enter a key").click()
        expect(self.page.locator("#api-key")).to_be_focused()
        self.page.keyboard.type("secret")
        self.page.keyboard.press("Tab")
        expect(self.page.locator("#banner")).to_be_hidden()
        self.page.keyboard.press("Escape")
        self.ask("hello")
        expect(self.answer()).to_contain_text("You said: hello")
        self.assertEqual(["secret", None], self.stored_keys())
        self.page.get_by_role("button", name="Settings").click()
        self.page.check("#keep-key")
        self.assertEqual([None, "secret"], self.stored_keys())

    def stored_keys(self):
        return self.page.evaluate(
            "() => [sessionStorage.getItem('tarn.apiKey'), localStorage.getItem('tarn.apiKey')]"
        )

    def test_wrong_key_in_the_thread(self):
        self.server.api_key = "secret"
        card = self.ask("hello").get_by_role("group", name="The server asks for an API key")
        expect(card.get_by_role("button", name="Enter a key")).to_be_visible()

    def test_models(self):
        self.server.models = ["pebble", "boulder"]
        self.page.reload()
        self.page.select_option("#model-select", "boulder")
        self.ask("hello")
        self.assertEqual("boulder", self.server.requests[-1]["model"])


class Hostile(PageCase):
    ALLOWED = {
        "a",
        "b",
        "blockquote",
        "br",
        "button",
        "code",
        "del",
        "div",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "img",
        "li",
        "ol",
        "p",
        "path",
        "pre",
        "span",
        "strong",
        "sub",
        "sup",
        "svg",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    }
    MATH = {"annotation", "math", "mi", "mn", "mo", "mrow", "mstyle", "mtext", "semantics"}

    def test_markup_stays_text(self):
        answer = self.ask("xss")
        expect(answer).to_contain_text("THE END")
        expect(answer.locator(".katex").first).to_be_visible()
        self.page.wait_for_timeout(300)
        self.assertIsNone(self.page.evaluate("() => window.hacked ?? null"))
        names = set(
            self.page.evaluate(
                "() => [...document.querySelectorAll('.assistant .prose *')].map((e) => e.localName)"
            )
        )
        self.assertEqual(set(), names - self.ALLOWED - self.MATH)
        handlers = self.page.evaluate(
            """() => [...document.querySelectorAll('.assistant .prose *')]
            .flatMap((e) => e.getAttributeNames().filter((name) => name.startsWith('on') || name === 'srcdoc'))"""
        )
        self.assertEqual([], handlers)
        links = self.page.evaluate(
            "() => [...document.querySelectorAll('.assistant .prose a')].map((e) => e.href)"
        )
        self.assertTrue(links)
        for link in links:
            self.assertTrue(link.startswith("https://example.org/"), link)
        sources = self.page.evaluate(
            "() => [...document.querySelectorAll('.assistant .prose img')].map((e) => e.src.slice(0, 22))"
        )
        self.assertEqual(["data:image/png;base64,"], sources)
        expect(answer).to_contain_text('<img src=x onerror="window.hacked=1">')
        expect(answer.locator("sub")).to_have_text("2")

    def test_policy_forbids_markup_from_scripts(self):
        """The test's own proof that it would notice: the policy stops what the page never does."""
        refused = self.page.evaluate(
            "() => { try { document.body.innerHTML = '<b>x</b>'; return false; } catch { return true; } }"
        )
        self.assertTrue(refused)
        self.page.wait_for_timeout(100)
        self.assertTrue(
            any("policy: require-trusted-types-for" in problem for problem in self.problems),
            self.problems,
        )
        self.problems.clear()

    def test_endless_brackets_do_not_hang(self):
        for text in [
            "[" * 20000,
            "*a " * 20000,
            "> " * 5000 + "x",
            "\\(" * 20000,
            "`" * 9999,
            "- " * 3000 + "x",
            "|" * 9999,
            "<" * 20000,
        ]:
            self.page.evaluate(
                """async (text) => {
                const {ProseView} = await import("/page/app/prose_view.js");
                const view = new ProseView();
                const start = performance.now();
                view.update(text.slice(0, text.length / 2), false);
                view.update(text, true);
                const took = performance.now() - start;
                if (took > 1500) throw new Error(`${text.slice(0, 4)} took ${took} ms`);
                if (view.element.textContent.length === 0) throw new Error("nothing is shown");
            }""",
                text,
            )

    def test_growing_text_ends_as_if_it_had_come_at_once(self):
        different = self.page.evaluate(
            """async (text) => {
            const {ProseView} = await import("/page/app/prose_view.js");
            const grown = new ProseView();
            for (let length = 1; length <= text.length; length += 3) grown.update(text.slice(0, length), false);
            grown.update(text, true);
            const whole = new ProseView();
            whole.update(text, true);
            await new Promise((done) => setTimeout(done, 500));
            return grown.element.outerHTML === whole.element.outerHTML ? null : [grown.element.outerHTML, whole.element.outerHTML];
        }""",
            MIXED,
        )
        self.assertIsNone(different)

    def test_tabs_in_code_are_kept(self):
        text = self.page.evaluate("""async () => {
            const {ProseView} = await import("/page/app/prose_view.js");
            const view = new ProseView();
            view.update("- a\\n\\t- b\\n\\n```make\\nall:\\n\\tcc\\n```\\nend\\r\\n", true);
            return [view.element.querySelector("pre").textContent, view.element.querySelectorAll("ul ul").length];
        }""")
        self.assertEqual(["all:\n\tcc\n", 1], text)

    def test_answer_is_announced_once(self):
        self.page.evaluate("""() => {
            window.said = [];
            new MutationObserver(() => {
                const text = document.getElementById("announcer").textContent;
                if (text) window.said.push(text);
            }).observe(document.getElementById("announcer"), {childList: true});
        }""")
        self.ask("hello")
        self.page.wait_for_timeout(100)
        self.assertEqual(
            ["Answer finished. You said: hello"], self.page.evaluate("() => window.said")
        )


MIXED = re.sub(
    r"^    ",
    "",
    """
    Uses [late] before it is defined, and $x^2$.

    1. one

       two
    2. three
    - other list

    Setext
    ======

    | a | b |
    |---|---|
    | 1 | 2 |

        indented code

    ```js
    let a = 1;
    ```
    > quote
    lazy

    $$
    a + b
    $$

    <b>bold</b> and <br> and <i>open

    - [x] done
    - [ ] open

    [late]: https://example.org/late
    &amp; &copy; &unknown; &#65;
    ---
    END
    """,
    flags=re.M,
)
