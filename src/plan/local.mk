# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/plan/librelplan.la
src_plan_librelplan_la_SOURCES = \
	src/plan/apps.c \
	src/plan/emit.c \
	src/plan/finish.c \
	src/plan/graph.c \
	src/plan/list.c \
	src/plan/plan.c src/plan/plan.h src/plan/plan_priv.h \
	src/plan/scripts.c \
	src/plan/side.c \
	src/plan/split.c
src_plan_librelplan_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
