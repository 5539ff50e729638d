"""Each structure rule can fail: a small tree that keeps them all, then one broken rule at a time."""

import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "check-structure.py"
spec = importlib.util.spec_from_file_location("check_structure", SCRIPT)
structure = importlib.util.module_from_spec(spec)
spec.loader.exec_module(structure)

TARGETS = {
    "CUV": ("Sources/C/CUV", []),
    "EventLoop": ("Sources/Runtime/EventLoop", ["CUV"]),
    "JSON": ("Sources/Runtime/JSON", []),
    "ThreeScale": ("Sources/Helper/ThreeScale", ["EventLoop", "JSON"]),
    "Sandbox": ("Sources/Sandbox/Sandbox", ["EventLoop", "JSON"]),
    "ProvisioningModel": ("Model/Sources/ProvisioningModel", ["ThreeScale"]),
    "EndToEndTests": ("Tests/EndToEndTests", ["ThreeScale", "Sandbox"]),
}


class StructureTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.targets = {name: (path, list(needs)) for name, (path, needs) in TARGETS.items()}
        self.write("Sources/Runtime/EventLoop/Loop.swift",
                   "import CUV\n\nfinal class Loop: @unchecked Sendable { func f() { unsafe uv_run() } }\n")
        self.write("Sources/Runtime/JSON/JSON.swift", "import FoundationEssentials\n// unsafe, try! are only words here\n")
        self.write("Sources/Helper/ThreeScale/ThreeScale.swift", 'package import JSON\nlet a = "https://example.com"\n')
        self.write("Sources/Sandbox/Sandbox/Sandbox.swift", "import EventLoop\n")
        self.write("Tests/EndToEndTests/Tests.swift", "import Foundation\n@testable import Sandbox\nimport ThreeScale\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def description(self):
        return {"targets": [
            {"name": name, "path": path, "target_dependencies": needs} for name, (path, needs) in self.targets.items()]}

    def errors(self):
        return structure.Check(self.root, self.description()).run()

    def expect(self, *parts):
        """Exactly one error, which says all of `parts`."""
        errors = self.errors()
        self.assertEqual(len(errors), 1, errors)
        for part in parts:
            self.assertIn(part, errors[0])

    def test_a_tree_that_keeps_the_rules_has_no_errors(self):
        self.assertEqual(self.errors(), [])

    def test_a_product_target_may_not_depend_on_the_model(self):
        self.targets["JSON"][1].append("ProvisioningModel")
        self.assertTrue(any("target JSON: nothing that ships may reach the model" in error for error in self.errors()))

    def test_the_model_may_not_turn_errors_into_traps(self):
        self.write("Model/Sources/ProvisioningModel/Main.swift", "let a = try! f()\n")
        self.expect("Model/Sources/ProvisioningModel/Main.swift:1", "try!")

    def test_a_product_target_may_not_depend_on_the_sandbox(self):
        self.targets["ThreeScale"][1].append("Sandbox")
        self.expect("Package.swift", "ThreeScale", "nothing that ships")

    def test_a_product_target_may_not_reach_the_sandbox_through_another(self):
        self.targets["HelperServer"] = ("Sources/Helper/HelperServer", ["ThreeScale"])
        self.targets["ThreeScale"][1].append("Sandbox")
        self.assertEqual([line.split(":")[2].split()[1] for line in self.errors()], ["HelperServer", "ThreeScale"])

    def test_a_product_source_may_not_import_the_sandbox(self):
        self.write("Sources/Helper/ThreeScale/Cheat.swift", "\nimport Sandbox\n")
        self.expect("Cheat.swift:2", "nothing that ships")

    def test_the_runtime_may_not_depend_on_the_product(self):
        self.targets["JSON"][1].append("ThreeScale")
        self.assertTrue(any("the runtime knows nothing" in line for line in self.errors()))

    def test_the_runtime_may_not_import_the_product(self):
        self.write("Sources/Runtime/JSON/Up.swift", "internal import ThreeScale\n")
        self.expect("Up.swift:1", "the runtime knows nothing")

    def test_the_sandbox_may_not_depend_on_the_product(self):
        self.targets["Sandbox"][1].append("ThreeScale")
        self.expect("Package.swift", "shares no code")

    def test_the_sandbox_may_not_import_the_product(self):
        self.write("Sources/Sandbox/Sandbox/Cheat.swift", "import struct ThreeScale.Service\n")
        self.expect("Cheat.swift:1", "shares no code")

    def test_a_c_module_has_no_second_dependent(self):
        self.targets["JSON"][1].append("CUV")
        self.expect("CUV", "exactly one importer")

    def test_a_c_module_has_a_dependent(self):
        self.targets["CCurl"] = ("Sources/C/CCurl", [])
        self.expect("CCurl", "has none")

    def test_a_c_module_is_imported_by_the_target_that_names_it(self):
        self.write("Sources/Runtime/EventLoop/Loop.swift", "// import CUV\n")
        self.expect("CUV", "not imported by EventLoop")

    def test_a_c_module_is_not_imported_elsewhere(self):
        self.write("Sources/Runtime/JSON/Pointer.swift", "package import CUV\n")
        self.expect("Pointer.swift:1", "does not wrap it")

    def test_unsafe_code_stays_in_the_wrapping_targets(self):
        for code in ("unsafe f()", "nonisolated(unsafe) var a = 1", "func f(_: UnsafeRawPointer) {}", "a.withUnsafeBytes {}"):
            with self.subTest(code):
                self.write("Sources/Helper/ThreeScale/Pointer.swift", f"\n{code}\n")
                self.expect("Pointer.swift:2", "nsafe")

    def test_unchecked_sendable_stays_in_the_wrapping_targets(self):
        self.write("Sources/Helper/ThreeScale/Box.swift", "final class Box: @unchecked Sendable {}\n")
        self.expect("Box.swift:1", "@unchecked Sendable")

    def test_foundation_is_not_imported_by_what_ships(self):
        for module in ("Foundation", "FoundationNetworking"):
            with self.subTest(module):
                self.write("Sources/Sandbox/Sandbox/Big.swift", f"@preconcurrency import {module}\n")
                self.expect("Big.swift:1", module)

    def test_force_try_is_refused(self):
        self.write("Sources/Runtime/JSON/Trap.swift", "let a = try! f()\n")
        self.expect("Trap.swift:1", "trap")

    def test_a_mutex_of_a_tuple_is_refused_in_tests_too(self):
        self.write("Tests/EndToEndTests/State.swift", "let a = Mutex<(isOpen: Bool, count: Int)>((false, 0))\n")
        self.expect("Tests/EndToEndTests/State.swift:1", "mutex of a tuple")

    def test_unfinished_work_is_refused_in_every_file(self):
        for word in structure.UNFINISHED:
            for path in ("Sources/Runtime/JSON/Later.swift", "docs/page.md"):
                with self.subTest(f"{word} {path}"):
                    self.write(path, f"// {word}: later\n")
                    self.expect(f"{path}:1", word)
                    (self.root / path).unlink()

    def test_foreign_text_becomes_a_number_in_one_place(self):
        for source in (
                "guard let port = Int(text), (1...9).contains(port) else { return nil }",
                "guard first,\n    let port = UInt16(text[text.index(after: colon)...]) else { return nil }",
                "if let port = Int(String(text.prefix(2))) { f(port) }",
                "let wait = min(Int(text) ?? 5, 5)",
                "let wait = fields[name].flatMap { Int($0) }",
                "let parts = text.split(separator: \":\").compactMap(Int.init)",
                "let parts = text.split(separator: \":\").compactMap { Int64($0) }",
                "let byte = UInt8(text.prefix(2), radix: 16)",
                "let isNumber = Int(text) != nil",
                "let number = Int(text)!",
                "let id = Int(text).flatMap { range.contains($0) ? $0 : nil }"):
            with self.subTest(source):
                self.write("Sources/Helper/ThreeScale/Number.swift", "\n" + source + "\n")
                self.expect("Number.swift:", "a number read from text")

    def test_other_conversions_to_whole_numbers_are_fine(self):
        self.write("Sources/Helper/ThreeScale/Number.swift", """
            let a = Int(byte) + 1
            guard let b = Int(exactly: wide), let c = ForeignNumber(text)?.within(0...9) else { return }
            let d = values.map { Int($0) }
            let e = String(number, radix: 16)
            if Int(byte) == 3, let f = value.int(in: 0...9) { g(Int(clamping: f) != h) }
            let i = list[Int(index)] ?? 0
            let j = Int(exactly: quota.rounded(.up)) ?? 1
            reader.int(forKey: "A")
            // Int(text) ?? 0, value.int
            """)
        self.assertEqual(self.errors(), [])

    def test_the_readers_of_numbers_and_the_sandbox_read_text(self):
        self.write("Sources/Runtime/JSON/Number.swift", "let a = Int(text) ?? value.int\n")
        self.write("Sources/Sandbox/Sandbox/Number.swift", "let a = Int(text) ?? value.int\n")
        self.assertEqual(self.errors(), [])

    def test_a_number_with_a_fraction_is_rounded_where_it_cannot_trap(self):
        self.write("Sources/Helper/ThreeScale/Number.swift", "let a = Int((value * scale).rounded(.up))\n")
        self.expect("Number.swift:1", "traps beyond 64 bits")

    def test_a_json_number_is_read_with_its_range(self):
        self.write("Sources/Helper/ThreeScale/Number.swift", 'let a = answer["id"]?.int\n')
        self.expect("Number.swift:1", "int(in: range)")

    def test_a_foreign_number_gets_no_arithmetic(self):
        self.write("Sources/Helper/ThreeScale/Number.swift", "\nextension ForeignNumber { var next: Int { 1 } }\n")
        self.expect("Number.swift:2", "no arithmetic")
        (self.root / "Sources/Helper/ThreeScale/Number.swift").unlink()
        self.write("Sources/Runtime/JSON/ForeignNumber.swift", "struct ForeignNumber { static func + (a: Int) {} }\n")
        self.expect("ForeignNumber.swift:1", "no arithmetic")

    def test_no_file_names_a_folder_outside_the_repository(self):
        for place in structure.ELSEWHERE:
            with self.subTest(place):
                self.write("scripts/run.sh", f"\ncat {place}x\n")
                self.expect("scripts/run.sh:2", place)

    def test_generated_folders_are_not_read(self):
        for folder in (".build", ".build-release", ".tools", ".git"):
            self.write(f"{folder}/page.md", structure.UNFINISHED[0])
        self.assertEqual(self.errors(), [])

    def test_a_long_file_is_a_warning_only(self):
        self.write("Sources/Runtime/JSON/Long.swift", "\n" * (structure.LONG_FILE + 1))
        check = structure.Check(self.root, self.description())
        self.assertEqual(check.run(), [])
        self.assertEqual(len(check.warnings), 1)
        self.assertIn("Long.swift", check.warnings[0])

    def test_the_exit_status_says_whether_a_rule_is_broken(self):
        self.write("description.json", json.dumps(self.description()))
        command = [sys.executable, SCRIPT, self.root, "--description", self.root / "description.json"]
        self.assertEqual(subprocess.run(command, stdout=subprocess.DEVNULL).returncode, 0)
        self.write("Sources/Runtime/JSON/Trap.swift", "let a = try! f()\n")
        self.assertEqual(subprocess.run(command, stdout=subprocess.DEVNULL).returncode, 1)


if __name__ == "__main__":
    unittest.main()
