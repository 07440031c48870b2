# SPDX-License-Identifier: Apache-2.0
# Fuzz targets of what reads input: documents, decoders, the generator.  `make check` replays the corpus;
# `make fuzz FUZZ_SECONDS=N` looks for more with clang's libFuzzer, ASan and UBSan (default: a minute each).
fuzz_programs = tests/fuzz/fuzz_doc tests/fuzz/fuzz_model tests/fuzz/fuzz_plan
fuzz_libs = src/plan/librelplan.la src/model/librelmodel.la src/doc/libreldoc.la \
	src/base/librelbase.la $(JANSSON_LIBS) $(YAML_LIBS)
check_PROGRAMS += $(fuzz_programs)
TESTS += tests/fuzz/replay.sh
EXTRA_DIST += tests/fuzz/replay.sh tests/fuzz/fuzz.sh tests/fuzz/corpus

tests_fuzz_fuzz_doc_SOURCES = tests/fuzz/fuzz_doc.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_doc_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_doc_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_model_SOURCES = tests/fuzz/fuzz_model.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_model_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_model_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_plan_SOURCES = tests/fuzz/fuzz_plan.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_fuzz_plan_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_plan_LDADD = $(fuzz_libs)

.PHONY: fuzz
fuzz:
	$(SHELL) $(srcdir)/tests/fuzz/fuzz.sh $(srcdir) $(abs_top_builddir) '$(FUZZ_SECONDS)' \
		$(JANSSON_CFLAGS) $(JANSSON_LIBS) $(YAML_LIBS)
