"""Colours, sizes, keyboard and screen readers. With TARN_PAGE_SHOTS=folder, pictures for people to look at."""

import os
from pathlib import Path

from page_case import PageCase, expect

try:
    from axe_playwright_python.sync_playwright import Axe
except ImportError:
    Axe = None

# The outline within an answer is the model's.
AXE_OPTIONS = {"resultTypes": ["violations"], "rules": {"heading-order": {"enabled": False}}}
SHOTS = os.environ.get("TARN_PAGE_SHOTS")


class Look(PageCase):
    def shot(self, name):
        if SHOTS:
            self.page.mouse.move(1, 1)
            self.page.wait_for_timeout(350)
            self.page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))

    def check_access(self):
        if Axe is None:
            return
        self.page.wait_for_timeout(300)
        # Axe wants to be a script of the page, which the policy forbids: the test's own world may.
        found = Axe().run(self.page, options=AXE_OPTIONS).response["violations"]
        self.assertEqual(
            [],
            [
                f"{rule['id']}: {node['target']} {node['failureSummary']}"
                for rule in found
                for node in rule["nodes"]
            ],
        )

    def expect_colours(self, theme):
        expect(self.page.locator("html")).to_have_attribute("data-theme", theme)
        expect(self.page.locator("body")).to_have_css(
            "background-color", {"light": "rgb(252, 253, 253)", "dark": "rgb(17, 24, 27)"}[theme]
        )

    def test_colours_follow_the_system_and_the_switch(self):
        self.expect_colours("light")
        self.page.emulate_media(color_scheme="dark")
        self.expect_colours("dark")
        self.page.locator("#theme").click()  # from the system's to light
        self.expect_colours("light")
        self.page.locator("#theme").click()
        self.page.emulate_media(color_scheme="light")
        self.expect_colours("dark")
        self.page.reload()
        self.expect_colours("dark")

    def test_scenes(self):
        for theme in ("light", "dark"):
            with self.subTest(theme):
                self.page.emulate_media(color_scheme=theme)
                self.page.get_by_role("button", name="New chat").click()
                self.shot(f"welcome-{theme}")
                self.check_access()
                self.ask("think about a sum")
                self.page.locator(".thinking summary").last.click()
                self.ask("markdown")
                self.page.evaluate("() => document.querySelectorAll('.user')[1].scrollIntoView()")
                self.shot(f"answer-{theme}")
                self.page.evaluate("() => { document.getElementById('scroller').scrollTop = 1e6; }")
                self.shot(f"answer-end-{theme}")
                self.check_access()
                self.ask("tools")
                self.shot(f"tool-{theme}")
                self.ask("bad request")
                self.shot(f"error-{theme}")
                self.check_access()
                self.page.evaluate("() => { document.getElementById('scroller').scrollTop = 0; }")
                self.shot(f"thinking-{theme}")
                self.page.get_by_role("button", name="Settings").click()
                self.shot(f"settings-{theme}")
                self.check_access()
                self.page.keyboard.press("Escape")

    def test_waiting_scene(self):
        self.server.busy = 1
        self.server.retry_after = 30
        self.send("busy server, please answer")
        expect(self.page.locator(".waiting")).to_be_visible()
        self.shot("busy-light")
        self.page.keyboard.press("Escape")

    def test_keyboard_alone(self):
        expect(self.page.locator("#input")).to_be_focused()
        self.page.keyboard.type("one")
        self.page.keyboard.press("Shift+Enter")
        self.page.keyboard.type("two")
        expect(self.page.locator("#input")).to_have_value("one\ntwo")
        self.page.keyboard.press("Enter")
        expect(self.answer()).to_contain_text("You said: one")
        self.finish()
        expect(self.page.locator("#input")).to_be_focused()
        self.page.keyboard.press("Tab")
        outline = self.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        self.assertEqual("solid", outline)

    def test_composing_characters_does_not_send(self):
        self.page.fill("#input", "ni")
        self.page.evaluate(
            """() => document.getElementById("input").dispatchEvent(
            new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))"""
        )
        self.assertEqual([], self.server.requests)
        expect(self.page.locator("#input")).to_have_value("ni")

    def test_settings_return_the_focus(self):
        self.page.get_by_role("button", name="Settings").focus()
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#settings")).to_be_visible()
        self.page.keyboard.press("Escape")
        expect(self.page.locator("#settings")).to_be_hidden()
        expect(self.page.get_by_role("button", name="Settings")).to_be_focused()

    def test_reduced_motion(self):
        self.page.emulate_media(reduced_motion="reduce")
        self.send("slow")
        self.page.wait_for_selector("[aria-busy=true]")
        self.assertEqual(
            "none",
            self.page.evaluate(
                "() => getComputedStyle(document.querySelector('.working')).animationName"
            ),
        )
        self.page.keyboard.press("Escape")


class Phone(Look):
    size = {"width": 360, "height": 740}

    def sideways(self):
        return self.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")

    def test_nothing_sticks_out(self):
        self.shot("phone-welcome")
        self.ask("markdown")
        self.assertEqual(0, self.sideways())
        wide = self.page.evaluate(
            """() => [...document.querySelectorAll('.thread *')]
            .filter((e) => !e.closest('pre, .table, .math') && e.getBoundingClientRect().right > innerWidth + 0.5).map((e) => e.className)"""
        )
        self.assertEqual([], wide)
        expect(self.page.locator("#jump")).to_be_hidden()
        self.shot("phone-answer")
        self.ask("tools")
        self.shot("phone-tool")
        self.ask("bad request")
        self.assertEqual(0, self.sideways())
        self.shot("phone-error")
        self.check_access()

    def test_drawer(self):
        self.ask("about lakes")
        self.assertTrue(self.page.evaluate("() => document.getElementById('sidebar').inert"))
        self.page.get_by_role("button", name="Open conversations").click()
        expect(self.page.get_by_role("button", name="Close conversations")).to_be_focused()
        self.assertTrue(self.page.evaluate("() => document.getElementById('main').inert"))
        self.shot("phone-drawer")
        self.check_access()
        self.page.keyboard.press("Escape")
        expect(self.page.locator("#sidebar")).not_to_be_in_viewport()
        expect(self.page.get_by_role("button", name="Open conversations")).to_be_focused()
        self.page.get_by_role("button", name="Open conversations").click()
        self.page.get_by_role("button", name="New chat").click()
        expect(self.page.locator("#sidebar")).not_to_be_in_viewport()
        self.page.keyboard.press("Control+k")
        expect(self.page.locator("#search")).to_be_focused()
        self.page.locator(".conversation").click()
        expect(self.answer()).to_contain_text("about lakes")
        self.assertEqual(0, self.sideways())

    def test_settings(self):
        self.page.get_by_role("button", name="Open conversations").click()
        self.page.get_by_role("button", name="Settings").click()
        self.shot("phone-settings")
        self.assertEqual(0, self.sideways())
        expect(self.page.get_by_role("button", name="Close settings")).to_be_in_viewport()

    # Those of the desktop hold there.
    test_scenes = test_waiting_scene = test_keyboard_alone = (
        test_colours_follow_the_system_and_the_switch
    ) = None
    test_composing_characters_does_not_send = test_settings_return_the_focus = (
        test_reduced_motion
    ) = None
