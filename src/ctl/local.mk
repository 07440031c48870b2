# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += relctl
relctl_SOURCES = \
	src/ctl/ctl.h \
	src/ctl/ctl_args.c \
	src/ctl/ctl_built.h src/ctl/ctl_check.c src/ctl/ctl_diff.c src/ctl/ctl_graph.c \
	src/ctl/ctl_client.c src/ctl/ctl_client.h \
	src/ctl/ctl_complete.c \
	src/ctl/ctl_help.c \
	src/ctl/ctl_holders.c \
	src/ctl/ctl_main.c \
	src/ctl/ctl_near.c \
	src/ctl/ctl_object.c src/ctl/ctl_object.h \
	src/ctl/ctl_online.c \
	src/ctl/ctl_print.c \
	src/ctl/ctl_rehearse.c src/ctl/ctl_rehearse.h \
	src/ctl/ctl_relup.c src/ctl/ctl_relup.h \
	src/ctl/ctl_relup_load.c \
	src/ctl/ctl_relup_show.c \
	src/ctl/ctl_root.c \
	src/ctl/ctl_show.c src/ctl/ctl_table.c src/ctl/ctl_table.h \
	src/ctl/ctl_same.c \
	src/ctl/ctl_verbs.c \
	src/ctl/ctl_version.c
relctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
relctl_LDADD = \
	src/check/librelcheck.la src/draft/libreldraft.la src/compare/librelcompare.la \
	src/elf/librelelf.la src/plan/librelplan.la src/model/librelmodel.la src/store/librelstore.la \
	src/proto/librelproto.la src/doc/libreldoc.la src/base/librelbase.la \
	$(JANSSON_LIBS) $(YAML_LIBS) $(SQLITE_LIBS) $(CRYPTO_LIBS) $(DW_LIBS)

dist_bashcompletion_DATA += src/ctl/completions/relctl
