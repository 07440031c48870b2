# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/compare/librelcompare.la
src_compare_librelcompare_la_SOURCES = \
	src/compare/bytes.c \
	src/compare/children.c \
	src/compare/compare.c src/compare/compare.h src/compare/compare_priv.h \
	src/compare/handles.c \
	src/compare/json.c \
	src/compare/release.c \
	src/compare/side.c \
	src/compare/states.c
src_compare_librelcompare_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
