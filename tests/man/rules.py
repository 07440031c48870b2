# SPDX-License-Identifier: Apache-2.0
"""Every rule of relworker-rules.7 has a test that shows it (TAP).

rules.py SRCDIR

A comment before an entry of the page, `.\\" rule: NAME`, names it.  TESTS says for each what shows what the
page says of it: a file below tests/ and words that stand in it once or more, which are the name of a
test, or the row of its table.
"""

import os
import re
import sys

import displays
from displays import Fail, need

SRC = os.path.abspath(sys.argv[1])
PAGE = "relworker-rules.7"

RULES, LOADER = "unit/check_worker_rules.c", "unit/check_worker_loader.c"
CHANGE, FAULT, REHEARSE, TASK, WORDS = (f"unit/check_worker_{n}.c"
                                        for n in ("change", "fault", "rehearse", "task", "words"))
CHECK, STATES, STRAYS = "check/check.py", "check/states.py", "scenario/26-strays.bats"


def test(name):
    return f"START_TEST({name})"


TESTS = {
    "static": [(RULES, test("a_static_variable_begins_anew")),
               (CHECK, 'self.one("a variable", [], ["elf_writable_static"]')],
    "pointer": [(CHECK, 'self.one("a function in the state", ["state_points_into_code"]'),
                (CHECK, 'self.one("a function in the state, with rebind"'),
                (FAULT, test("a_stale_call_of_the_loop_is_named")), (WORDS, '{"fault-pointer"')],
    "literal": [(CHECK, 'self.one("a text in the state", [], ["state_points_into_code"]'),
                (FAULT, test("a_stale_literal_is_named")), (WORDS, '{"fault-literal"')],
    "rw": [(RULES, test("a_kept_rw_is_another_after_an_upgrade"))],
    "thread": [(TASK, test("a_thread_of_the_modules_own_is_found_by_its_stack")),
               (STRAYS, '@test "a thread behind the runtime\'s back: found by its stack, and nothing is unmapped')],
    "signal": [(FAULT, test("a_signal_handler_keeps_its_module")),
               (REHEARSE, '{"sigaction", "called rt_sigaction (system call "')],
    "mask": [(RULES, test("an_unblocked_sigterm_ends_it_without_terminate"))],
    "key": [(FAULT, test("a_stale_destructor_of_a_key_is_named")), (WORDS, '{"fault-key"')],
    "thread-local": [(CHANGE, '{"counter-dtor", "dlclose did not unmap it"}'),
                     (CHANGE, test("what_cannot_be_unmapped_is_told_and_blocks_a_third"))],
    "constructor": [(LOADER, '{"constructor", "elf_constructor"'),
                    (CHECK, 'self.one("a constructor", ["elf_constructor"]')],
    "destructor": [(CHECK, 'self.one("a destructor", [], ["elf_destructor"]')],
    "wait-long": [(STRAYS, '@test "a loop that does not come back is named by where it stands"')],
    "other-thread": [(TASK, test("each_call_has_its_thread"))],
    "fork": [(RULES, test("a_forked_child_holds_the_workers_connection"))],
    "wait": [(RULES, test("a_copy_that_the_module_waits_for_is_told"))],
    "close": [(RULES, test("without_its_descriptors_the_worker_ends")),
              (RULES, test("a_closed_listener_is_lost_until_the_worker_starts_anew"))],
    "dlopen": [(RULES, test("the_loader_answers_with_the_first_file_of_a_name"))],
    "library": [(LOADER, '{"runpath", "elf_runpath"'), (LOADER, '{"by-path", "elf_private_library"'),
                (LOADER, test("module_that_needs_a_module")), (LOADER, '{"private", "bad_object"'),
                (CHECK, 'self.found("a private library", a, ["elf_private_library"')],
    "symbol": [(LOADER, '{"missing", "bad_object", "undefined symbol'),
               (CHECK, 'self.one("a symbol that nobody has", ["elf_undefined_symbol"]')],
    "export": [(LOADER, '{"export-1", "elf_export"'), (LOADER, test("good_file_is_loaded")),
               (CHECK, 'self.one("an export", ["elf_export"]')],
    "unique": [(LOADER, '{"unique", "elf_unique_symbol"')],
    "nodelete": [(LOADER, '{"nodelete", "elf_nodelete"')],
    "static-tls": [(LOADER, '{"static-tls", "elf_static_tls"')],
    "text-relocation": [(LOADER, '{"textrel", "elf_text_relocation"')],
    "executable-stack": [(LOADER, '{"exec-stack", "elf_executable_stack"')],
    "damaged": [("scenario/50-bad-input.bats", '@test "a module that is cut off, at any length"'),
                ("scenario/50-bad-input.bats", '@test "a module for another machine, of another kind')],
    "name": [(CHANGE, test("registered_functions_must_be_offered")), (CHECK, '"two go", table("a")')],
    "layout": [(CHANGE, test("layout_needs_a_code_change")), (STATES, '["state_layout_changed"]')],
    "version": [(STATES, 'errors=["state_version_not_raised"]')],
    "outside": [(REHEARSE, test("what_is_seen_outside_is_forbidden"))],
    "shared": [(REHEARSE, test("shared_memory_is_not_written_to"))],
    "calls": [(CHANGE, '{"forbidden", PROTO_FORBIDDEN'), (CHANGE, test("failing_code_change_aborts_a_self_step"))],
    "old": [(RULES, test("a_change_of_the_old_state_outlives_the_abort"))],
}

def text_of(name):
    path = os.path.join(SRC, "tests", name)
    need(os.path.isfile(path), f"there is no tests/{name}")
    with open(path, encoding="utf-8") as f:
        return f.read()


def entries():
    """(name, its text) of every entry, each of which has one mark just before it."""
    found, mark, text = [], None, None
    for line in displays.page(SRC, PAGE).split("\n.Sh WHAT ", 1)[1].splitlines():
        m = re.fullmatch(r'\.\\" rule: ([a-z-]+)', line)
        if m:
            need(mark is None, f"two marks in a row: {line}")
            mark = m[1]
        elif line.startswith(".It "):
            need(mark is not None, f"no mark before: {line}")
            text = []
            found.append((mark, text))
            mark = None
        elif line.startswith((".El", ".Sh ")):
            text = None
        elif text is not None:
            text.append(line)
    need(mark is None, f"a mark without an entry: {mark}")
    return found


def check_entries(found):
    names = [n for n, _ in found]
    need(len(names) > 25, "the page was not understood")
    need(len(names) == len(set(names)), "an entry is there twice")
    for name, text in found:
        need(len(text) >= 2, f"{name}: it says no reason, or not what happens")


def check_complete(found):
    names = {n for n, _ in found}
    missing, over = sorted(names - set(TESTS)), sorted(set(TESTS) - names)
    need(not missing, f"without a test: {', '.join(missing)}")
    need(not over, f"a test of no entry: {', '.join(over)}")


def check_test(name):
    for where, words in TESTS[name]:
        text = text_of(where)
        need(words in text, f"tests/{where} has no {words}")
        m = re.fullmatch(r"START_TEST\((\w+)\)", words)
        if m:  # written and never run is no test
            need(re.search(rf"tcase_add_(loop_)?test\(\s*\w+, {m[1]}\b", text), f"{m[1]} is not run")


def check_codes(found):
    """Each error code that the page names is one."""
    with open(os.path.join(SRC, "src", "base", "err_tbl.h"), encoding="utf-8") as f:
        codes = set(re.findall(r'^X\(\w+,\s*"([a-z_]+)"', f.read(), re.M))
    outcomes = {"unchanged", "forbidden"}
    text = "\n".join(line for _, lines in found for line in lines)
    named = set(re.findall(r"\bQl ([a-z_]+)(?: [,.:]|$)", text, re.M)) - outcomes
    need(len(named) > 12, "hardly a code was found")
    need(named <= codes, f"no codes: {', '.join(sorted(named - codes))}")


def main():
    number, broken = 0, False

    def tap(title, fn, *args):
        nonlocal number, broken
        number += 1
        try:
            fn(*args)
            print(f"ok {number} - {title}")
        except (Fail, OSError) as e:
            broken = True
            print(f"not ok {number} - {title}")
            print(f"#   {e}")

    found = []
    tap("every entry has its mark", lambda: found.extend(entries()))
    tap("every entry is whole", check_entries, found)
    tap("every entry has a test, and every test an entry", check_complete, found)
    tap("the error codes are those of relup", check_codes, found)
    for name in TESTS:
        tap(f"{name}: its test is there", check_test, name)
    print(f"1..{number}")
    sys.exit(1 if broken else 0)


main()
