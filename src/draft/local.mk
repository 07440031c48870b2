# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/draft/libreldraft.la
src_draft_libreldraft_la_SOURCES = \
	src/draft/draft.h src/draft/draft_priv.h \
	src/draft/complete.c \
	src/draft/edit.c \
	src/draft/items.c \
	src/draft/text.c
src_draft_libreldraft_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS)
