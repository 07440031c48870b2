# SPDX-License-Identifier: Apache-2.0
# The host that relworker(3) shows, linked as hosts are: with the shared library.
check_PROGRAMS += tests/host/uv_host
tests_host_uv_host_SOURCES = tests/host/uv_host.c
tests_host_uv_host_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src/worker
tests_host_uv_host_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_host_uv_host_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_host_uv_host_LDADD = src/worker/librelworker.la $(UV_LIBS)
