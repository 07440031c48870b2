# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/doc/libreldoc.la
src_doc_libreldoc_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS)
src_doc_libreldoc_la_SOURCES = \
	src/doc/build.c \
	src/doc/doc.c src/doc/doc.h src/doc/doc_priv.h \
	src/doc/json.c \
	src/doc/print.c \
	src/doc/problem.c \
	src/doc/real.c src/doc/real.h \
	src/doc/tojson.c \
	src/doc/yaml.c
