"""What every test of the chat page stands on: a mock server, a browser, and a page that is watched.

A test fails when the page logs an error, breaks its security policy, or asks for anything that the
server did not send, whatever else the test is about.
"""

import os
import shutil
import unittest

from mock_server import MockServer
from playwright.sync_api import expect, sync_playwright

TIMEOUT_MS = 10_000
# What Chromium logs about a response that a test asked for.
EXPECTED = "Failed to load resource"


class Surroundings:
    """The browser, started once, and where the files of the page are. Set up by page_test.py."""

    manifest = None
    files_h = None
    chromium = None
    playwright = None
    browser = None

    @classmethod
    def start(cls):
        expect.set_options(timeout=TIMEOUT_MS)
        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(
            executable_path=cls.chromium, args=["--no-sandbox"]
        )

    @classmethod
    def stop(cls):
        cls.browser.close()
        cls.playwright.stop()


def find_chromium():
    return (
        os.environ.get("TARN_CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
    )


class PageCase(unittest.TestCase):
    # Of the window; tests of other sizes say so.
    size = {"width": 1280, "height": 860}

    def setUp(self):
        self.server = MockServer(Surroundings.manifest, Surroundings.files_h).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.problems = []
        self.context = self.new_context()
        self.page = self.open()

    def tearDown(self):
        self.assertEqual([], self.problems)

    def new_context(self, **options):
        context = Surroundings.browser.new_context(
            **{
                "viewport": self.size,
                "color_scheme": "light",
                "permissions": ["clipboard-read", "clipboard-write"],
                **options,
            }
        )
        context.set_default_timeout(TIMEOUT_MS)
        # Asked before anything else runs; reports what the policy forbade.
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => "
            "console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample))"
        )
        self.addCleanup(context.close)
        return context

    def open(self, context=None):
        page = (context or self.context).new_page()
        page.on("console", self.note_console)
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("request", self.note_request)
        page.goto(self.server.url)
        page.wait_for_selector("#send .icon", state="attached")
        return page

    def note_console(self, message):
        if message.type in ("error", "warning") and EXPECTED not in message.text:
            self.problems.append(f"console: {message.text}")

    def note_request(self, request):
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self.problems.append(f"outside request: {request.url}")

    # What tests do.

    def send(self, text):
        self.page.fill("#input", text)
        self.page.press("#input", "Enter")

    def finish(self):
        """Waits until nothing is being answered."""
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def ask(self, text):
        before = self.page.locator(".message.assistant").count()
        self.send(text)
        expect(self.page.locator(".message.assistant")).to_have_count(before + 1)
        self.finish()
        return self.answer()

    def answer(self):
        return self.page.locator(".message.assistant").last

    def act(self, message, label):
        """Presses a button under a message."""
        message.hover()
        message.get_by_role("button", name=label).click()

    def reload(self):
        """Reloads once all is stored."""
        self.page.wait_for_timeout(300)
        self.page.reload()

    def setting(self, name, value):
        self.page.fill(f"#set-{name}", value)
        self.page.press(f"#set-{name}", "Tab")
