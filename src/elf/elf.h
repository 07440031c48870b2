/* SPDX-License-Identifier: Apache-2.0
 * elf: what one module file says about itself, read without executing anything of it.  Facts only:
 * whether a fact is a fault is decided elsewhere.  An error means "this cannot be read".
 *
 * The file is hostile until proven otherwise: every offset and count in it is checked before it is
 * used, and file, names, symbols, types and work are bounded, so that a bad file costs an error
 * and never a crash, a hang or the machine's memory.  See also dwarf.c for what libdw is trusted
 * with.
 *
 * Ownership: everything that an `elf_module` hands out (facts, table, layouts, and the texts in
 * them) is borrowed from it and lives until elf_module_close().  Texts are printable ASCII; what
 * else the file holds in a name stands there as \xNN, so two names are the same text only if they
 * are the same bytes.  Not thread-safe.
 *
 * Machines: header facts of any ELF file.  The rest needs ELFCLASS64 in the byte order of this
 * host; the table of the module also needs relocations, which are known for x86-64 and aarch64.
 */
#ifndef ELF_ELF_H
#define ELF_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* Bytes of a module file.  It is read whole, since one that is mapped could be cut under the reader, so this is
 * the memory that a file can ask of who checks it: with the facts and what is unpacked, below 64 MiB.  A module
 * is one part of a worker, of which two versions stand in memory side by side; even a megabyte of code has its
 * debug information within this.  A library of this host, which modules share, may have LIBRARY_MAX. */
#define ELF_FILE_MAX      ((size_t)24 << 20)
#define ELF_LIBRARY_MAX   ((size_t)1 << 30)
#define ELF_TYPES_MAX     4096u             /* C types of one layout */
#define ELF_DIFFS_MAX     1000u             /* differences that a comparison lists */
#define ELF_POINTERS_MAX  1000u             /* members that elf_layout_pointers() lists */
#define ELF_LAYOUT_ID_LEN 32                /* hexadecimal digits */

struct elf_module;

/* ------------------------------------------------------------------ facts of the file */
struct elf_symbol {
	const char *name;
	uint64_t size;                /* st_size */
	bool weak;
	bool versioned;               /* undefined: bound to a version of a library when it was linked */
};

struct elf_symbols {
	const struct elf_symbol *list; /* in the order of the file */
	size_t count;
};

struct elf_names {
	const char *const *list;
	size_t count;
};

/* What the loader runs when it maps or unmaps the module. */
struct elf_hooks {
	/* The functions that crt files did not bring; with the name "" where there is no symbol table. */
	const struct elf_symbol *list;
	size_t count;
	size_t total;                 /* with that of crtbeginS.o, which is normally there; without crti.o's */
	/* False: nobody can tell which one crt brought, and it stands in the list if it is there: of init
	 * in a file without a symbol table whose one function looks like none of crt's that is known here
	 * (those of x86-64 are); of fini in any file without one; in a file of an unknown machine. */
	bool named;
};

struct elf_facts {
	/* The header: always. */
	uint64_t file_size;
	uint16_t machine;             /* EM_…; elf_machine_name() says it in words */
	uint16_t type;                /* ET_…; a module is ET_DYN */
	uint8_t class, data;          /* ELFCLASS…, ELFDATA… */
	/* NULL: all below was read.  Else why nothing below is filled in but what is marked (*). */
	const char *limited;

	uint64_t load_end;            /* (*) where the last PT_LOAD ends; more than file_size: cut off */
	uint64_t sections_end;        /* (*) where the section table ends; 0: there is none */
	const char *build_id;         /* hexadecimal; "": none */
	const char *soname;           /* "": none; so are the next two */
	const char *runpath, *rpath;
	struct elf_names needed;
	bool bind_now;                /* -z now */
	bool symbolic;                /* -Bsymbolic */
	bool nodelete;                /* -z nodelete */
	bool static_tls;              /* thread-local variables in the static block (initial-exec) */
	bool textrel;
	bool exec_stack;              /* wants an executable stack, or does not say that it does not */
	bool symtab;                  /* has a symbol table: not stripped */
	bool debug_info;              /* has .debug_info */

	struct elf_hooks init, fini;
	struct elf_symbols exports;   /* defined, visible to others, whatever the binding */
	struct elf_symbols unique;    /* those of them that are STB_GNU_UNIQUE */
	struct elf_symbols undefined;
	/* Variables that can be written after the loader is done (.data, .bss, thread-local), without
	 * those of crt files.  From the symbol table: empty where it is stripped. */
	struct elf_symbols writable;
	/* Bytes of .data, .bss and thread-local storage that remain without crt's.  For a stripped
	 * file all there is to tell; up to 7 bytes of .bss hide behind crt's. */
	uint64_t writable_size;
};

/* ------------------------------------------------------------------ the table relw_module */
enum elf_table_state {
	ELF_TABLE_READ,
	ELF_TABLE_ABSENT,             /* relw_module is not exported */
	ELF_TABLE_OTHER,              /* another ABI, or too short: only abi and size are filled in */
	ELF_TABLE_UNREADABLE,         /* see note; only abi and size are filled in, 0 where unknown */
};

#define ELF_TABLE_ABI 1u
#define ELF_FLAG_PINNED   1u
#define ELF_FLAG_IN_PLACE 2u

struct elf_import {
	const char *module, *interface; /* interface: "" where NULL */
};

struct elf_state_type {
	const char *name;
	uint32_t version, size;
	bool convert, discard;        /* offered */
};

struct elf_function {
	const char *name;
	bool event, task;             /* offered */
};

struct elf_callbacks {
	bool init, handle_event, handle_call, code_change, discard, rebind, config_change, export_state,
	    import_state, terminate;
};

struct elf_table {
	enum elf_table_state state;
	const char *note;             /* UNREADABLE: a sentence; else "" */
	uint32_t abi, size;
	const char *name, *vsn;       /* "" where NULL; so is the interface's name */
	uint32_t flags, reserved;     /* enum relw_flags; 0 */
	const char *interface_name;
	bool interface_named;         /* not NULL */
	bool interface;               /* offered */
	const struct elf_import *imports;
	size_t import_count;
	const struct elf_state_type *state_types;
	size_t state_type_count;
	const struct elf_function *functions;
	size_t function_count;
	struct elf_callbacks callbacks;
};

/* ------------------------------------------------------------------ layouts of state types */
enum elf_kind {
	ELF_BASE,                     /* numbers, characters, truth values */
	ELF_ENUM,
	ELF_STRUCT,
	ELF_UNION,
	ELF_ARRAY,
	ELF_POINTER,
	ELF_OPAQUE,                   /* a type whose inside is not known here */
};

enum elf_pointee {
	ELF_TO_OTHER,                 /* void, numbers, pointers */
	ELF_TO_FUNCTION,
	ELF_TO_CONST_CHAR,
	ELF_TO_CHAR,
	ELF_TO_STRUCT,                /* or to a union */
};

struct elf_member {
	const char *name;
	uint64_t offset;              /* bytes from the beginning of the struct */
	/* Bit-fields: their width, and the first bit counted from the beginning of the struct (in the
	 * order of a little-endian machine).  Width 0: not a bit-field. */
	uint32_t bits;
	uint64_t first_bit;
	const struct elf_type *type;
};

struct elf_constant {
	const char *name;
	int64_t value;
};

/* A C type without typedefs and qualifiers.  Types form a graph: what a pointer leads to may lead
 * back.  Members of an anonymous struct or union stand among those of the struct around it. */
struct elf_type {
	enum elf_kind kind;
	const char *name;             /* "unsigned int", "struct conn_v2"; arrays, pointers: "" */
	uint64_t size;                /* bytes; 0: not known, or an array without a length */
	unsigned encoding;            /* BASE: DW_ATE_… */
	const struct elf_constant *constants; /* ENUM */
	size_t constant_count;
	const struct elf_member *members;     /* STRUCT, UNION */
	size_t member_count;
	/* ARRAY: of what; POINTER: what it leads to.  NULL for a pointer that is not followed: to
	 * void, to a function, to a struct that this module knows by name only, or to one whose name
	 * begins with an underscore, which is the C library's and not the module's. */
	const struct elf_type *of;
	uint64_t count;               /* ARRAY: elements; 0: not said */
	enum elf_pointee pointee;     /* POINTER */
	const char *target;           /* POINTER that is not followed: the name of what it leads to */
	size_t index;                 /* in elf_layout.types */
};

enum elf_found {
	ELF_BY_ANCHOR,                /* RELW_STATE(name, type) */
	ELF_BY_NAME,                  /* struct NAME, or a typedef NAME */
	ELF_BY_VERSION,               /* struct NAME_vVERSION, or such a typedef */
	ELF_NOT_FOUND,                /* none of them */
	ELF_NO_DEBUG_INFO,
	ELF_DAMAGED,                  /* debug information that cannot be read: see note */
};

struct elf_layout {
	enum elf_found found;
	const char *note;             /* what is missing, for a person; "": nothing */
	/* False: `root` is NULL, or parts of the type could not be understood (ELF_OPAQUE). */
	bool whole;
	const struct elf_type *root;  /* NULL where it was not found */
	const struct elf_type *const *types; /* all that root reaches, root first */
	size_t type_count;
	/* The same for two layouts exactly if elf_layout_compare() finds no difference; "" without a
	 * root.  Names of members and constants, offsets, sizes and kinds are in it; names of structs
	 * and typedefs are not, so listener_v2 may have the layout of listener_v1. */
	char id[ELF_LAYOUT_ID_LEN + 1];
};

/* ------------------------------------------------------------------ reading */
/* Reads a module file and all its facts.  `name` is what errors call it.  Not a regular file:
 * REL_E_NOT_A_FILE (a FIFO is not waited for); over ELF_FILE_MAX or another bound: REL_E_LIMIT;
 * absent: REL_E_NOT_FOUND; not an ELF file, or one that contradicts itself: REL_E_BAD_OBJECT. */
int elf_module_open(int dirfd, const char *path, const char *name, struct elf_module **ret,
    struct rel_err *err) RTE_MUST_CHECK;
/* The same for a library of this host, whose size nobody chose who wrote a module. */
int elf_library_open(const char *path, struct elf_module **ret, struct rel_err *err) RTE_MUST_CHECK;
void elf_module_close(struct elf_module **m);

const struct elf_facts *elf_module_facts(const struct elf_module *m);
/* The function that an address of the file belongs to, by the symbol table; NULL: none, or stripped.  The
 * name is fit for a terminal, and the module's. */
const char *elf_module_function_at(const struct elf_module *m, uint64_t at);
const struct elf_table *elf_module_table(const struct elf_module *m);

/* The layout of the C type behind state type `type` in its version `version`.  That there is none,
 * or no debug information, is in the result and no error; an error is memory or a bound.  Asked
 * again for the same, the same is returned. */
int elf_module_layout(struct elf_module *m, const char *type, uint32_t version,
    const struct elf_layout **ret, struct rel_err *err) RTE_MUST_CHECK;

const char *elf_machine_name(uint16_t machine); /* "x86-64"; "unknown" */

/* ------------------------------------------------------------------ comparing */
enum elf_change {
	ELF_ADDED,
	ELF_REMOVED,
	ELF_MOVED,
	ELF_RESIZED,                  /* a struct or union; its members are compared beside that */
	ELF_RETYPED,                  /* another kind, number type, length of array or bit-field */
	ELF_REPOINTED,                /* a pointer to something of another kind or name */
	ELF_CONSTANT,                 /* a constant of an enum: new, gone, or of another value */
};

struct elf_diff {
	enum elf_change change;
	const char *path;             /* "conns[].answered"; "" is the state itself */
	const char *text;             /* "new, 8 bytes at 24", "moved from 12 to 20", "int → long" */
};

struct elf_diffs {
	struct rel_arena *arena;
	struct elf_diff *list;
	size_t count;
	size_t more;                  /* differences past ELF_DIFFS_MAX, or past the bound on work: at
	                               * least one */
};

/* What has to change in memory to get from layout a to layout b, in the order of the members.  Both
 * must have a root.  The layouts may belong to two modules.  *ret is freed by the caller, and its
 * texts are its own. */
int elf_layout_compare(const struct elf_layout *a, const struct elf_layout *b,
    struct elf_diffs **ret, struct rel_err *err) RTE_MUST_CHECK;
void elf_diffs_free(struct elf_diffs **d);

/* ------------------------------------------------------------------ pointers into code */
struct elf_pointer {
	const char *path;             /* "handlers[].run" */
	enum elf_pointee pointee;     /* ELF_TO_FUNCTION or ELF_TO_CONST_CHAR */
};

struct elf_pointers {
	struct rel_arena *arena;
	struct elf_pointer *list;
	size_t count;
	size_t more;                  /* those past ELF_POINTERS_MAX */
};

/* The members of a layout that can point into a module: to functions, and to const char (string
 * literals).  A type that is reached in two ways is told of once, by the shorter path.  *ret is
 * freed by the caller; without a root it is empty. */
int elf_layout_pointers(const struct elf_layout *l, struct elf_pointers **ret, struct rel_err *err)
    RTE_MUST_CHECK;
void elf_pointers_free(struct elf_pointers **p);

#endif
