# SPDX-License-Identifier: Apache-2.0
# The whole system: see tests/scenario/lib.bash.
scenarios = \
	tests/scenario/10-boot.bats \
	tests/scenario/20-upgrade.bats \
	tests/scenario/25-tasks.bats \
	tests/scenario/26-strays.bats \
	tests/scenario/30-broken.bats \
	tests/scenario/35-rehearse.bats \
	tests/scenario/36-in-place.bats \
	tests/scenario/40-crash.bats \
	tests/scenario/45-fault.bats \
	tests/scenario/50-bad-input.bats \
	tests/scenario/60-interrupt.bats \
	tests/scenario/70-group.bats \
	tests/scenario/75-starts.bats \
	tests/scenario/80-limits.bats \
	tests/scenario/85-client.bats \
	tests/scenario/86-complete.bats \
	tests/scenario/90-host.bats
TESTS += $(scenarios)
EXTRA_DIST += $(scenarios) tests/scenario/lib.bash tests/scenario/tool.py tests/scenario/peer.py

check_LTLIBRARIES += tests/scenario/one_of_many.la
tests_scenario_one_of_many_la_SOURCES = tests/scenario/one_of_many.c $(hello_listener_common) \
	releases/hello/state-0.1.1.h
tests_scenario_one_of_many_la_CPPFLAGS = $(hello_cppflags) -DLISTENER_VSN='"0.1.1-refuse"'
tests_scenario_one_of_many_la_CFLAGS = $(hello_cflags)
tests_scenario_one_of_many_la_LDFLAGS = $(hello_ldflags)

check_LTLIBRARIES += tests/scenario/wordy.la
tests_scenario_wordy_la_SOURCES = tests/scenario/wordy.c
tests_scenario_wordy_la_CPPFLAGS = $(hello_cppflags)
tests_scenario_wordy_la_CFLAGS = $(hello_cflags)
tests_scenario_wordy_la_LDFLAGS = $(hello_ldflags)

check_LTLIBRARIES += tests/scenario/stale_0_1_1.la tests/scenario/stale_0_1_2.la
tests_scenario_stale_0_1_1_la_SOURCES = tests/scenario/stale.c releases/hello/greeting.h
tests_scenario_stale_0_1_1_la_CPPFLAGS = $(hello_cppflags) \
	-DGREETING_VSN='"0.1.1"' -DGREETING_TEXT='"Hey there, next version!"'
tests_scenario_stale_0_1_1_la_CFLAGS = $(hello_cflags)
tests_scenario_stale_0_1_1_la_LDFLAGS = $(hello_ldflags)
tests_scenario_stale_0_1_2_la_SOURCES = tests/scenario/stale.c releases/hello/greeting.h
tests_scenario_stale_0_1_2_la_CPPFLAGS = $(hello_cppflags) \
	-DGREETING_VSN='"0.1.2"' -DGREETING_TEXT='"Hey there, third version!"'
tests_scenario_stale_0_1_2_la_CFLAGS = $(hello_cflags)
tests_scenario_stale_0_1_2_la_LDFLAGS = $(hello_ldflags)

# Listeners that bring their worker down, each in its way.
wicked = tests/scenario/wicked_abort.la tests/scenario/wicked_hang.la tests/scenario/wicked_exit.la tests/scenario/wicked_refuse.la \
	tests/scenario/wicked_later.la tests/scenario/wicked_no_init.la tests/scenario/wicked_slow.la \
	tests/scenario/wicked_fault.la tests/scenario/wicked_socket.la
check_LTLIBRARIES += tests/scenario/in_place-good.la tests/scenario/in_place-fails.la
tests_scenario_in_place_good_la_SOURCES = tests/scenario/in_place.c
tests_scenario_in_place_good_la_CPPFLAGS = $(hello_cppflags)
tests_scenario_in_place_good_la_CFLAGS = $(hello_cflags)
tests_scenario_in_place_good_la_LDFLAGS = $(hello_ldflags)
tests_scenario_in_place_fails_la_SOURCES = tests/scenario/in_place.c
tests_scenario_in_place_fails_la_CPPFLAGS = $(hello_cppflags) -DIN_PLACE_FAILS
tests_scenario_in_place_fails_la_CFLAGS = $(hello_cflags)
tests_scenario_in_place_fails_la_LDFLAGS = $(hello_ldflags)
check_LTLIBRARIES += $(wicked)
strays = tests/scenario/stray-0.1.0.la tests/scenario/stray-0.1.1.la tests/scenario/stray-0.1.2.la
check_LTLIBRARIES += $(strays)
tests_scenario_stray_0_1_0_la_SOURCES = tests/scenario/stray.c
tests_scenario_stray_0_1_0_la_CPPFLAGS = $(hello_cppflags) -DSTRAY='"0.1.0-stray"'
tests_scenario_stray_0_1_0_la_CFLAGS = $(hello_cflags)
tests_scenario_stray_0_1_0_la_LDFLAGS = $(hello_ldflags)
tests_scenario_stray_0_1_1_la_SOURCES = tests/scenario/stray.c
tests_scenario_stray_0_1_1_la_CPPFLAGS = $(hello_cppflags) -DSTRAY='"0.1.1-stray"'
tests_scenario_stray_0_1_1_la_CFLAGS = $(hello_cflags)
tests_scenario_stray_0_1_1_la_LDFLAGS = $(hello_ldflags)
tests_scenario_stray_0_1_2_la_SOURCES = tests/scenario/stray.c
tests_scenario_stray_0_1_2_la_CPPFLAGS = $(hello_cppflags) -DSTRAY='"0.1.2-stray"'
tests_scenario_stray_0_1_2_la_CFLAGS = $(hello_cflags)
tests_scenario_stray_0_1_2_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_abort_la_SOURCES = tests/scenario/wicked.c
tests_scenario_wicked_abort_la_CPPFLAGS = $(hello_cppflags) -DWICKED_ABORT
tests_scenario_wicked_abort_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_abort_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_exit_la_SOURCES = tests/scenario/wicked.c
tests_scenario_wicked_exit_la_CPPFLAGS = $(hello_cppflags) -DWICKED_EXIT
tests_scenario_wicked_exit_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_exit_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_refuse_la_SOURCES = tests/scenario/wicked.c
tests_scenario_wicked_refuse_la_CPPFLAGS = $(hello_cppflags) -DWICKED_REFUSE
tests_scenario_wicked_refuse_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_refuse_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_no_init_la_SOURCES = tests/scenario/wicked.c
tests_scenario_wicked_no_init_la_CPPFLAGS = $(hello_cppflags) -DWICKED_NO_INIT
tests_scenario_wicked_no_init_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_no_init_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_slow_la_SOURCES = tests/scenario/wicked.c
tests_scenario_wicked_slow_la_CPPFLAGS = $(hello_cppflags) -DWICKED_SLOW
tests_scenario_wicked_slow_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_slow_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_fault_la_SOURCES = tests/scenario/wicked.c
tests_scenario_wicked_fault_la_CPPFLAGS = $(hello_cppflags) -DWICKED_FAULT
tests_scenario_wicked_fault_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_fault_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_socket_la_SOURCES = tests/scenario/wicked.c
tests_scenario_wicked_socket_la_CPPFLAGS = $(hello_cppflags) -DWICKED_SOCKET
tests_scenario_wicked_socket_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_socket_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_hang_la_SOURCES = tests/scenario/wicked.c
tests_scenario_wicked_hang_la_CPPFLAGS = $(hello_cppflags) -DWICKED_HANG
tests_scenario_wicked_hang_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_hang_la_LDFLAGS = $(hello_ldflags)
tests_scenario_wicked_later_la_SOURCES = tests/scenario/wicked_later.c $(hello_listener_common) \
	releases/hello/state-0.1.1.h
tests_scenario_wicked_later_la_CPPFLAGS = $(hello_cppflags) -DLISTENER_VSN='"0.1.1-crash"'
tests_scenario_wicked_later_la_CFLAGS = $(hello_cflags)
tests_scenario_wicked_later_la_LDFLAGS = $(hello_ldflags)
