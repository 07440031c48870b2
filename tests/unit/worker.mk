# SPDX-License-Identifier: Apache-2.0
# They run the real relworker-1 (by $top_builddir) on the modules of tests/modules.
check_PROGRAMS += tests/unit/check_worker_start
TESTS += tests/unit/check_worker_start
tests_unit_check_worker_start_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_start_SOURCES = tests/unit/check_worker_start.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_start_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_worker_change
TESTS += tests/unit/check_worker_change
tests_unit_check_worker_change_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_change_SOURCES = tests/unit/check_worker_change.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_change_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_worker_stress
TESTS += tests/unit/check_worker_stress
tests_unit_check_worker_stress_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_stress_SOURCES = tests/unit/check_worker_stress.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_stress_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
# 200 tasks, 200 changes: half a minute.
.PHONY: check-stress-long
check-long: check-stress-long
check-stress-long: all tests/unit/check_worker_stress$(EXEEXT) $(check_LTLIBRARIES)
	$(AM_TESTS_ENVIRONMENT) RELUP_STRESS_TASKS=200 RELUP_STRESS_ROUNDS=50 tests/unit/check_worker_stress$(EXEEXT)
check_PROGRAMS += tests/unit/check_worker_task
TESTS += tests/unit/check_worker_task
tests_unit_check_worker_task_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_task_SOURCES = tests/unit/check_worker_task.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_task_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_worker_link
TESTS += tests/unit/check_worker_link
tests_unit_check_worker_link_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_link_SOURCES = tests/unit/check_worker_link.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_link_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_worker_fault
TESTS += tests/unit/check_worker_fault
tests_unit_check_worker_fault_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_fault_SOURCES = tests/unit/check_worker_fault.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_fault_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_worker_swap
TESTS += tests/unit/check_worker_swap
tests_unit_check_worker_swap_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_swap_SOURCES = tests/unit/check_worker_swap.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_swap_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
# Ten million calls and a thousand upgrades.
.PHONY: check-swap-long
check-swap-long: all tests/unit/check_worker_swap $(check_LTLIBRARIES)
	SWAP_CALLS=10000000 SWAP_UPGRADES=1000 top_builddir='$(abs_top_builddir)' tests/unit/check_worker_swap
check-long: check-swap-long
check_PROGRAMS += tests/unit/check_worker_parts
TESTS += tests/unit/check_worker_parts
tests_unit_check_worker_parts_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_parts_SOURCES = tests/unit/check_worker_parts.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_parts_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
# This one is the worker itself, by the library that hosts link.
check_PROGRAMS += tests/unit/check_worker_host
TESTS += tests/unit/check_worker_host
tests_unit_check_worker_host_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_host_SOURCES = tests/unit/check_worker_host.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h tests/modules/inward.h
tests_unit_check_worker_host_LDADD = src/worker/librelworker.la src/proto/librelproto.la \
	src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_worker_loader
TESTS += tests/unit/check_worker_loader
tests_unit_check_worker_loader_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_loader_SOURCES = tests/unit/check_worker_loader.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_loader_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
# Files that no compiler makes, looked at in this process.
check_PROGRAMS += tests/unit/check_worker_dynamic
TESTS += tests/unit/check_worker_dynamic
tests_unit_check_worker_dynamic_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_check_worker_dynamic_SOURCES = tests/unit/check_worker_dynamic.c src/worker/dynamic.c \
	src/worker/image_priv.h
tests_unit_check_worker_dynamic_LDADD = src/base/librelbase.la $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_worker_rehearse
TESTS += tests/unit/check_worker_rehearse
tests_unit_check_worker_rehearse_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_rehearse_SOURCES = tests/unit/check_worker_rehearse.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_rehearse_LDADD = src/worker/librelwcore.la src/stack/librelstack.la src/proto/librelproto.la src/base/librelbase.la \
	$(JANSSON_LIBS) $(CHECK_LIBS)
# What comes of a module that does what none may: relworker-rules(7).
check_PROGRAMS += tests/unit/check_worker_rules
TESTS += tests/unit/check_worker_rules
tests_unit_check_worker_rules_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_rules_SOURCES = tests/unit/check_worker_rules.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_rules_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_stack
TESTS += tests/unit/check_stack
tests_unit_check_stack_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_check_stack_SOURCES = tests/unit/check_stack.c
tests_unit_check_stack_LDADD = src/stack/librelstack.la src/base/librelbase.la $(CHECK_LIBS)
check_PROGRAMS += tests/unit/check_worker_words
TESTS += tests/unit/check_worker_words
tests_unit_check_worker_words_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_worker_words_SOURCES = tests/unit/check_worker_words.c \
	tests/unit/worker_fixture.c tests/unit/worker_fixture.h
tests_unit_check_worker_words_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
