#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A command line that is half typed: what the shell offers.
load lib

# WORD...: the last one is being typed; OFFERED is what may stand there.
completes() {
	COMP_WORDS=("$build/relctl" "$@")
	COMP_CWORD=$#
	_relctl
	OFFERED=$(printf '%s\n' "${COMPREPLY[@]}" | sort | xargs)
}

offered() { # WORD...: these, and nothing else
	[ "$OFFERED" = "$*" ] || fail "offered: $OFFERED, not: $*"
}

among() { # WORD...
	local word
	for word; do
		[[ " $OFFERED " == *" $word "* ]] || fail "offered: $OFFERED, not among them: $word"
	done
}

completion() {
	# shellcheck source=src/ctl/completions/relctl
	. "$src/src/ctl/completions/relctl"
}

@test "commands, of one word and of two" {
	completion
	completes ""
	among upgrade holders status check relup root
	[ "$(xargs -n1 <<<"$OFFERED" | uniq -d)" = "" ]
	completes up
	offered upgrade
	completes rel
	offered relup
	completes relup ""
	offered make show
	completes relup s
	offered show
	completes --root /nowhere -q stat
	offered status
	completes nonsense ""
	offered
	completes help hol
	offered holders
}

@test "options of the command, and their values" {
	completion
	completes upgrade 0.1.1 --
	among --purge --rehearse --max-pause --root --output
	completes upgrade 0.1.1 --pu
	offered --purge
	completes holders --me
	offered --memory
	completes status --me
	offered
	completes upgrade 0.1.1 --purge ""
	offered brutal soft strict
	completes upgrade 0.1.1 --purge = s
	offered soft strict
	completes upgrade 0.1.1 --purge =
	offered brutal soft strict
	completes upgrade --purge soft --rehearse n
	offered never
	completes upgrade --purge = soft --rehearse n
	offered never
	completes -o j
	offered json
	completes upgrade --max-pause ""
	offered
}

@test "versions and workers of the root, with the daemon or without" {
	completion
	demo_root
	export RELUP_ROOT=$ROOT
	completes upgrade 0.1.0
	among 0.1.0 0.1.0-loop
	completes plan 0.1.2
	offered 0.1.2 0.1.2-loop
	completes --root /nowhere plan 0.1.2
	offered
	unset RELUP_ROOT
	completes --root "$ROOT" plan --out x 0.1.2-
	offered 0.1.2-loop
	completes --root = "$ROOT" plan 0.1.2-
	offered 0.1.2-loop
	completes --root "$ROOT" upgrade 0.1.1 ""
	offered
	completes --root "$ROOT" status ""
	offered
	start_running
	completes --root "$ROOT" status hel
	offered hello/listener/0
	completes --root "$ROOT" call ""
	offered hello/listener/0
	completes --root "$ROOT" call hello/listener/0 ""
	offered
}

@test "files and folders are the shell's" {
	completion
	mkdir "$WORK/f"
	cd "$WORK/f"
	mkdir lib
	touch new.yaml
	completes check ""
	among lib new.yaml
	completes check new.yaml n
	offered new.yaml
	completes relup make new.yaml --lib ""
	offered lib
	completes diff new.yaml n
	offered new.yaml
	completes diff new.yaml new.yaml ""
	offered
	completes appup make ""
	offered lib
	completes plan 0.1.1 --out n
	offered new.yaml
}
