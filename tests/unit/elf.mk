# SPDX-License-Identifier: Apache-2.0
elf_tests = tests/unit/check_elf_facts tests/unit/check_elf_table tests/unit/check_elf_layout \
	tests/unit/check_elf_damage
check_PROGRAMS += $(elf_tests)
TESTS += $(elf_tests)
elf_test_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
elf_test_libs = src/elf/librelelf.la src/base/librelbase.la $(CHECK_LIBS) $(DW_LIBS)
elf_fixture = tests/unit/elf_fixture.c tests/unit/elf_fixture.h
tests_unit_check_elf_facts_SOURCES = tests/unit/check_elf_facts.c $(elf_fixture)
tests_unit_check_elf_facts_CFLAGS = $(elf_test_cflags)
tests_unit_check_elf_facts_LDADD = $(elf_test_libs)
tests_unit_check_elf_table_SOURCES = tests/unit/check_elf_table.c $(elf_fixture)
tests_unit_check_elf_table_CFLAGS = $(elf_test_cflags)
tests_unit_check_elf_table_LDADD = $(elf_test_libs)
tests_unit_check_elf_layout_SOURCES = tests/unit/check_elf_layout.c $(elf_fixture)
tests_unit_check_elf_layout_CFLAGS = $(elf_test_cflags)
tests_unit_check_elf_layout_LDADD = $(elf_test_libs)
tests_unit_check_elf_damage_SOURCES = tests/unit/check_elf_damage.c $(elf_fixture)
tests_unit_check_elf_damage_CFLAGS = $(elf_test_cflags)
tests_unit_check_elf_damage_LDADD = $(elf_test_libs)

# The modules that they read.
elf_modules = tests/modules/elf/good.c tests/modules/elf/names.c tests/modules/elf/private.c \
	tests/modules/elf/state.c tests/modules/elf/state_hidden.c tests/modules/elf/twin.c
EXTRA_DIST += tests/modules/elf/build.sh $(elf_modules)
check_DATA = tests/modules/elf/stamp
tests/modules/elf/stamp: tests/modules/elf/build.sh $(elf_modules) src/worker/relworker.h
	$(AM_V_GEN)CC='$(CC)' STRIP='$(STRIP)' $(SHELL) $(srcdir)/tests/modules/elf/build.sh \
		$(srcdir) $(builddir)/tests/modules/elf/out
	$(AM_V_at)touch $@
CLEANFILES += tests/modules/elf/stamp
clean-local: clean-elf-modules
.PHONY: clean-elf-modules
clean-elf-modules:
	rm -rf tests/modules/elf/out
