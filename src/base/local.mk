# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/base/librelbase.la
src_base_librelbase_la_SOURCES = \
	src/base/base.h \
	src/base/buf.c src/base/buf.h \
	src/base/err.c src/base/err.h src/base/err_tbl.h \
	src/base/fault.c src/base/fault.h src/base/fault_tbl.h \
	src/base/file.c src/base/file.h \
	src/base/index.c src/base/index.h \
	src/base/mem.c src/base/mem.h \
	src/base/must.c src/base/must.h \
	src/base/name.c src/base/name.h \
	src/base/process.c src/base/process.h \
	src/base/text.c src/base/text.h \
	src/base/time.c src/base/time.h
