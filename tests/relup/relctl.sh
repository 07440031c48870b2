#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# relctl's command line as far as no daemon is needed: options in any place, exit statuses, where
# errors go, what help knows.
set -u
relctl=$top_builddir/relctl
cases=$top_srcdir/tests/relup/cases
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0
good=$cases/03-update-advanced
make_good="relup make $good/rel/new.yaml --lib $good/lib --from $good/rel/old.yaml"

# run STATUS ARGUMENT…: sets `ok`; output in $tmp/out, $tmp/err
run()
{
	want=$1
	shift
	"$relctl" "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	ok=1
	[ $status -eq "$want" ] || ok=0
}

out_has() { grep -q -e "$1" "$tmp/out" || ok=0; }
err_has() { grep -q -e "$1" "$tmp/err" || ok=0; }
out_empty() { [ ! -s "$tmp/out" ] || ok=0; }
err_empty() { [ ! -s "$tmp/err" ] || ok=0; }
is_json() { "$PYTHON3" -m json.tool <"$tmp/out" >/dev/null 2>&1 || ok=0; }

verdict()
{
	n=$((n + 1))
	if [ $ok -eq 1 ]; then
		echo "ok $n - $1"
		return
	fi
	echo "not ok $n - $1"
	sed 's/^/# out: /' "$tmp/out"
	sed 's/^/# err: /' "$tmp/err"
	echo "# status $status"
}

run 0 --version; out_has '^relctl [0-9]'; err_empty; verdict "--version"
run 0 version -o json; is_json; out_has '"version"'; verdict "version as JSON"
run 0 --help; out_has 'relup make'; out_has 'root init'; out_has '--timeout'; verdict "--help names the commands"
run 0 relup --help; out_has 'relup show'; ! grep -q 'root init' "$tmp/out" || ok=0; verdict "help of one word"
run 0 relup make --help; out_has '--down-to OLD.yaml'; out_has '--socket PATH'; verdict "help of a command"
run 0 --help relup make; out_has '--down-to OLD.yaml'; verdict "--help before the command"

run 64; out_empty; err_has 'no command'; err_has '^hint: '; verdict "no command"
run 64 relup mak x; out_empty; err_has 'did you mean `relctl relup make`'; verdict "a near command"
run 64 verison; err_has 'did you mean `relctl version`'; verdict "two letters swapped"
run 64 frobnicate; err_has '^relctl: error: there is no command `frobnicate`'; ! grep -q 'did you mean' "$tmp/err" || ok=0; verdict "no near command"
run 64 relup; err_has 'one more word'; err_has 'relctl relup --help'; verdict "half a command"
run 64 relup make x --libs y; err_has 'did you mean `--lib`'; verdict "a near option"
run 64 version -x; err_has 'option `-x`'; verdict "an unknown letter"
run 64 version --quiet=1; err_has 'takes no value'; verdict "a value too many"
run 64 relup make x --lib; err_has '`--lib` needs a value'; verdict "a value too few"
run 64 relup make --lib y; err_has 'needs an argument'; err_has 'usage: relctl relup make NEW.yaml'; verdict "an argument too few"
mkdir -p "$tmp/new" "$tmp/old"
cp "$good/rel/new.yaml" "$tmp/new/release.yaml"; cp "$good/rel/old.yaml" "$tmp/old/release.yaml"
# shellcheck disable=SC2086 # words
run 0 $make_good --out "$tmp/1.json"; first=$ok
run 0 relup make "$tmp/new" --lib "$good/lib" --from "$tmp/old" --out "$tmp/2.json"
{ [ $first -eq 1 ] && cmp -s "$tmp/1.json" "$tmp/2.json"; } || ok=0
verdict "a folder stands for the release.yaml in it"
run 1 relup make "$tmp/new" --lib "$good/lib" --from "$tmp"; err_has "$tmp/release.yaml"; verdict "a folder without one"
run 64 relup show a b; err_has 'does not take the argument `b`'; verdict "an argument too many"
run 64 -o xml version; err_has 'text or json'; verdict "an unknown format"
run 64 --timeout 5 version; err_has '--timeout'; verdict "a bad duration"
run 64 --root a --socket b version; err_has 'not both'; verdict "--root and --socket"
run 64 relup make "$good/rel/new.yaml"; err_has 'needs a --lib'; verdict "no library folder"
run 64 frobnicate --worse -o json; is_json; out_has '"code": "usage"'; err_empty; verdict "-o json behind the error"

# shellcheck disable=SC2086 # words
{
	run 0 $make_good; is_json; err_empty; cp "$tmp/out" "$tmp/first"; verdict "relup make"
	run 0 relup -o json make $good/rel/new.yaml -q --lib=$good/lib --from $good/rel/old.yaml
	cmp -s "$tmp/out" "$tmp/first" || ok=0; verdict "options in any place"
	run 0 $make_good --out "$tmp/relup.json"; out_empty; err_has '1 up, 1 down'
	cmp -s "$tmp/relup.json" "$tmp/first" || ok=0; verdict "--out FILE"
	run 0 $make_good --out "$tmp/relup.json" -o json; is_json; out_has '"up": 1'; err_empty; verdict "--out FILE as JSON"
	mkfifo "$tmp/fifo"
	cat "$tmp/fifo" >"$tmp/read" &
	run 0 $make_good --out "$tmp/fifo"; wait; [ -p "$tmp/fifo" ] || ok=0
	cmp -s "$tmp/read" "$tmp/first" || ok=0; verdict "--out into a pipe: it is written to, not replaced"
	run 1 $make_good --out "$tmp/none/relup.json"; out_empty; err_has '^relctl: error: '; verdict "--out into no folder"
	run 0 relup show "$tmp/relup.json"; out_has '^up from 1$'; out_has '^   3  foo 2.0  *a  *suspend  *stands still until step 6'; verdict "relup show"
	run 0 -o json relup show "$tmp/relup.json"; cmp -s "$tmp/out" "$tmp/first" || ok=0; verdict "relup show as JSON"
	sed 's/{"resume": \[[^]]*\]}/{"purge": ["a"]}/' "$tmp/relup.json" >"$tmp/refused.json"
	run 1 relup show "$tmp/refused.json"; out_empty; err_has 'refused.json:[0-9]*:[0-9]*: .*never resumed'
	verdict "relup show of a script that relupd refuses"
	run 1 -o json relup show "$tmp/refused.json"; is_json; out_has '"suspended_not_resumed"'
	verdict "relup show of a script that relupd refuses, as JSON"
	ok=1; status=0
	if [ -w /dev/full ]; then
		"$relctl" $make_good >/dev/full 2>"$tmp/err"
		status=$?
		[ $status -eq 1 ] || ok=0
		err_has 'standard output'
	fi
	verdict "a full disk is not success"
}

bad=$cases/37-error-undefined-dep
run 1 relup make "$bad/rel/new.yaml" --lib "$bad/lib" --from "$bad/rel/old.yaml"
out_empty; err_has "^relctl: error: $bad/lib/foo-2.0/appup.yaml:[0-9]*:[0-9]*: "; err_has '^hint: '; verdict "place and hint"
run 1 -q relup make "$bad/rel/new.yaml" --lib "$bad/lib" --from "$bad/rel/old.yaml"
! grep -q '^hint: ' "$tmp/err" || ok=0; verdict "-q leaves out the hint"
run 1 relup make "$bad/rel/new.yaml" --lib "$tmp/nowhere" --from "$bad/rel/old.yaml"; err_has 'nowhere'; verdict "an absent library folder"
run 1 relup make "$tmp/none.yaml" --lib "$bad/lib"; err_has 'none.yaml'; verdict "an absent release"
run 1 relup show "$bad/rel/new.yaml"; err_has '^relctl: error: '; verdict "relup show of something else"
two=$cases/39-error-two-instructions-for-a-module
cp -r "$two" "$tmp/two"
chmod -R u+w "$tmp/two"
echo '      - load_module: {module: b}' >"$tmp/more"
sed -i "8r $tmp/more" "$tmp/two/lib/foo-2.0/appup.yaml"
run 1 -o json relup make "$tmp/two/rel/new.yaml" --lib "$tmp/two/lib" --from "$tmp/two/rel/old.yaml"
is_json; [ "$(grep -c '"muldef_module"' "$tmp/out")" -eq 3 ] || ok=0; verdict "two problems: the first, and all"
run 0 root init "$tmp/root"; [ -d "$tmp/root/releases" ] || ok=0; verdict "root init"
run 0 root init "$tmp/root" -o json; is_json; verdict "root init again, as JSON"
run 1 root init "$tmp/root" --release ../x; err_has 'no version'; verdict "root init with something that is no version"
run 4 root init "$tmp/root" --release 9.9; err_has '9.9'; verdict "root init with an unknown release"
echo "1..$n"
