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
	tests/modules/counter-inplace.la \
	tests/modules/counter-pinned.la \
	tests/modules/fault-pointer-1.la \
	tests/modules/fault-pointer-2.la \
	tests/modules/fault-pointer-3.la \
	tests/modules/fault-literal-1.la \
	tests/modules/fault-literal-2.la \
	tests/modules/fault-literal-3.la \
	tests/modules/fault-key-1.la \
	tests/modules/fault-key-2.la \
	tests/modules/fault-exit-1.la \
	tests/modules/fault-exit-2.la \
	tests/modules/fault-fork-1.la \
	tests/modules/fault-fork-2.la \
	tests/modules/fault-locale-1.la \
	tests/modules/fault-locale-2.la \
	tests/modules/fault-signal-1.la \
	tests/modules/fault-signal-2.la \
	tests/modules/fault-signal-3.la \
	tests/modules/fault-crash-1.la \
	tests/modules/fault-crash-2.la \
	tests/modules/fault-crash-3.la \
	tests/modules/fault-huge-1.la \
	tests/modules/fault-huge-2.la \
	tests/modules/fault-huge-3.la \
	tests/modules/inward-1.la \
	tests/modules/inward-2.la \
	tests/modules/counter-dtor.la \
	tests/modules/pair-a-1.la \
	tests/modules/pair-a-2.la \
	tests/modules/pair-b-1.la \
	tests/modules/pair-b-2.la \
	tests/modules/pair-b-other.la \
	tests/modules/pair-c.la \
	tests/modules/parts-holder-1.la \
	tests/modules/parts-holder-2.la \
	tests/modules/parts-a-1.la \
	tests/modules/parts-a-2.la \
	tests/modules/parts-b-1.la \
	tests/modules/parts-b-2.la \
	tests/modules/parts-c-1.la \
	tests/modules/parts-c-2.la \
	tests/modules/swap-1.la \
	tests/modules/swap-2.la \
	tests/modules/swap-first-1.la \
	tests/modules/swap-first-2.la \
	tests/modules/swap-second-1.la \
	tests/modules/swap-second-2.la \
	tests/modules/boss-1.la \
	tests/modules/boss-2.la \
	tests/modules/crew-1.la \
	tests/modules/crew-2.la \
	tests/modules/stress-1.la \
	tests/modules/stress-2.la \
	tests/modules/stress-3.la \
	tests/modules/tasker-1.la \
	tests/modules/tasker-2.la \
	tests/modules/tasker-3.la \
	tests/modules/tasker-4.la \
	tests/modules/tasker-lacks.la \
	tests/modules/tasker-untyped.la \
	tests/modules/tasker-later.la \
	tests/modules/threader-1.la \
	tests/modules/threader-2.la \
	tests/modules/threader-3.la \
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
	tests/modules/naughty-loading.la \
	tests/modules/rule-1.la \
	tests/modules/rule-2.la
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
tests_modules_counter_inplace_la_SOURCES = tests/modules/counter.c
tests_modules_counter_inplace_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=2 -DCOUNTER_FLAGS=RELW_IN_PLACE
tests_modules_counter_inplace_la_LDFLAGS = $(test_module_ldflags)
tests_modules_counter_pinned_la_SOURCES = tests/modules/counter.c
tests_modules_counter_pinned_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=2 -DCOUNTER_FLAGS=RELW_PINNED
tests_modules_counter_pinned_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_pointer_1_la_SOURCES = tests/modules/fault_pointer.c tests/modules/fault.h
tests_modules_fault_pointer_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1
tests_modules_fault_pointer_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_pointer_2_la_SOURCES = tests/modules/fault_pointer.c tests/modules/fault.h
tests_modules_fault_pointer_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2
tests_modules_fault_pointer_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_pointer_3_la_SOURCES = tests/modules/fault_pointer.c tests/modules/fault.h
tests_modules_fault_pointer_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=3
tests_modules_fault_pointer_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_literal_1_la_SOURCES = tests/modules/fault_literal.c tests/modules/fault.h
tests_modules_fault_literal_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1
tests_modules_fault_literal_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_literal_2_la_SOURCES = tests/modules/fault_literal.c tests/modules/fault.h
tests_modules_fault_literal_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2
tests_modules_fault_literal_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_literal_3_la_SOURCES = tests/modules/fault_literal.c tests/modules/fault.h
tests_modules_fault_literal_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=3
tests_modules_fault_literal_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_key_1_la_SOURCES = tests/modules/fault_key.c tests/modules/fault.h
tests_modules_fault_key_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1
tests_modules_fault_key_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_key_2_la_SOURCES = tests/modules/fault_key.c tests/modules/fault.h
tests_modules_fault_key_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2
tests_modules_fault_key_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_exit_1_la_SOURCES = tests/modules/fault_exit.c tests/modules/fault.h
tests_modules_fault_exit_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1
tests_modules_fault_exit_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_exit_2_la_SOURCES = tests/modules/fault_exit.c tests/modules/fault.h
tests_modules_fault_exit_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2
tests_modules_fault_exit_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_fork_1_la_SOURCES = tests/modules/fault_fork.c tests/modules/fault.h
tests_modules_fault_fork_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1
tests_modules_fault_fork_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_fork_2_la_SOURCES = tests/modules/fault_fork.c tests/modules/fault.h
tests_modules_fault_fork_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2
tests_modules_fault_fork_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_locale_1_la_SOURCES = tests/modules/fault_locale.c tests/modules/fault.h
tests_modules_fault_locale_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1
tests_modules_fault_locale_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_locale_2_la_SOURCES = tests/modules/fault_locale.c tests/modules/fault.h
tests_modules_fault_locale_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2
tests_modules_fault_locale_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_signal_1_la_SOURCES = tests/modules/fault_signal.c tests/modules/fault.h
tests_modules_fault_signal_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1
tests_modules_fault_signal_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_signal_2_la_SOURCES = tests/modules/fault_signal.c tests/modules/fault.h
tests_modules_fault_signal_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2
tests_modules_fault_signal_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_signal_3_la_SOURCES = tests/modules/fault_signal.c tests/modules/fault.h
tests_modules_fault_signal_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=3
tests_modules_fault_signal_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_crash_1_la_SOURCES = tests/modules/fault_crash.c tests/modules/fault.h
tests_modules_fault_crash_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1
tests_modules_fault_crash_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_crash_2_la_SOURCES = tests/modules/fault_crash.c tests/modules/fault.h
tests_modules_fault_crash_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2
tests_modules_fault_crash_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_crash_3_la_SOURCES = tests/modules/fault_crash.c tests/modules/fault.h
tests_modules_fault_crash_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=3
tests_modules_fault_crash_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_huge_1_la_SOURCES = tests/modules/fault_crash.c tests/modules/fault.h
tests_modules_fault_huge_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=1 -DFAULT_HUGE=629145600
tests_modules_fault_huge_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_huge_2_la_SOURCES = tests/modules/fault_crash.c tests/modules/fault.h
tests_modules_fault_huge_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=2 -DFAULT_HUGE=629145600
tests_modules_fault_huge_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_fault_huge_3_la_SOURCES = tests/modules/fault_crash.c tests/modules/fault.h
tests_modules_fault_huge_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT=3 -DFAULT_HUGE=629145600
tests_modules_fault_huge_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_inward_1_la_SOURCES = tests/modules/inward.c tests/modules/inward.h
tests_modules_inward_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_inward_2_la_SOURCES = tests/modules/inward.c tests/modules/inward.h
tests_modules_inward_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DINWARD='"2"'
tests_modules_inward_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_counter_dtor_la_SOURCES = tests/modules/counter.c
tests_modules_counter_dtor_la_CPPFLAGS = $(AM_CPPFLAGS) -DCOUNTER=2 -DCOUNTER_DTOR
tests_modules_counter_dtor_la_LDFLAGS = $(test_module_ldflags)
tests_modules_boss_1_la_SOURCES = tests/modules/crew.c
tests_modules_boss_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DCREW=1 -DBOSS
tests_modules_boss_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_boss_2_la_SOURCES = tests/modules/crew.c
tests_modules_boss_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DCREW=2 -DBOSS
tests_modules_boss_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_crew_1_la_SOURCES = tests/modules/crew.c
tests_modules_crew_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DCREW=1
tests_modules_crew_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_crew_2_la_SOURCES = tests/modules/crew.c
tests_modules_crew_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DCREW=2
tests_modules_crew_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_stress_1_la_SOURCES = tests/modules/stress.c
tests_modules_stress_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DSTRESS=1
tests_modules_stress_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_stress_2_la_SOURCES = tests/modules/stress.c
tests_modules_stress_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DSTRESS=2
tests_modules_stress_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_stress_3_la_SOURCES = tests/modules/stress.c
tests_modules_stress_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DSTRESS=3
tests_modules_stress_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_tasker_1_la_SOURCES = tests/modules/tasker.c
tests_modules_tasker_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DTASKER=1
tests_modules_tasker_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_tasker_2_la_SOURCES = tests/modules/tasker.c
tests_modules_tasker_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DTASKER=2
tests_modules_tasker_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_tasker_3_la_SOURCES = tests/modules/tasker.c
tests_modules_tasker_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DTASKER=3
tests_modules_tasker_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_tasker_4_la_SOURCES = tests/modules/tasker.c
tests_modules_tasker_4_la_CPPFLAGS = $(AM_CPPFLAGS) -DTASKER=4
tests_modules_tasker_4_la_LDFLAGS = $(test_module_ldflags)
tests_modules_tasker_untyped_la_SOURCES = tests/modules/tasker.c
tests_modules_tasker_untyped_la_CPPFLAGS = $(AM_CPPFLAGS) -DTASKER=3 -DTASKER_UNTYPED
tests_modules_tasker_untyped_la_LDFLAGS = $(test_module_ldflags)
tests_modules_tasker_lacks_la_SOURCES = tests/modules/tasker.c
tests_modules_tasker_lacks_la_CPPFLAGS = $(AM_CPPFLAGS) -DTASKER=3 -DTASKER_LACKS
tests_modules_tasker_lacks_la_LDFLAGS = $(test_module_ldflags)
tests_modules_tasker_later_la_SOURCES = tests/modules/tasker.c
tests_modules_tasker_later_la_CPPFLAGS = $(AM_CPPFLAGS) -DTASKER=4 -DTASKER_LATER
tests_modules_tasker_later_la_LDFLAGS = $(test_module_ldflags)
tests_modules_threader_1_la_SOURCES = tests/modules/threader.c
tests_modules_threader_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DTHREADER=1
tests_modules_threader_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_threader_2_la_SOURCES = tests/modules/threader.c
tests_modules_threader_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DTHREADER=2
tests_modules_threader_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_threader_3_la_SOURCES = tests/modules/threader.c
tests_modules_threader_3_la_CPPFLAGS = $(AM_CPPFLAGS) -DTHREADER=3
tests_modules_threader_3_la_LDFLAGS = $(test_module_ldflags)
tests_modules_parts_holder_1_la_SOURCES = tests/modules/parts_holder.c tests/modules/parts.h
tests_modules_parts_holder_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DPARTS=1
tests_modules_parts_holder_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_parts_holder_2_la_SOURCES = tests/modules/parts_holder.c tests/modules/parts.h
tests_modules_parts_holder_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DPARTS=2
tests_modules_parts_holder_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_parts_a_1_la_SOURCES = tests/modules/parts_owner.c tests/modules/parts.h
tests_modules_parts_a_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DPARTS=1 -DOWNER=0
tests_modules_parts_a_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_parts_a_2_la_SOURCES = tests/modules/parts_owner.c tests/modules/parts.h
tests_modules_parts_a_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DPARTS=2 -DOWNER=0
tests_modules_parts_a_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_parts_b_1_la_SOURCES = tests/modules/parts_owner.c tests/modules/parts.h
tests_modules_parts_b_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DPARTS=1 -DOWNER=1
tests_modules_parts_b_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_parts_b_2_la_SOURCES = tests/modules/parts_owner.c tests/modules/parts.h
tests_modules_parts_b_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DPARTS=2 -DOWNER=1
tests_modules_parts_b_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_parts_c_1_la_SOURCES = tests/modules/parts_owner.c tests/modules/parts.h
tests_modules_parts_c_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DPARTS=1 -DOWNER=2
tests_modules_parts_c_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_parts_c_2_la_SOURCES = tests/modules/parts_owner.c tests/modules/parts.h
tests_modules_parts_c_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DPARTS=2 -DOWNER=2
tests_modules_parts_c_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_swap_1_la_SOURCES = tests/modules/swap.c tests/modules/swap.h
tests_modules_swap_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DSWAP=1
tests_modules_swap_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_swap_2_la_SOURCES = tests/modules/swap.c tests/modules/swap.h
tests_modules_swap_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DSWAP=2
tests_modules_swap_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_swap_first_1_la_SOURCES = tests/modules/swap_callee.c tests/modules/swap.h
tests_modules_swap_first_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DSWAP=1
tests_modules_swap_first_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_swap_first_2_la_SOURCES = tests/modules/swap_callee.c tests/modules/swap.h
tests_modules_swap_first_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DSWAP=2
tests_modules_swap_first_2_la_LDFLAGS = $(test_module_ldflags)
tests_modules_swap_second_1_la_SOURCES = tests/modules/swap_callee.c tests/modules/swap.h
tests_modules_swap_second_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DSWAP=1 -DSWAP_SECOND
tests_modules_swap_second_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_swap_second_2_la_SOURCES = tests/modules/swap_callee.c tests/modules/swap.h
tests_modules_swap_second_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DSWAP=2 -DSWAP_SECOND
tests_modules_swap_second_2_la_LDFLAGS = $(test_module_ldflags)
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
tests_modules_rule_1_la_SOURCES = tests/modules/rule.c
tests_modules_rule_1_la_CPPFLAGS = $(AM_CPPFLAGS) -DRULE=1
tests_modules_rule_1_la_LDFLAGS = $(test_module_ldflags)
tests_modules_rule_2_la_SOURCES = tests/modules/rule.c
tests_modules_rule_2_la_CPPFLAGS = $(AM_CPPFLAGS) -DRULE=2
tests_modules_rule_2_la_LDFLAGS = $(test_module_ldflags)

# Those that the loader refuses, and those that leave something behind, one for each way.
loader_modules = tests/modules/loader/loader.c tests/modules/loader/other.c tests/modules/loader/stays.c
EXTRA_DIST += tests/modules/loader/README tests/modules/loader/build.sh $(loader_modules)
check_DATA += tests/modules/loader/stamp
tests/modules/loader/stamp: tests/modules/loader/build.sh $(loader_modules) src/worker/relworker.h
	$(AM_V_GEN)CC='$(CC)' $(SHELL) $(srcdir)/tests/modules/loader/build.sh \
		$(srcdir) $(abs_builddir)/tests/modules/loader/out
	$(AM_V_at)touch $@
CLEANFILES += tests/modules/loader/stamp
clean-local: clean-loader-modules
.PHONY: clean-loader-modules
clean-loader-modules:
	rm -rf tests/modules/loader/out
