"""Conversations that are kept, found, renamed, deleted, exported and imported."""

import json
import tempfile
from pathlib import Path

from page_case import PageCase, expect


class Conversations(PageCase):
    def titles(self):
        return self.page.locator(".conversation-title")

    def menu(self, title, action):
        item = self.page.locator("#conversations li", has_text=title)
        item.hover()
        item.get_by_role("button", name=f"Actions for {title}").click()
        self.page.locator(".menu").get_by_role("button", name=action).click()

    def two_conversations(self):
        self.ask("about lakes")
        self.page.get_by_role("button", name="New chat").click()
        self.ask("about trees")

    def test_kept_over_reload(self):
        self.two_conversations()
        self.reload()
        expect(self.titles()).to_have_text(["about trees", "about lakes"])
        expect(self.answer()).to_contain_text("You said: about trees")
        self.titles().nth(1).click()
        expect(self.answer()).to_contain_text("You said: about lakes")

    def test_reload_in_mid_stream_keeps_what_came(self):
        self.send("slow")
        expect(self.answer()).to_contain_text("word30")
        self.page.reload()
        expect(self.answer()).to_contain_text("word10")
        expect(self.answer()).to_contain_text("The page was closed during this answer.")
        self.act(self.answer(), "Answer again")
        self.page.keyboard.press("Escape")
        self.finish()
        expect(self.answer()).to_contain_text("2 / 2")

    def test_answers_go_on_in_the_background(self):
        self.send("slow")
        expect(self.answer()).to_contain_text("word2")
        self.page.get_by_role("button", name="New chat").click()
        expect(self.page.get_by_role("img", name="answering")).to_be_visible()
        self.ask("meanwhile")
        expect(self.answer()).to_contain_text("You said: meanwhile")
        self.titles().nth(1).click()
        expect(self.answer()).to_contain_text("word20")
        self.page.keyboard.press("Escape")
        self.finish()

    def test_search_in_titles_and_messages(self):
        self.two_conversations()
        self.page.keyboard.press("Control+k")
        expect(self.page.locator("#search")).to_be_focused()
        self.page.keyboard.type("SAID lakes")
        expect(self.titles()).to_have_text(["about lakes"])
        self.page.keyboard.press("Enter")
        expect(self.answer()).to_contain_text("You said: about lakes")
        self.page.fill("#search", "nowhere")
        expect(self.page.locator(".nothing")).to_have_text("Nothing found.")
        self.page.press("#search", "Escape")
        expect(self.titles()).to_have_count(2)

    def test_keyboard_walks_the_list(self):
        self.two_conversations()
        self.page.keyboard.press("Control+k")
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#title")).to_have_text("about lakes")
        self.page.keyboard.press("Control+Shift+O")
        expect(self.page.locator("#title")).to_have_text("New chat")
        expect(self.page.locator("#input")).to_be_focused()

    def test_rename(self):
        self.ask("about lakes")
        self.menu("about lakes", "Rename")
        self.page.get_by_label("New name").fill("Deep water")
        self.page.keyboard.press("Enter")
        expect(self.titles()).to_have_text(["Deep water"])
        self.reload()
        expect(self.page.locator("#title")).to_have_text("Deep water")
        self.menu("Deep water", "Rename")
        self.page.get_by_label("New name").fill("Other")
        self.page.keyboard.press("Escape")
        expect(self.titles()).to_have_text(["Deep water"])

    def test_delete_and_undo(self):
        self.two_conversations()
        self.menu("about lakes", "Delete")
        expect(self.titles()).to_have_text(["about trees"])
        self.page.get_by_role("button", name="Undo").click()
        expect(self.titles()).to_have_count(2)
        self.menu("about trees", "Delete")
        self.reload()
        expect(self.titles()).to_have_text(["about lakes"])

    def test_deleting_stops_the_answer_and_leaves_nothing(self):
        self.send("slow")
        expect(self.answer()).to_contain_text("word3")
        self.menu("slow", "Delete")
        self.page.wait_for_timeout(800)
        left = self.page.evaluate("""() => new Promise((done) => {
            const opening = indexedDB.open("tarn");
            opening.onsuccess = () => {
                const counting = opening.result.transaction("messages").objectStore("messages").count();
                counting.onsuccess = () => done(counting.result);
            };
        })""")
        self.assertEqual(0, left)

    def test_delete_all_asks_twice(self):
        self.two_conversations()
        self.page.get_by_role("button", name="Settings").click()
        self.page.locator("#delete-all").click()
        expect(self.titles()).to_have_count(2)
        self.page.locator("#delete-all").click()
        expect(self.titles()).to_have_count(0)
        self.reload()
        expect(self.page.locator(".nothing")).to_be_visible()

    def test_export_and_import(self):
        self.two_conversations()
        self.act(self.answer(), "Answer again")
        self.finish()
        self.page.get_by_role("button", name="Settings").click()
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Export all").click()
        document = json.loads(Path(download.value.path()).read_text())
        self.assertEqual(
            ["tarn-conversations", 1, 2],
            [document["format"], document["version"], len(document["conversations"])],
        )
        other = self.new_context()
        self.page = self.open(other)
        self.page.get_by_role("button", name="Settings").click()
        self.load(document)
        expect(self.page.locator("#import-result")).to_have_text("2 conversations imported.")
        self.page.keyboard.press("Escape")
        self.reload()
        expect(self.titles()).to_have_text(["about trees", "about lakes"])
        self.titles().first.click()
        expect(self.answer()).to_contain_text("2 / 2")

    def test_one_conversation_is_exported(self):
        self.two_conversations()
        with self.page.expect_download() as download:
            self.menu("about lakes", "Export")
        self.assertEqual("tarn-about-lakes.json", download.value.suggested_filename)
        document = json.loads(Path(download.value.path()).read_text())
        self.assertEqual(
            ["about lakes"], [conversation["title"] for conversation in document["conversations"]]
        )

    def load(self, document):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "import.json"
            file.write_text(document if isinstance(document, str) else json.dumps(document))
            self.page.set_input_files("#import-file", str(file))
            self.page.wait_for_timeout(150)

    def test_bad_files_are_refused_whole(self):
        self.page.get_by_role("button", name="Settings").click()

        def message(**changes):
            return {
                "id": "a",
                "parent": None,
                "role": "user",
                "content": "x",
                "created": 1,
                **changes,
            }

        def file(*messages, **changes):
            conversation = {
                "title": "t",
                "created": 1,
                "updated": 1,
                "head": None,
                "messages": list(messages),
                **changes,
            }
            return {"format": "tarn-conversations", "version": 1, "conversations": [conversation]}

        bad = {
            "not JSON": "{",
            "no conversations of Tarn": {"format": "other"},
            "version: expected one of 1": {**file(), "version": 2},
            "“extra” is not known": {**file(), "extra": 1},
            "title: expected text": file(title=7),
            "“updated” is missing": {
                "format": "tarn-conversations",
                "version": 1,
                "conversations": [{"title": "", "created": 1, "head": None, "messages": []}],
            },
            "role: expected one of user, assistant, tool": file(message(role="system")),
            "content: expected text": file(message(content=["x"])),
            "parent: no message before": file(message(parent="b"), message(id="b", parent="a")),
            "another message has it": file(message(), message()),
            "head: no message has that id": file(message(), head="zz"),
            "id: expected an id": file(message(id="<img>")),
            "temperature: expected a number": file(settings={"temperature": 99}),
            "tools: expected a list of tools": file(settings={"tools": "{}"}),
            "toolCalls[0].name: expected text": file(
                message(role="assistant", toolCalls=[{"id": "", "name": 1, "arguments": ""}])
            ),
            "created: expected a number": file(message(created="now")),
            "“__proto__” is not known": '{"format":"tarn-conversations","version":1,"conversations":[],"__proto__":{"x":1}}',
        }
        for words, document in bad.items():
            with self.subTest(words):
                self.load(document)
                expect(self.page.locator("#import-result")).to_contain_text("Nothing was imported.")
                expect(self.page.locator("#import-result")).to_contain_text(words)
        expect(self.titles()).to_have_count(0)
        self.load(
            file(
                message(),
                message(id="b", parent="a", role="assistant", content="<b>hi</b>"),
                head="b",
            )
        )
        expect(self.page.locator("#import-result")).to_have_text("1 conversation imported.")

    def test_drafts_stay_with_their_conversations(self):
        self.ask("about lakes")
        self.page.fill("#input", "half a thought")
        self.page.get_by_role("button", name="New chat").click()
        expect(self.page.locator("#input")).to_have_value("")
        self.titles().first.click()
        expect(self.page.locator("#input")).to_have_value("half a thought")
