# SPDX-License-Identifier: Apache-2.0
# The sample releases: modules, then the tree of unpacked releases that `make demo-root` copies.
#
# A module is a shared object by itself: hidden symbols but for relw_module, every symbol resolved
# at link time, nothing but libc needed.  relworker(3) says the same for modules outside this tree:
#	cc -std=gnu17 -fPIC -shared -fvisibility=hidden -Wl,-Bsymbolic -Wl,-z,now -Wl,-z,defs …
hello_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/src/worker -I$(top_srcdir)/releases/hello
hello_cflags = $(AM_CFLAGS) -fvisibility=hidden
hello_ldflags = $(AM_LDFLAGS) $(DEFS_LDFLAGS) -module -avoid-version -rpath /nowhere \
	-export-symbols-regex '^relw_module$$' -Wl,-Bsymbolic

hello_listener_common = \
	releases/hello/accept.c releases/hello/accept.h \
	releases/hello/greeting.h \
	releases/hello/lines.c releases/hello/lines.h \
	releases/hello/state-0.1.0.h

hello_modules = \
	releases/hello/listener-0.1.0.la \
	releases/hello/listener-0.1.1.la \
	releases/hello/listener-0.1.1-crash.la \
	releases/hello/listener-0.1.1-refuse.la \
	releases/hello/listener-0.1.1-hang.la \
	releases/hello/listener-0.1.0-loop.la \
	releases/hello/listener-0.1.1-loop.la \
	releases/hello/greeting-0.1.0.la \
	releases/hello/greeting-0.1.1.la \
	releases/hello/greeting-0.1.2.la \
	releases/hello/greeting-0.1.1-sick.la
noinst_LTLIBRARIES += $(hello_modules)

releases_hello_listener_0_1_0_la_SOURCES = releases/hello/listener-0.1.0.c $(hello_listener_common)
releases_hello_listener_0_1_0_la_CPPFLAGS = $(hello_cppflags)
releases_hello_listener_0_1_0_la_CFLAGS = $(hello_cflags)
releases_hello_listener_0_1_0_la_LDFLAGS = $(hello_ldflags)

hello_listener_0_1_1_sources = releases/hello/listener-0.1.1.c releases/hello/fault.h \
	releases/hello/state-0.1.1.h $(hello_listener_common)

releases_hello_listener_0_1_1_la_SOURCES = $(hello_listener_0_1_1_sources)
releases_hello_listener_0_1_1_la_CPPFLAGS = $(hello_cppflags)
releases_hello_listener_0_1_1_la_CFLAGS = $(hello_cflags)
releases_hello_listener_0_1_1_la_LDFLAGS = $(hello_ldflags)

releases_hello_listener_0_1_1_crash_la_SOURCES = $(hello_listener_0_1_1_sources)
releases_hello_listener_0_1_1_crash_la_CPPFLAGS = $(hello_cppflags) \
	-DLISTENER_VSN='"0.1.1-crash"' -DLISTENER_FAULT=FAULT_CRASH
releases_hello_listener_0_1_1_crash_la_CFLAGS = $(hello_cflags)
releases_hello_listener_0_1_1_crash_la_LDFLAGS = $(hello_ldflags)

releases_hello_listener_0_1_1_refuse_la_SOURCES = $(hello_listener_0_1_1_sources)
releases_hello_listener_0_1_1_refuse_la_CPPFLAGS = $(hello_cppflags) \
	-DLISTENER_VSN='"0.1.1-refuse"' -DLISTENER_FAULT=FAULT_REFUSE
releases_hello_listener_0_1_1_refuse_la_CFLAGS = $(hello_cflags)
releases_hello_listener_0_1_1_refuse_la_LDFLAGS = $(hello_ldflags)

releases_hello_listener_0_1_1_hang_la_SOURCES = $(hello_listener_0_1_1_sources)
releases_hello_listener_0_1_1_hang_la_CPPFLAGS = $(hello_cppflags) \
	-DLISTENER_VSN='"0.1.1-hang"' -DLISTENER_FAULT=FAULT_HANG
releases_hello_listener_0_1_1_hang_la_CFLAGS = $(hello_cflags)
releases_hello_listener_0_1_1_hang_la_LDFLAGS = $(hello_ldflags)

hello_listener_loop_sources = releases/hello/listener-loop.c \
	releases/hello/accept.c releases/hello/accept.h \
	releases/hello/greeting.h \
	releases/hello/lines.c releases/hello/lines.h

releases_hello_listener_0_1_0_loop_la_SOURCES = $(hello_listener_loop_sources)
releases_hello_listener_0_1_0_loop_la_CPPFLAGS = $(hello_cppflags) \
	-DLISTENER_VSN='"0.1.0-loop"' -DLISTENER_STAYS=1
releases_hello_listener_0_1_0_loop_la_CFLAGS = $(hello_cflags)
releases_hello_listener_0_1_0_loop_la_LDFLAGS = $(hello_ldflags)

releases_hello_listener_0_1_1_loop_la_SOURCES = $(hello_listener_loop_sources)
releases_hello_listener_0_1_1_loop_la_CPPFLAGS = $(hello_cppflags) -DLISTENER_VSN='"0.1.1-loop"'
releases_hello_listener_0_1_1_loop_la_CFLAGS = $(hello_cflags)
releases_hello_listener_0_1_1_loop_la_LDFLAGS = $(hello_ldflags)

hello_greeting_sources = releases/hello/greeting.c releases/hello/greeting.h

releases_hello_greeting_0_1_0_la_SOURCES = $(hello_greeting_sources)
releases_hello_greeting_0_1_0_la_CPPFLAGS = $(hello_cppflags) \
	-DGREETING_VSN='"0.1.0"' -DGREETING_TEXT='"Hey there!"'
releases_hello_greeting_0_1_0_la_CFLAGS = $(hello_cflags)
releases_hello_greeting_0_1_0_la_LDFLAGS = $(hello_ldflags)

releases_hello_greeting_0_1_1_la_SOURCES = $(hello_greeting_sources)
releases_hello_greeting_0_1_1_la_CPPFLAGS = $(hello_cppflags) \
	-DGREETING_VSN='"0.1.1"' -DGREETING_TEXT='"Hey there, next version!"'
releases_hello_greeting_0_1_1_la_CFLAGS = $(hello_cflags)
releases_hello_greeting_0_1_1_la_LDFLAGS = $(hello_ldflags)

releases_hello_greeting_0_1_2_la_SOURCES = $(hello_greeting_sources)
releases_hello_greeting_0_1_2_la_CPPFLAGS = $(hello_cppflags) \
	-DGREETING_VSN='"0.1.2"' -DGREETING_TEXT='"Hey there, third version!"'
releases_hello_greeting_0_1_2_la_CFLAGS = $(hello_cflags)
releases_hello_greeting_0_1_2_la_LDFLAGS = $(hello_ldflags)

releases_hello_greeting_0_1_1_sick_la_SOURCES = $(hello_greeting_sources)
releases_hello_greeting_0_1_1_sick_la_CPPFLAGS = $(hello_cppflags) \
	-DGREETING_VSN='"0.1.1-sick"' -DGREETING_TEXT='"Hey there, wrong version!"' -DGREETING_HEALTH=-1
releases_hello_greeting_0_1_1_sick_la_CFLAGS = $(hello_cflags)
releases_hello_greeting_0_1_1_sick_la_LDFLAGS = $(hello_ldflags)

# A line a release: version, that of its listener, that of its greeting, the base of its relup.
hello_releases = \
	0.1.0:0.1.0:0.1.0: \
	0.1.1:0.1.1:0.1.1:0.1.0 \
	0.1.2:0.1.1:0.1.2:0.1.1 \
	0.1.1-crash:0.1.1-crash:0.1.1:0.1.0 \
	0.1.1-refuse:0.1.1-refuse:0.1.1:0.1.0 \
	0.1.1-hang:0.1.1-hang:0.1.1:0.1.0 \
	0.1.1-sick:0.1.1:0.1.1-sick:0.1.0 \
	0.1.0-loop:0.1.0-loop:0.1.0: \
	0.1.1-loop:0.1.1-loop:0.1.1:0.1.0-loop \
	0.1.2-loop:0.1.1-loop:0.1.2:0.1.1-loop \
	0.1.1-brutal:0.1.1-loop:0.1.1:0.1.0-loop

hello_descriptions = \
	releases/hello/0.1.0/app.yaml releases/hello/0.1.0/release.yaml \
	releases/hello/0.1.1/app.yaml releases/hello/0.1.1/release.yaml \
	releases/hello/0.1.1/appup.yaml \
	releases/hello/0.1.2/app.yaml releases/hello/0.1.2/release.yaml \
	releases/hello/0.1.2/appup.yaml \
	releases/hello/0.1.1-crash/app.yaml releases/hello/0.1.1-crash/release.yaml \
	releases/hello/0.1.1-crash/appup.yaml \
	releases/hello/0.1.1-refuse/app.yaml releases/hello/0.1.1-refuse/release.yaml \
	releases/hello/0.1.1-refuse/appup.yaml \
	releases/hello/0.1.1-hang/app.yaml releases/hello/0.1.1-hang/release.yaml \
	releases/hello/0.1.1-hang/appup.yaml \
	releases/hello/0.1.1-sick/app.yaml releases/hello/0.1.1-sick/release.yaml \
	releases/hello/0.1.1-sick/appup.yaml \
	releases/hello/0.1.0-loop/app.yaml releases/hello/0.1.0-loop/release.yaml \
	releases/hello/0.1.1-loop/app.yaml releases/hello/0.1.1-loop/release.yaml \
	releases/hello/0.1.1-loop/appup.yaml \
	releases/hello/0.1.2-loop/app.yaml releases/hello/0.1.2-loop/release.yaml \
	releases/hello/0.1.2-loop/appup.yaml \
	releases/hello/0.1.1-brutal/app.yaml releases/hello/0.1.1-brutal/release.yaml \
	releases/hello/0.1.1-brutal/appup.yaml
EXTRA_DIST += releases/demo-root.sh releases/unpack.sh releases/hello/README.md $(hello_descriptions)

# The releases as they lie unpacked in a root: lib/ and releases/ with their relup.json.  Made again
# when anything in them changed.
noinst_DATA += releases/tree.stamp
releases/tree.stamp: releases/unpack.sh $(hello_descriptions) $(hello_modules) relctl$(EXEEXT)
	$(AM_V_GEN)$(SHELL) $(srcdir)/releases/unpack.sh $(builddir) $(srcdir) \
		$(builddir)/releases/tree $(hello_releases)
	$(AM_V_at)touch $@

CLEANFILES += releases/tree.stamp
clean-local: clean-releases
.PHONY: clean-releases demo-root
clean-releases:
	rm -rf releases/tree releases/tree.tmp

demo-root: all
	@test -n '$(ROOT)' || { echo 'usage: make demo-root ROOT=DIR [PORT=N] [COUNT=N] [RELEASE=VSN]' >&2; exit 64; }
	@$(SHELL) $(srcdir)/releases/demo-root.sh $(builddir) $(srcdir) '$(ROOT)' '$(PORT)' '$(COUNT)' '$(RELEASE)'

check_PROGRAMS += releases/check_hello
TESTS += releases/check_hello
releases_check_hello_SOURCES = releases/check_hello.c releases/check_host.c releases/check_host.h
releases_check_hello_CPPFLAGS = $(hello_cppflags)
releases_check_hello_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
releases_check_hello_LDADD = $(CHECK_LIBS)
EXTRA_releases_check_hello_DEPENDENCIES = $(hello_modules)
