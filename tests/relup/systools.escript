%% SPDX-License-Identifier: Apache-2.0
%% Makes the relup of new.rel from and to old.rel in the current directory with OTP's systools, and
%% prints its scripts as JSON in relup.json's words (see compare_systools.py).
main([_]) ->
    Opts = [silent, noexec, {path, ["lib/*/ebin"]}],
    case systools:make_relup("new", ["old"], ["old"], Opts) of
        {ok, {_, [{_, _, Up}], [{_, _, Down}]}, _, _} ->
            io:format("{\"up\":~s,\"down\":~s}~n", [list(Up), list(Down)]);
        {error, _, Reason} ->
            io:format("{\"error\":\"~s\"}~n", [tag(Reason)])
    end.

tag({Tag, _}) when is_atom(Tag) -> tag(Tag);
tag(T) when is_tuple(T) -> tag(element(1, T));
tag(T) -> atom_to_list(T).

list(Is) -> ["[", lists:join(",", [i(I) || I <- Is]), "]"].
q(A) when is_atom(A) -> ["\"", atom_to_list(A), "\""];
q(S) -> ["\"", S, "\""].
qs(L) -> ["[", lists:join(",", [q(X) || X <- L]), "]"].

%% A text as a JSON string.
str(S) -> ["\"", [case C of $" -> "\\\""; $\\ -> "\\\\"; _ -> C end || C <- S], "\""].

purge(brutal_purge) -> "\"brutal\"";
purge(soft_purge) -> "\"soft\"".

i(point_of_no_return) -> q(point_of_no_return);
i(restart_new_emulator) -> q(restart_new_runtime);
i(restart_emulator) -> q(restart_runtime);
i({load_object_code, {A, V, Ms}}) ->
    ["{\"load_object_code\":{\"application\":", q(A), ",\"version\":", q(V), ",\"modules\":",
     qs(Ms), "}}"];
i({load, {M, Pre, Post}}) -> code(load, M, Pre, Post);
i({remove, {M, Pre, Post}}) -> code(remove, M, Pre, Post);
i({purge, Ms}) -> ["{\"purge\":", qs(Ms), "}"];
i({resume, Ms}) -> ["{\"resume\":", qs(Ms), "}"];
i({suspend, Ms}) ->
    ["{\"suspend\":[", lists:join(",", [s(M) || M <- Ms]), "]}"];
i({code_change, Mode, Ms}) ->
    ["{\"code_change\":{\"mode\":", q(Mode), ",\"modules\":[",
     lists:join(",", [["{\"module\":", q(M), ",\"extra\":", str(X), "}"] || {M, X} <- Ms]), "]}}"];
i({apply, {application, stop, [A]}}) -> app(stop_application, A);
i({apply, {application, load, [A]}}) -> app(load_application, A);
i({apply, {application, unload, [A]}}) -> app(unload_application, A);
i({apply, {application, start, [A, T]}}) ->
    ["{\"start_application\":{\"application\":", q(A), ",\"type\":", q(T), "}}"];
i({apply, {command, run, Words}}) -> ["{\"apply\":{\"command\":", qs(Words), "}}"].

code(Op, M, Pre, Post) ->
    ["{", q(Op), ":{\"module\":", q(M), ",\"pre_purge\":", purge(Pre), ",\"post_purge\":",
     purge(Post), "}}"].
app(Op, A) -> ["{", q(Op), ":{\"application\":", q(A), "}}"].
s({M, infinity}) -> ["{\"module\":", q(M), ",\"timeout\":\"infinity\"}"];
s({M, T}) -> ["{\"module\":", q(M), ",\"timeout\":", integer_to_list(T), "}"];
s(M) -> ["{\"module\":", q(M), "}"].
