# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/store/librelstore.la
src_store_librelstore_la_SOURCES = \
	src/store/db.c \
	src/store/digest.c \
	src/store/dir.c \
	src/store/elf_shape.c \
	src/store/object.c \
	src/store/op.c \
	src/store/release.c \
	src/store/root.c \
	src/store/store.h src/store/store_dir_tbl.h src/store/store_priv.h
src_store_librelstore_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(CRYPTO_CFLAGS)
