# SPDX-License-Identifier: Apache-2.0
# Modules for the worker tests: small, in several versions, and the bad ones.  The -rpath makes
# libtool build shared objects although they are not installed.
test_module_ldflags = $(AM_LDFLAGS) $(DEFS_LDFLAGS) -module -avoid-version -shared -rpath /nowhere \
	-export-symbols-regex '^relw_'
check_LTLIBRARIES += \
	tests/modules/counter-1.la \
	tests/modules/counter-2.la \
	tests/modules/counter-3.la \
	tests/modules/counter-lacks.la \
	tests/modules/counter-nochange.la \
	tests/modules/counter-pinned.la \
	tests/modules/counter-nodelete.la \
	tests/modules/pair-a-1.la \
	tests/modules/pair-a-2.la \
	tests/modules/pair-b-1.la \
	tests/modules/pair-b-2.la \
	tests/modules/pair-b-other.la \
	tests/modules/pair-c.la \
	tests/modules/bad-symbol.la \
	tests/modules/bad-abi.la \
	tests/modules/bad-size.la \
	tests/modules/bad-name.la \
	tests/modules/bad-vsn.la \
	tests/modules/bad-flags.la \
	tests/modules/bad-interface.la \
	tests/modules/bad-twice.la \
	tests/modules/bad-function.la \
	tests/modules/bad-types.la \
	tests/modules/bad-import.la \
	tests/modules/bad-init.la \
	tests/modules/naughty-1.la \
	tests/modules/naughty-2.la \
	tests/modules/naughty-loading.la
tests_modules_counter_1_la_SOURCES = tests/modules/counter.c
tests_modules_counter_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=1
tests_modules_counter_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_counter_2_la_SOURCES = tests/modules/counter.c
tests_modules_counter_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=2
tests_modules_counter_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_counter_3_la_SOURCES = tests/modules/counter.c
tests_modules_counter_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=3
tests_modules_counter_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_counter_lacks_la_SOURCES = tests/modules/counter.c
tests_modules_counter_lacks_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=2 -DCOUNTER_LACKS
tests_modules_counter_lacks_la_LDFLAGS = $(test_module_ldflags)
tests_modules_counter_nochange_la_SOURCES = tests/modules/counter.c
tests_modules_counter_nochange_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=2 -DCOUNTER_NOCHANGE
tests_modules_counter_nochange_la_LDFLAGS = $(test_module_ldflags)
tests_modules_counter_pinned_la_SOURCES = tests/modules/counter.c
tests_modules_counter_pinned_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=2 -DCOUNTER_FLAGS=RELW_PINNED
tests_modules_counter_pinned_la_LDFLAGS = $(test_module_ldflags)
tests_modules_counter_nodelete_la_SOURCES = tests/modules/counter.c
tests_modules_counter_nodelete_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=2
tests_modules_counter_nodelete_la_LDFLAGS = $(test_module_ldflags) -Wl,-z,nodelete
tests_modules_pair_a_1_la_SOURCES = tests/modules/pair_a.c tests/modules/pair.h
tests_modules_pair_a_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DPAIR=1
tests_modules_pair_a_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_pair_a_2_la_SOURCES = tests/modules/pair_a.c tests/modules/pair.h
tests_modules_pair_a_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DPAIR=2
tests_modules_pair_a_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_pair_b_1_la_SOURCES = tests/modules/pair_b.c tests/modules/pair.h
tests_modules_pair_b_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DPAIR=1
tests_modules_pair_b_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_pair_b_2_la_SOURCES = tests/modules/pair_b.c tests/modules/pair.h
tests_modules_pair_b_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DPAIR=2
tests_modules_pair_b_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_pair_b_other_la_SOURCES = tests/modules/pair_b.c tests/modules/pair.h
tests_modules_pair_b_other_la_CPPFLAGS = $(AM_CPPFLAGS) -DPAIR=1 -DPAIR_INTERFACE='"pair_b/2"'
tests_modules_pair_b_other_la_LDFLAGS = $(test_module_ldflags)
tests_modules_pair_c_la_SOURCES = tests/modules/pair_b.c tests/modules/pair.h
tests_modules_pair_c_la_CPPFLAGS = $(AM_CPPFLAGS) -DPAIR=1 -DPAIR_NAME='"pair_c"'
tests_modules_pair_c_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_symbol_la_SOURCES = tests/modules/bad.c
tests_modules_bad_symbol_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_SYMBOL
tests_modules_bad_symbol_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_abi_la_SOURCES = tests/modules/bad.c
tests_modules_bad_abi_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_ABI
tests_modules_bad_abi_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_size_la_SOURCES = tests/modules/bad.c
tests_modules_bad_size_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_SIZE
tests_modules_bad_size_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_name_la_SOURCES = tests/modules/bad.c
tests_modules_bad_name_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_NAME
tests_modules_bad_name_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_vsn_la_SOURCES = tests/modules/bad.c
tests_modules_bad_vsn_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_VSN
tests_modules_bad_vsn_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_flags_la_SOURCES = tests/modules/bad.c
tests_modules_bad_flags_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_FLAGS
tests_modules_bad_flags_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_interface_la_SOURCES = tests/modules/bad.c
tests_modules_bad_interface_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_INTERFACE
tests_modules_bad_interface_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_twice_la_SOURCES = tests/modules/bad.c
tests_modules_bad_twice_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_TWICE
tests_modules_bad_twice_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_function_la_SOURCES = tests/modules/bad.c
tests_modules_bad_function_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_FUNCTION
tests_modules_bad_function_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_types_la_SOURCES = tests/modules/bad.c
tests_modules_bad_types_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_TYPES
tests_modules_bad_types_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_import_la_SOURCES = tests/modules/bad.c
tests_modules_bad_import_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_IMPORT
tests_modules_bad_import_la_LDFLAGS = $(test_module_ldflags)
tests_modules_bad_init_la_SOURCES = tests/modules/bad.c
tests_modules_bad_init_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_INIT
tests_modules_bad_init_la_LDFLAGS = $(test_module_ldflags)
tests_modules_naughty_1_la_SOURCES = tests/modules/naughty.c
tests_modules_naughty_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DNAUGHTY=1
tests_modules_naughty_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_naughty_2_la_SOURCES = tests/modules/naughty.c
tests_modules_naughty_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DNAUGHTY=2
tests_modules_naughty_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_naughty_loading_la_SOURCES = tests/modules/naughty.c
tests_modules_naughty_loading_la_CPPFLAGS = $(AM_CPPFLAGS) -DNAUGHTY=2 -DNAUGHTY_LOADING
tests_modules_naughty_loading_la_LDFLAGS = $(test_module_ldflags)
