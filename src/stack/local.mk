# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/stack/librelstack.la
src_stack_librelstack_la_SOURCES = src/stack/maps.c src/stack/maps.h src/stack/memory.c src/stack/memory.h \
	src/stack/stack.c src/stack/stack.h
