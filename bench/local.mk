# SPDX-License-Identifier: Apache-2.0
# Benchmarks: `make bench` measures, with QUICK=1 fewer laps and smaller groups.  Never part of check.
# bench/client is the load client of the scenario tests too.
noinst_PROGRAMS += bench/client bench/dispatch bench/floor bench/records bench/spawn

bench_client_SOURCES = \
	bench/client.c bench/client.h \
	bench/client_load.c \
	bench/client_window.c \
	bench/samples.c bench/samples.h
bench_client_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
bench_client_LDADD = $(JANSSON_LIBS)

bench_dispatch_SOURCES = bench/dispatch.c bench/dispatch_target.c bench/dispatch_target.h
bench_dispatch_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)

bench_floor_SOURCES = bench/floor.c bench/samples.c bench/samples.h
bench_floor_CFLAGS = $(AM_CFLAGS)

bench_records_SOURCES = bench/records.c bench/modules/records.h bench/samples.c bench/samples.h
bench_records_CFLAGS = $(AM_CFLAGS)

bench_spawn_SOURCES = bench/spawn.c
bench_spawn_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
bench_spawn_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS)

# A module for groups of workers, in three versions (bench/modules/member.c).
noinst_LTLIBRARIES += \
	bench/modules/member-0.1.0.la \
	bench/modules/member-0.1.1.la \
	bench/modules/member-0.1.2.la

bench_modules_member_0_1_0_la_SOURCES = bench/modules/member.c
bench_modules_member_0_1_0_la_CPPFLAGS = $(hello_cppflags) \
	-DMEMBER_VSN='"0.1.0"' -DMEMBER_LAYOUT=1
bench_modules_member_0_1_0_la_CFLAGS = $(hello_cflags)
bench_modules_member_0_1_0_la_LDFLAGS = $(hello_ldflags)

bench_modules_member_0_1_1_la_SOURCES = bench/modules/member.c
bench_modules_member_0_1_1_la_CPPFLAGS = $(hello_cppflags) \
	-DMEMBER_VSN='"0.1.1"' -DMEMBER_LAYOUT=2
bench_modules_member_0_1_1_la_CFLAGS = $(hello_cflags)
bench_modules_member_0_1_1_la_LDFLAGS = $(hello_ldflags)

bench_modules_member_0_1_2_la_SOURCES = bench/modules/member.c
bench_modules_member_0_1_2_la_CPPFLAGS = $(hello_cppflags) \
	-DMEMBER_VSN='"0.1.2"' -DMEMBER_LAYOUT=2
bench_modules_member_0_1_2_la_CFLAGS = $(hello_cflags)
bench_modules_member_0_1_2_la_LDFLAGS = $(hello_ldflags)

# A state of a million records, and one of many MB, each in two versions.
noinst_LTLIBRARIES += \
	bench/modules/records-0.1.0.la \
	bench/modules/records-0.1.1.la \
	bench/modules/ballast-0.1.0.la \
	bench/modules/ballast-0.1.1.la

bench_modules_records_0_1_0_la_SOURCES = bench/modules/records.c bench/modules/records.h
bench_modules_records_0_1_0_la_CPPFLAGS = $(hello_cppflags) -DRECORDS_LAYOUT=1
bench_modules_records_0_1_0_la_CFLAGS = $(hello_cflags)
bench_modules_records_0_1_0_la_LDFLAGS = $(hello_ldflags)

bench_modules_records_0_1_1_la_SOURCES = bench/modules/records.c bench/modules/records.h
bench_modules_records_0_1_1_la_CPPFLAGS = $(hello_cppflags) -DRECORDS_LAYOUT=2
bench_modules_records_0_1_1_la_CFLAGS = $(hello_cflags)
bench_modules_records_0_1_1_la_LDFLAGS = $(hello_ldflags)

bench_modules_ballast_0_1_0_la_SOURCES = bench/modules/ballast.c
bench_modules_ballast_0_1_0_la_CPPFLAGS = $(hello_cppflags) -DBALLAST_LAYOUT=1
bench_modules_ballast_0_1_0_la_CFLAGS = $(hello_cflags)
bench_modules_ballast_0_1_0_la_LDFLAGS = $(hello_ldflags)

bench_modules_ballast_0_1_1_la_SOURCES = bench/modules/ballast.c
bench_modules_ballast_0_1_1_la_CPPFLAGS = $(hello_cppflags) -DBALLAST_LAYOUT=2
bench_modules_ballast_0_1_1_la_CFLAGS = $(hello_cflags)
bench_modules_ballast_0_1_1_la_LDFLAGS = $(hello_ldflags)

EXTRA_DIST += bench/run.py bench/relup.py
.PHONY: bench
bench: all
	@$(PYTHON3) $(srcdir)/bench/run.py --build $(abs_top_builddir) --source $(abs_top_srcdir) \
		$${QUICK:+--quick}
