%% One process a component, and a process that waits until all is done. Called by erlang.rs:
%%
%%   peers:main([Workload, Components, Operations, Extra, File...])
%%
%% Extra is the number of tokens or rounds; each file has what one producer sends: for each message
%% its receiver and a word, 32 bits each. Five numbers are written: what was done, how many
%% nanoseconds it took, and a sum over what was handled; of lives, bytes, and the nanoseconds of
%% stopping all and starting them again; of questions, the sum of the answers, and nanoseconds and
%% sum of the messages before.
-module(peers).
-export([main/1]).

%% A producer that is a component sends so many messages, and then lets the others have their turn.
-define(CHUNK, 256).
-define(LIMIT_MS, 100000).

%% What processes tell: lives begun, lives ended, components that have had all they get. Whoever
%% counts one of these up to its goal tells the one who waits. Then messages handled, and a sum.
-define(UP, 1).
-define(DOWN, 2).
-define(FILLED, 3).
-define(GOAL(Gauge), (Gauge + 3)).
-define(TOTAL, 7).
-define(SUM, 8).

main([Workload | Rest]) ->
    spawn(fun() -> timer:sleep(?LIMIT_MS), io:format("not done~n"), halt(1) end),
    {Numbers, Files} = lists:split(3, Rest),
    [Components, Operations, Extra] = [list_to_integer(Word) || Word <- Numbers],
    Shares = [begin {ok, Share} = file:read_file(File), Share end || File <- Files],
    Told = run(Workload, Components, Operations, Extra, Shares),
    [io:format("~b ", [Number]) || Number <- lists:sublist(tuple_to_list(Told) ++ [0, 0], 5)],
    halt(0).

run("spread", Components, _, _, Shares) ->
    Tally = tally(),
    {Crew, Busy} = counters(Tally, Components, Shares),
    Producers = [spawn_link(fun() -> receive go -> spread(Share, Crew) end end) || Share <- Shares],
    Taken = timed(fun() ->
        wait(Tally, ?FILLED, Busy, fun() -> [Producer ! go || Producer <- Producers] end)
    end),
    handled(Tally, Taken);
run("spread-inside", Components, _, _, [Share]) ->
    Tally = tally(),
    {Crew, Busy} = counters(Tally, Components, [Share]),
    Producer = spawn_link(fun() -> produce(Share, Crew) end),
    Taken = timed(fun() -> wait(Tally, ?FILLED, Busy, fun() -> Producer ! go end) end),
    handled(Tally, Taken);
run("ring", Components, Operations, Tokens, []) ->
    Tally = tally(),
    Left = Operations div Tokens - 1,
    Begins = [Token * Components div Tokens || Token <- lists:seq(0, Tokens - 1)],
    Quotas = counters:new(Components, []),
    [visit(Quotas, Components, Begin, Left + 1) || Begin <- Begins],
    {Crew, Busy} = crew(Tally, Components, Quotas),
    Pids = tuple_to_list(Crew),
    [One ! {next, Next} || {One, Next} <- lists:zip(Pids, tl(Pids) ++ [hd(Pids)])],
    Put = fun() -> [element(Begin + 1, Crew) ! {token, Left} || Begin <- Begins] end,
    Taken = timed(fun() -> wait(Tally, ?FILLED, Busy, Put) end),
    handled(Tally, Taken);
run("query-all", Components, Messages, Rounds, [Share]) ->
    Tally = tally(),
    {Crew, Busy} = counters(Tally, Components, [Share]),
    Producer = spawn_link(fun() -> receive go -> spread(Share, Crew) end end),
    Sending = timed(fun() -> wait(Tally, ?FILLED, Busy, fun() -> Producer ! go end) end),
    {Messages, _, Sum} = handled(Tally, Sending),
    Pids = tuple_to_list(Crew),
    Begun = erlang:monotonic_time(nanosecond),
    {Answers, Counted} = ask_all(Rounds, Pids, Components, 0, 0),
    {Answers, erlang:monotonic_time(nanosecond) - Begun, Counted, Sending, Sum};
run("lives", Components, _, _, []) ->
    Tally = tally(),
    Before = resident(),
    {Pids, Taken} = timed_begin(Tally, Components, Components),
    Grown = resident() - Before,
    {Components, 0} = {counted(Tally, ?UP), counted(Tally, ?DOWN)},
    Stop = fun() -> [Pid ! stop || Pid <- Pids] end,
    Stopping = timed(fun() -> wait(Tally, ?DOWN, Components, Stop) end),
    {_, Starting} = timed_begin(Tally, Components, 2 * Components),
    Twice = 2 * Components,
    {Twice, Components} = {counted(Tally, ?UP), counted(Tally, ?DOWN)},
    {Components, Taken, Grown, Stopping, Starting};
run("crash-storm", Components, _, Crashes, []) ->
    Tally = tally(),
    Me = self(),
    Supervisor = spawn_link(fun() -> supervise_all(Tally, Me, Components, Crashes) end),
    Crew = receive {crew, Pids} -> Pids end,
    Strike = fun() -> [Pid ! crash || Pid <- Crew] end,
    Taken = timed(fun() -> wait(Tally, ?FILLED, Components, Strike) end),
    Supervisor ! done,
    {counted(Tally, ?DOWN), Taken, counted(Tally, ?UP)}.

%% ---- gauges

tally() ->
    {atomics:new(8, [{signed, false}]), self()}.

%% Does the work, and waits until the gauge is at its goal.
wait({Atomics, _}, Gauge, Goal, Work) ->
    atomics:put(Atomics, ?GOAL(Gauge), Goal),
    Result = Work(),
    receive {reached, Gauge} -> Result end.

count({Atomics, Waits}, Gauge) ->
    case atomics:add_get(Atomics, Gauge, 1) =:= atomics:get(Atomics, ?GOAL(Gauge)) of
        true -> Waits ! {reached, Gauge}, ok;
        false -> ok
    end.

add({Atomics, _}, Gauge, Number) ->
    atomics:add(Atomics, Gauge, Number).

counted({Atomics, _}, Gauge) ->
    atomics:get(Atomics, Gauge).

timed(Work) ->
    Begun = erlang:monotonic_time(nanosecond),
    Work(),
    erlang:monotonic_time(nanosecond) - Begun.

handled(Tally, Taken) ->
    {counted(Tally, ?TOTAL), Taken, counted(Tally, ?SUM)}.

resident() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    [_, After] = binary:split(Status, <<"VmRSS:">>),
    [Kibibytes | _] = string:lexemes(After, " \t"),
    binary_to_integer(Kibibytes) * 1024.

%% ---- components

%% Components that know how many messages of those shares they get, and how many get any.
counters(Tally, Components, Shares) ->
    Quotas = counters:new(Components, []),
    [quota(Share, Quotas) || Share <- Shares],
    crew(Tally, Components, Quotas).

quota(<<To:32, _:32, Rest/binary>>, Quotas) ->
    counters:add(Quotas, To + 1, 1),
    quota(Rest, Quotas);
quota(<<>>, _) ->
    ok.

visit(_, _, _, 0) ->
    ok;
visit(Quotas, Components, To, Left) ->
    counters:add(Quotas, To + 1, 1),
    visit(Quotas, Components, (To + 1) rem Components, Left - 1).

crew(Tally, Components, Quotas) ->
    Indices = lists:seq(1, Components),
    Begin = fun(Index) -> born(Tally, Index, counters:get(Quotas, Index)) end,
    Pids = wait(Tally, ?UP, Components, fun() -> lists:map(Begin, Indices) end),
    Busy = length([Index || Index <- Indices, counters:get(Quotas, Index) > 0]),
    {list_to_tuple(Pids), Busy}.

timed_begin(Tally, Components, Goal) ->
    Begun = erlang:monotonic_time(nanosecond),
    Pids = wait(Tally, ?UP, Goal, fun() -> begin_all(Tally, Components) end),
    {Pids, erlang:monotonic_time(nanosecond) - Begun}.

begin_all(_, 0) -> [];
begin_all(Tally, Index) -> [born(Tally, Index, 0) | begin_all(Tally, Index - 1)].

born(Tally, Index, Quota) ->
    spawn(fun() -> count(Tally, ?UP), life(0, 0, none, Quota, {Tally, Index}) end).

life(Count, Sum, Next, Quota, Me) ->
    receive
        Word when is_integer(Word) ->
            handle(Count + 1, Sum + Word, Next, Quota, Me);
        {token, 0} ->
            handle(Count + 1, Sum, Next, Quota, Me);
        {token, Left} ->
            Next ! {token, Left - 1},
            handle(Count + 1, Sum + Left, Next, Quota, Me);
        {count, From} ->
            From ! Count,
            life(Count, Sum, Next, Quota, Me);
        {next, Pid} ->
            life(Count, Sum, Pid, Quota, Me);
        stop ->
            count(element(1, Me), ?DOWN)
    end.

handle(Count, Sum, Next, Quota, Me) when Count < Quota ->
    life(Count, Sum, Next, Quota, Me);
handle(Count, Sum, Next, Quota, {Tally, Index} = Me) when Count =:= Quota ->
    add(Tally, ?TOTAL, Count),
    add(Tally, ?SUM, (Sum * Index) band 16#FFFFFFFFFFFFFFFF),
    count(Tally, ?FILLED),
    life(Count, Sum, Next, Quota, Me);
handle(Count, Sum, Next, Quota, {Tally, _} = Me) ->
    %% One message too many makes the total wrong.
    add(Tally, ?TOTAL, 1),
    life(Count, Sum, Next, Quota, Me).

%% ---- who sends

spread(<<To:32, Word:32, Rest/binary>>, Crew) ->
    element(To + 1, Crew) ! Word,
    spread(Rest, Crew);
spread(<<>>, _) ->
    ok.

%% A component that sends to the others.
produce(Share, Crew) ->
    receive go -> chunk(?CHUNK, Share, Crew) end.

chunk(_, <<>>, _) ->
    ok;
chunk(0, Share, Crew) ->
    self() ! go,
    produce(Share, Crew);
chunk(Left, <<To:32, Word:32, Rest/binary>>, Crew) ->
    element(To + 1, Crew) ! Word,
    chunk(Left - 1, Rest, Crew).

ask_all(0, _, _, Answers, Counted) ->
    {Answers, Counted};
ask_all(Rounds, Pids, Components, Answers, Counted) ->
    Me = self(),
    [Pid ! {count, Me} || Pid <- Pids],
    Sum = answers(Components, 0),
    ask_all(Rounds - 1, Pids, Components, Answers + Components, Counted + Sum).

answers(0, Sum) -> Sum;
answers(Left, Sum) -> receive Count when is_integer(Count) -> answers(Left - 1, Sum + Count) end.

%% ---- a storm of crashes

%% Starts whoever crashes again. It is told by a monitor, and knows by that who it was.
supervise_all(Tally, Waits, Components, Crashes) ->
    Wards = [begin_first(Tally) || _ <- lists:seq(1, Components)],
    Waits ! {crew, [Pid || {Pid, _} <- Wards]},
    supervise(Tally, maps:from_list([{Monitor, Crashes} || {_, Monitor} <- Wards])).

supervise(Tally, Wards) ->
    receive
        {'DOWN', Monitor, process, _, storm} ->
            {Crashes, Others} = maps:take(Monitor, Wards),
            {_, New} = begin_again(Tally, Crashes - 1),
            supervise(Tally, Others#{New => Crashes - 1});
        done ->
            ok
    end.

%% Its first message comes from the one who waits.
begin_first(Tally) ->
    spawn_monitor(fun() -> add(Tally, ?UP, 1), crash(Tally) end).

begin_again(Tally, 0) ->
    spawn_monitor(fun() -> add(Tally, ?UP, 1), count(Tally, ?FILLED), crash(Tally) end);
begin_again(Tally, _) ->
    spawn_monitor(fun() -> add(Tally, ?UP, 1), self() ! crash, crash(Tally) end).

crash(Tally) ->
    receive crash -> add(Tally, ?DOWN, 1), exit(storm) end.
