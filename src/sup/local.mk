# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/sup/librelsup.la
src_sup_librelsup_la_SOURCES = src/sup/sup.c src/sup/sup.h src/sup/sup_priv.h src/sup/worker.c
src_sup_librelsup_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
