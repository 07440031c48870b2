/* SPDX-License-Identifier: Apache-2.0
 * worker: what the loader refuses of a module's file, and what it makes of the rest.  Each module of
 * tests/modules/loader is wrong in one way, in which it alone decides; README there lists the ways.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

#define OUT "loader/out/"

static const char *
text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static void
says(json_t *o, const char *code, const char *word)
{
	ck_assert_str_eq(text_of(o, "code"), code);
	if (strstr(text_of(o, "text"), word) == NULL)
		ck_abort_msg("'%s' is not in: %s", word, text_of(o, "text"));
}

static json_t *
modules_of(const char *name)
{
	char file[64];
	snprintf(file, sizeof(file), OUT "%s", name);
	return fake_modules(file, "loader", NULL);
}

static void
start(json_t *modules)
{
	fake_start("loader", modules, NULL);
	json_decref(fake_expect("ready"));
}

static json_t *
steps(void)
{
	return json_pack("[o]", fake_step(0, true, json_pack("[s]", "loader"), NULL, NULL));
}

static void
upgrade(const char *name)
{
	fake_prepare(steps(), modules_of(name), 60000);
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	if (f.decided != PROTO_COMMIT)
		ck_abort_msg("%s", f.text);
}

static json_int_t
ask(void)
{
	json_t *reply = fake_call("any");
	json_int_t n = json_integer_value(json_object_get(reply, "reply"));
	ck_assert(json_is_true(json_object_get(reply, "ok")));
	json_decref(reply);
	return n;
}

/* ------------------------------------------------------------------ the file */
static const struct {
	const char *file, *code, *word;
} refused[] = {
    {"export-1", "elf_export", "exports loader_helper, and does not bind it to itself"},
    {"sysv-export", "elf_export", "exports loader_helper, and does not bind it to itself"},
    {"unique", "elf_unique_symbol", "has the symbol loader_unique, which all versions share"},
    {"nodelete", "elf_nodelete", "is linked with -z nodelete"},
    {"static-tls", "elf_static_tls", "has thread-local variables in the static block"},
    {"own-init", "elf_constructor", "has constructors"},
    {"bare", "elf_constructor", "has constructors"},
    {"bare-init", "elf_constructor", "has constructors"},
#ifndef RELUP_INSTRUMENTED
    {"constructor", "elf_constructor", "has constructors"},
    {"early", "elf_constructor", "has constructors"},
    {"stripped-bad", "elf_constructor", "has constructors"},
#endif
    {"runpath", "elf_runpath", "has a search path for libraries"},
    {"rpath", "elf_runpath", "has a search path for libraries"},
    {"textrel", "elf_text_relocation", "has relocations in its code"},
    {"exec-stack", "elf_executable_stack", "wants an executable stack"},
    {"by-path", "elf_private_library", ", by its path: a second version"},
    {"private", "bad_object", "libother.so.1: cannot open shared object file"},
    {"missing", "bad_object", "undefined symbol: loader_nowhere"},
};

START_TEST(bad_file_is_refused)
{
	char path[64];
	fake_start("loader", modules_of(refused[_i].file), NULL);
	json_t *failed = fake_expect("failed");
	says(failed, refused[_i].code, refused[_i].word);
	snprintf(path, sizeof(path), "/%s.so", refused[_i].file);
	says(failed, refused[_i].code, path);
	json_decref(failed);
	int status = fake_exit(); /* of itself: nothing of the module has run */
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}
END_TEST

START_TEST(bad_file_leaves_a_worker_as_it_was)
{
	char path[64];
	start(modules_of("good-1"));
	fake_prepare(steps(), modules_of(refused[_i].file), 60000);
	json_t *b = fake_prepared(false);
	says(b, refused[_i].code, refused[_i].word);
	json_decref(b);
	snprintf(path, sizeof(path), "/%s.so", refused[_i].file);
	ck_assert_int_eq(fake_maps(path), 0);
	ck_assert_int_eq(ask(), 1);
}
END_TEST

static const char *const accepted[] = {"good-1", "symbolic-1", "protected-1", "versioned", "stripped",
    "no-locals", "bare-good", "sysv", "ends", "lazy", "atexit", "atfork", "soname-1"};

START_TEST(good_file_is_loaded)
{
	start(modules_of(accepted[_i]));
	ck_assert_int_eq(ask(), 1);
}
END_TEST

/* ------------------------------------------------------------------ names and files */
/* The module at `path`, under a digest that nothing else has. */
static json_t *
at_path(const char *name, const char *path)
{
	char file[64];
	snprintf(file, sizeof(file), OUT "%s", name);
	json_t *m = fake_module(file, "loader");
	char digest[65];
	snprintf(digest, sizeof(digest), "%064zx", strlen(path) * 1000 + (unsigned char)name[strlen(name) - 1]);
	json_object_set_new(m, "path", json_string(path));
	json_object_set_new(m, "digest", json_string(digest));
	return json_pack("[o]", m);
}

static void
copy_to(const char *name, char path[512])
{
	struct rel_err err = REL_ERR_INIT;
	char file[64], *data;
	size_t len;
	snprintf(file, sizeof(file), OUT "%s", name);
	json_t *m = fake_module(file, "loader");
	const char *from = text_of(m, "path");
	ck_assert_int_eq(rel_file_read(AT_FDCWD, from, from, 64u << 20, &data, &len, &err), 0);
	snprintf(path, 512, "%s/run/a.so", fake.dir);
	ck_assert_int_eq(rel_file_replace(AT_FDCWD, path, data, len, 0444, false, &err), 0);
	free(data);
	json_decref(m);
}

static void
another_name_is_refused(json_t *modules)
{
	fake_prepare(steps(), modules, 60000);
	json_t *b = fake_prepared(false);
	says(b, "bad_object", "the loader holds this file already under another name");
	json_decref(b);
	ck_assert_int_eq(ask(), 1);
}

START_TEST(another_file_under_a_name_in_use)
{
	char path[512];
	copy_to("good-1", path);
	start(at_path("good-1", path));
	copy_to("good-2", path); /* by a rename: another inode */
	another_name_is_refused(at_path("good-2", path));
	unlink(path);
}
END_TEST

START_TEST(another_name_of_a_file_in_use)
{
	char path[512], other[512];
	int (*const make[])(const char *, const char *) = {link, symlink};
	copy_to("good-1", path);
	start(at_path("good-1", path));
	snprintf(other, sizeof(other), "%s/run/other.so", fake.dir);
	ck_assert_int_eq(make[_i](path, other), 0);
	another_name_is_refused(at_path("good-1", other));
	unlink(other);
	unlink(path);
}
END_TEST

/* A number of a descriptor is a name that comes again. */
START_TEST(another_file_under_a_descriptor_in_use)
{
	char path[512], link[64];
	int fd[2];
	for (int i = 0; i < 2; i++) {
		copy_to(i == 0 ? "good-1" : "good-2", path);
		fd[i] = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fd[i], 0);
		unlink(path);
	}
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", getpid(), fd[0]);
	start(at_path("good-1", link));
	ck_assert_int_eq(dup3(fd[1], fd[0], O_CLOEXEC), fd[0]);
	another_name_is_refused(at_path("good-2", link));
	close(fd[0]);
	close(fd[1]);
}
END_TEST

/* Of its soname the first version would answer. */
START_TEST(module_that_needs_a_module)
{
	start(modules_of("soname-1"));
	fake_prepare(steps(), modules_of("needs-module"), 60000);
	json_t *b = fake_prepared(false);
	says(b, "elf_private_library", "needs loader_module.so, which is a module");
	ck_assert_ptr_nonnull(strstr(text_of(b, "hint"), "by an import"));
	json_decref(b);
	ck_assert_int_eq(ask(), 1);
}
END_TEST

/* ------------------------------------------------------------------ two of them */
START_TEST(each_version_calls_its_own)
{
	start(modules_of("symbolic-1"));
	upgrade("symbolic-2");
	ck_assert_int_gt(fake_maps("/symbolic-1.so"), 0); /* both are there */
	ck_assert_int_eq(ask(), 2);
	json_decref(fake_finish(true));
	ck_assert_int_eq(fake_maps("/symbolic-1.so"), 0);
	ck_assert_int_eq(ask(), 2);
}
END_TEST

START_TEST(no_module_is_bound_to_another)
{
	start(fake_modules(OUT "shares", "loader", OUT "seeks", "seeks", NULL));
	ck_assert_int_gt(fake_maps("/seeks.so"), 0);
	ck_assert_int_eq(ask(), 0); /* it did not find what the other shows */
}
END_TEST

/* ------------------------------------------------------------------ what is allowed */
START_TEST(atexit_runs_when_it_is_unmapped)
{
	char buf[8] = "";
	start(modules_of("atexit"));
	upgrade("good-2");
	ck_assert_int_eq(recv(fake.client, buf, sizeof(buf), MSG_DONTWAIT), -1);
	json_decref(fake_finish(true));
	ck_assert_int_eq(fake_maps("/atexit.so"), 0);
	ck_assert_int_eq(recv(fake.client, buf, sizeof(buf) - 1, MSG_DONTWAIT), 3);
	ck_assert_str_eq(buf, "bye");
	ck_assert_int_eq(ask(), 2);
}
END_TEST

/* A rehearsal forks: handlers in code that is gone would be the end of it. */
START_TEST(atfork_goes_with_its_module)
{
	start(modules_of("atfork"));
	upgrade("good-2");
	json_decref(fake_finish(true));
	ck_assert_int_eq(fake_maps("/atfork.so"), 0);
	fake_send("rehearse", json_pack("{s:i, s:i, s:o, s:o}", "operation", FAKE_OP, "deadline_ms",
	    60000, "steps", steps(), "modules", modules_of("good-1")));
	json_t *b = fake_expect("rehearsed");
	ck_assert_str_eq(text_of(b, "result"), "ok");
	json_decref(b);
	ck_assert_int_eq(ask(), 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_loader");
	TCase *tc = tcase_create("loader");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_loop_test(tc, bad_file_is_refused, 0, (int)NELEM(refused));
	tcase_add_loop_test(tc, bad_file_leaves_a_worker_as_it_was, 0, (int)NELEM(refused));
	tcase_add_loop_test(tc, good_file_is_loaded, 0, (int)NELEM(accepted));
	tcase_add_test(tc, another_file_under_a_name_in_use);
	tcase_add_loop_test(tc, another_name_of_a_file_in_use, 0, 2);
	tcase_add_test(tc, another_file_under_a_descriptor_in_use);
	tcase_add_test(tc, module_that_needs_a_module);
	tcase_add_test(tc, each_version_calls_its_own);
	tcase_add_test(tc, no_module_is_bound_to_another);
	tcase_add_test(tc, atexit_runs_when_it_is_unmapped);
	tcase_add_test(tc, atfork_goes_with_its_module);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
