# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/check/librelcheck.la
src_check_librelcheck_la_SOURCES = \
	src/check/app.c \
	src/check/change.c \
	src/check/check.h src/check/check_priv.h \
	src/check/cover.c \
	src/check/fit.c \
	src/check/imports.c \
	src/check/module.c \
	src/check/path.c \
	src/check/planned.c \
	src/check/release.c \
	src/check/relup.c \
	src/check/script.c \
	src/check/shape.c \
	src/check/state.c \
	src/check/table.c
src_check_librelcheck_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
