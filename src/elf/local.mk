# SPDX-License-Identifier: Apache-2.0
# For relctl (and tests) alone: relupd and relworker never link it, nor libdw.
noinst_LTLIBRARIES += src/elf/librelelf.la
src_elf_librelelf_la_SOURCES = \
	src/elf/compare.c \
	src/elf/dwarf.c \
	src/elf/dwarf_attr.c \
	src/elf/dynamic.c \
	src/elf/find.c src/elf/function.c \
	src/elf/head.c \
	src/elf/hooks.c \
	src/elf/id.c \
	src/elf/image.c \
	src/elf/layout.c \
	src/elf/member.c \
	src/elf/module.c \
	src/elf/pointers.c \
	src/elf/symbols.c \
	src/elf/table.c \
	src/elf/text.c \
	src/elf/elf.h src/elf/elf_priv.h src/elf/dwarf_priv.h
src_elf_librelelf_la_CFLAGS = $(AM_CFLAGS) $(DW_CFLAGS)
