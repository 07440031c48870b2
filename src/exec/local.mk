# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/exec/librelexec.la
src_exec_librelexec_la_SOURCES = \
	src/exec/bracket.c src/exec/compile.c src/exec/exec.c src/exec/exec.h src/exec/exec_priv.h \
	src/exec/holders.c \
	src/exec/message.c src/exec/rehearse.c src/exec/result.c src/exec/run.c src/exec/settle.c
src_exec_librelexec_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
