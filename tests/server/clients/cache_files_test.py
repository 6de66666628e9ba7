"""What `tarn serve --cache-dir` leaves on disk when it is killed in the middle of a save, when the disk is full, and
when it may not write. Arguments: the program's path, then unittest's."""

import os
import random
import re
import resource
import shutil
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from serve import Server

BINARY = ""
SUBJECTS = ["a lake", "an old bridge", "the winter", "a small boat", "two friends", "the baker", "a lost key", "rain"]
COMPLETE = re.compile(r"prefix-[0-9a-f]{16}\.tarn")


def prompt(number):
    return f"Story {number}. " + " ".join(f"There was {SUBJECTS[(number + i) % 8]} in it." for i in range(25))


def ask(server, number):
    status, answer = server.post("/v1/chat/completions", {
        "messages": [{"role": "user", "content": prompt(number)}], "max_tokens": 24, "temperature": 0})
    assert status == 200, answer
    message = answer["choices"][0]["message"]
    return (message["reasoning_content"], message["content"]), answer["usage"]["prompt_tokens_details"]["cached_tokens"]


class CacheFiles(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.cache = self.folder / "cache"
        self.log = open(self.folder / "log", "w+", encoding="utf-8")

    def tearDown(self):
        self.log.close()
        shutil.rmtree(self.folder)

    def serve(self, folder=None, **process):
        return Server(BINARY, "--threads", "1", "--no-governor", "--cache-dir", str(folder or self.cache), stderr=self.log,
                      **process)

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def test_conversations_go_on_after_a_restart(self):
        with self.serve() as server:
            first = [ask(server, i) for i in range(4)]
            status, saved = server.post("/cache/save", {})
            self.assertEqual((status, saved["prefixes"]), (200, len(list(self.cache.iterdir()))))
            server.process.kill()
        with self.serve() as server:
            for i, (text, cached) in enumerate(first):
                self.assertEqual(cached, 0)
                again, cached = ask(server, i)
                self.assertEqual(again, text)
                self.assertGreater(cached, 100)

    def test_a_kill_in_the_middle_of_a_save_leaves_whole_files(self):
        chance = random.Random(1)
        interrupted, attempt = 0, 0
        answers = {}
        while interrupted < 2 or not any(COMPLETE.fullmatch(file.name) for file in self.cache.iterdir()):
            self.assertLess(attempt, 40, "the kills fall between the files: the test shows nothing")
            with self.serve() as server:
                answers.update({i: ask(server, i)[0] for i in range(attempt * 3, attempt * 3 + 3)})
                before = self.count()
                saving = threading.Thread(target=self.save_and_lose, args=(server,))
                saving.start()
                end = time.monotonic() + 5
                # Killed when the first new file shows, or up to 15 ms later: between and inside of files.
                while time.monotonic() < end and before == self.count():
                    pass
                time.sleep(chance.uniform(0, 0.015))
                server.process.kill()
                server.process.wait()
                saving.join()
            interrupted += any(not COMPLETE.fullmatch(file.name) for file in self.cache.iterdir())
            attempt += 1
        with self.serve() as server:
            found = 0
            for number, text in answers.items():
                again, cached = ask(server, number)
                self.assertEqual(again, text)
                found += cached > 0
            self.assertGreater(found, 0)
            for file in self.cache.iterdir():
                self.assertRegex(file.name, COMPLETE)
        self.assertNotIn("warning", self.logged())

    def count(self):
        return sum(1 for _ in self.cache.glob("prefix-*")) if self.cache.exists() else 0

    @staticmethod
    def save_and_lose(server):
        try:
            server.post("/cache/save", {})
        except OSError:
            pass  # the server is gone

    def test_a_disk_that_takes_no_more_is_told_and_loses_nothing(self):
        with self.serve() as server:
            ask(server, 1)
            self.assertEqual(server.post("/cache/save", {})[0], 200)
        before = sorted((file.name, file.read_bytes()) for file in self.cache.iterdir())
        limit = len(before[0][1]) // 2

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        # Python ignores SIGXFSZ, and so does its child: a write past the limit fails as on a full disk.
        with self.serve(preexec_fn=small_files, restore_signals=False) as server:
            text, _ = ask(server, 2)
            status, answer = server.post("/cache/save", {})
            self.assertEqual((status, answer["error"]["code"]), (500, "cache_not_saved"))
            self.assertIn("File too large", answer["error"]["message"])
            self.assertIn(str(self.cache), answer["error"]["message"])
            self.assertEqual(ask(server, 2)[0], text)  # and goes on
        after = sorted((file.name, file.read_bytes()) for file in self.cache.iterdir())
        self.assertEqual(before, after)

    def test_a_folder_that_cannot_be_written_is_told(self):
        place = self.folder / "file"
        place.write_text("not a folder")
        with self.serve(place) as server:
            text, _ = ask(server, 1)
            status, answer = server.post("/cache/save", {})
            self.assertEqual((status, answer["error"]["code"]), (500, "cache_not_saved"))
            self.assertIn(str(place), answer["error"]["message"])
            self.assertEqual(ask(server, 1)[0], text)
        self.assertIn("could not be saved", self.logged())
        self.assertEqual(place.read_text(), "not a folder")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_folder_without_permission_is_told(self):
        self.cache.mkdir(0o500)
        with self.serve() as server:
            ask(server, 1)
            status, answer = server.post("/cache/save", {})
            self.assertEqual(status, 500)
            self.assertIn("Permission denied", answer["error"]["message"])

    def test_without_a_folder_there_is_nothing_to_save(self):
        with Server(BINARY, "--threads", "1", "--no-governor", stderr=self.log) as server:
            status, answer = server.post("/cache/save", {})
        self.assertEqual((status, answer["error"]["code"]), (400, "no_cache_dir"))


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
