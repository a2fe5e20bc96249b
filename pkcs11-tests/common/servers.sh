# Servers that live as long as one step. To be sourced.
#
#   free_port                    prints a port of the loopback that nobody listens on
#   serve PORT COMMAND...        starts a server, waits until PORT answers; it ends with the step. Its output is in
#                                server.log

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

serve() {
    local port=$1 server attempt
    shift
    "$@" >server.log 2>&1 </dev/null &
    server=$!
    # What else the step has to end stays to be ended.
    ends="${ends:-}kill $server 2>/dev/null; wait $server 2>/dev/null || true; "
    # shellcheck disable=SC2064 # now, while the number is known
    trap "$ends" EXIT
    for attempt in $(seq 300); do
        if answers "$port"; then return; fi
        if ! kill -0 "$server" 2>/dev/null; then break; fi
        sleep 0.1
    done
    echo "the server did not start (waited $attempt x 0.1 s): $*"
    cat server.log
    return 1
}
