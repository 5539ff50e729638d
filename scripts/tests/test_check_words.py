"""The rules of check-words.py, each on a line that breaks it and on one that does not."""

import contextlib
import importlib.util
import io
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "check-words.py"
specification = importlib.util.spec_from_file_location("check_words", SOURCE)
check = importlib.util.module_from_spec(specification)
specification.loader.exec_module(check)

NO_ONE = "No" + "body"


class Hits(unittest.TestCase):
    def words(self, text, name="a.swift"):
        return [word for _, word in check.hits(Path(name), text)]

    def test_a_comment_and_a_message_count(self):
        self.assertEqual(self.words(f"// {NO_ONE} asks.\nthrow Problem(\"{NO_ONE} asks\")"), [NO_ONE.lower()] * 2)

    def test_code_in_backquotes_does_not_count(self):
        self.assertEqual(self.words(f"// Runs as `{NO_ONE}`."), [])

    def test_quotations_in_prose_do_not_count(self):
        self.assertEqual(self.words(f'He said "{NO_ONE} asks".\n> {NO_ONE} asks.', "a.md"), [])

    def test_a_longer_word_does_not_count(self):
        self.assertEqual(self.words(f"let is{NO_ONE}Here = true"), [])

    def test_a_sentence_that_starts_with_a_clause_counts(self):
        self.assertEqual(self.words("/// What is " + "left out is counted."), ["what is"])

    def test_a_question_and_an_inner_clause_do_not_count(self):
        self.assertEqual(self.words("# What is " + "this?\n# Says what is wrong.", "a.md"), [])


class Known(unittest.TestCase):
    def run_on(self, text, listed, *options):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "docs").mkdir()
            (root / "scripts").mkdir()
            (root / "docs/a.md").write_text(text)
            (root / check.KNOWN).write_text(listed)
            with contextlib.redirect_stdout(io.StringIO()):
                status = check.main([folder, *options])
            return status, (root / check.KNOWN).read_text()

    def test_a_hit_outside_the_list_fails(self):
        self.assertEqual(self.run_on(NO_ONE, "")[0], 1)

    def test_a_listed_hit_passes(self):
        self.assertEqual(self.run_on(NO_ONE, "1 docs/a.md\n")[0], 0)

    def test_one_hit_more_than_listed_fails(self):
        self.assertEqual(self.run_on(f"{NO_ONE} {NO_ONE}", "1 docs/a.md\n")[0], 1)

    def test_update_lowers_a_count(self):
        self.assertIn("1 docs/a.md", self.run_on(NO_ONE, "5 docs/a.md\n", "--update")[1])

    def test_update_raises_no_count(self):
        self.assertIn("1 docs/a.md", self.run_on(f"{NO_ONE} {NO_ONE}", "1 docs/a.md\n", "--update")[1])


if __name__ == "__main__":
    unittest.main()
