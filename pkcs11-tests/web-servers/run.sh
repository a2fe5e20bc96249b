#!/usr/bin/env bash
# nginx and Apache with libengine-pkcs11-openssl: the workers sign with the token's key after a fork, a reload, the death of a
# worker, under load; and stop when the key is compromised.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

engines=$(openssl version -e | sed -n 's/^ENGINESDIR: "\(.*\)"$/\1/p')
if [ ! -e "$engines/pkcs11.so" ]; then
    skip "everything" "no pkcs11.so in $engines: install libengine-pkcs11-openssl; Debian 13's servers have no engines"
    summary web-servers
    exit
fi
printf '%s\n' "$SO_PIN" >so
step "make a token" make_token
page web-servers
export OPENSSL_CONF=$SCRATCH/openssl.cnf
key() { echo "pkcs11:token=$TOKEN;object=web-$1;type=private;pin-source=file:$SCRATCH/pin"; }

user=$(id -un)
plain() { env -u OPENSSL_CONF openssl "$@"; }
handshake() { # NAME PORT [OPTIONS...]: openssl connects and verifies the certificate
    local name=$1 port=$2
    shift 2
    plain s_client -connect "127.0.0.1:$port" -CAfile "$name.crt" -verify_return_error "$@" </dev/null >client.log 2>&1 ||
        { cat client.log; return 1; }
    grep -q "Verify return code: 0" client.log
}
load() { # NAME PORT: 40 connections, eight at a time, each with a handshake of its own
    local failures
    # shellcheck disable=SC2016 # the inner shell's
    failures=$(seq 40 | xargs -P 8 -I{} sh -c 'env -u OPENSSL_CONF timeout 30 openssl s_client -connect "127.0.0.1:$1" -CAfile "$2.crt" \
        -verify_return_error -no_ticket </dev/null >/dev/null 2>&1 || echo failed' sh "$2" "$1" | wc -l)
    echo "$failures of 40 failed"
    test "$failures" -eq 0
}
workers() { ps -o pid= --ppid "$1" | tr -d ' '; }

# The checks of either server: master.pid holds the number of the master.
lives_through() { # COMMAND: the same port answers with new workers
    local before after
    before=$(workers "$(cat master.pid)")
    "$@"
    for _ in $(seq 100); do
        after=$(workers "$(cat master.pid)")
        if [ -n "$after" ] && [ "$after" != "$before" ]; then break; fi
        sleep 0.1
    done
    echo "before: $before; after: $after"
    test "$after" != "$before"
    # The new workers answer as soon as they are up.
    for _ in $(seq 50); do if handshake rsa "$port"; then return; fi; sleep 0.1; done
    return 1
}
reload() { kill -HUP "$(cat master.pid)"; }
reload_apache() { kill -USR1 "$(cat master.pid)"; }
kill_a_worker() { kill -KILL "$(workers "$(cat master.pid)" | head -n 1)"; }
end_master() {
    if [ -f master.pid ]; then kill "$(cat master.pid)" 2>/dev/null || true; fi
    for _ in $(seq 50); do if ! answers "$port"; then break; fi; sleep 0.1; done
}
trap 'end_master; rm -rf "$SCRATCH"' EXIT
started() {
    "$@" || { cat error.log; return 1; }
    for _ in $(seq 100); do if answers "$port" && [ -s master.pid ]; then return; fi; sleep 0.1; done
    cat error.log
    return 1
}
stops_when_compromised() { # NAME PORT KEY...: a label, or --id HEX
    handshake "$1" "$2"
    "$KEYWARD" key compromise "${@:3}" --token "$TOKEN" --pin-file pin --reason key-compromise
    refuse "alert|error" handshake "$1" "$2"
    cat error.log
}

# As the page shows it. The policy lets the old key sign for a day, so that nobody meets a server without a key.
cat >web.toml <<'TOML'
policy  = 1
name    = "web"
extends = ["default"]

[[rule]]
id   = "web-keys"
when = { label = "web-*" }
why  = "Keys of web servers are rotated with a day for the new certificate"
rotate = { every = "300d", overlap = "7d", handover = "1d" }
TOML
rotates() { # NAME PORT: under load; then the new key's certificate, and a reload
    local loading before
    chmod 600 so
    "$KEYWARD" policy install web.toml --token "$TOKEN" --so-pin-file so
    handshake "$1" "$2"
    load "$1" "$2" >load.log &
    loading=$!
    "$KEYWARD" key rotate "web-$1" --token "$TOKEN" --pin-file pin
    wait "$loading" || { cat load.log error.log; return 1; }
    handshake "$1" "$2"
    before=$(plain x509 -in "$1.crt" -noout -pubkey | sha256sum)
    # By its id: of two keys with one label the engine takes the older one.
    openssl req -new -x509 -sha256 -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost -engine pkcs11 -keyform engine \
        -key "pkcs11:token=$TOKEN;id=%65%63%2d%32;type=private;pin-source=file:$SCRATCH/pin" -out new.crt
    test "$(plain x509 -in new.crt -noout -pubkey | sha256sum)" != "$before" || { echo "the old key's certificate again"; return 1; }
    sed -i "s/object=web-$1/id=%65%63%2d%32/" nginx.conf
    mv new.crt "$1.crt"
    lives_through reload
    # The old workers may still answer for a moment, with the old certificate.
    for _ in $(seq 50); do if handshake "$1" "$2"; then return; fi; sleep 0.1; done
    return 1
}

port=$(free_port) other=$(free_port)
if command -v nginx >/dev/null; then
    echo "client: nginx $(nginx -v 2>&1 | sed 's/.*nginx.//') with engine_pkcs11 $(dpkg-query -W -f '${Version}' libengine-pkcs11-openssl)"
    cat >nginx.conf <<END2
user $user;
pid $SCRATCH/master.pid;
error_log $SCRATCH/error.log;
worker_processes 2;
env OPENSSL_CONF; env KEYWARD_STORE; env KEYWARD_CONF; env KEYWARD_LOG;
ssl_engine pkcs11;
events { }
http {
    ssl_protocols TLSv1.2 TLSv1.3;
    access_log off;
    client_body_temp_path $SCRATCH/a; proxy_temp_path $SCRATCH/b; fastcgi_temp_path $SCRATCH/c; uwsgi_temp_path $SCRATCH/d; scgi_temp_path $SCRATCH/e;
    server { listen 127.0.0.1:$port ssl; ssl_certificate $SCRATCH/rsa.crt; ssl_certificate_key "engine:pkcs11:$(key rsa)"; return 200 "hello"; }
    server { listen 127.0.0.1:$other ssl; ssl_certificate $SCRATCH/ec.crt; ssl_certificate_key "engine:pkcs11:$(key ec)"; return 200 "hello"; }
}
END2
    KEYWARD_LOG=$SCRATCH/module.log step "nginx: starts" started nginx -c "$SCRATCH/nginx.conf"
    for version in tls1_2 tls1_3; do
        step "nginx: rsa, $version" handshake rsa "$port" -$version
        step "nginx: ec, $version" handshake ec "$other" -$version
    done
    step "nginx: 40 handshakes, eight at a time" load rsa "$port"
    step "nginx: reload" lives_through reload
    step "nginx: a worker is killed" lives_through kill_a_worker
    step "nginx: 40 handshakes after that" load rsa "$port"
    step "nginx: its key is rotated while it serves" rotates ec "$other"
    step "nginx: 40 handshakes with the new key" load ec "$other"
    step "nginx: the key is compromised, the running server stops signing" stops_when_compromised ec "$other" --id 65632d32
    end_master
else
    skip "nginx" "no nginx: install nginx-light"
fi

port=$(free_port)
modules=/usr/lib/apache2/modules
if command -v apache2 >/dev/null && [ -e $modules/mod_ssl.so ]; then
    echo "client: Apache $(apache2 -v | sed -n '1s/.*Apache.\([^ ]*\).*/\1/p') with engine_pkcs11"
    rm -f error.log master.pid
    cat >apache.conf <<END2
ServerRoot $SCRATCH
ServerName localhost
PidFile $SCRATCH/master.pid
ErrorLog $SCRATCH/error.log
LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule socache_shmcb_module $modules/mod_socache_shmcb.so
StartServers 3
User www-data
Group www-data
Listen 127.0.0.1:$port
SSLCryptoDevice pkcs11
<VirtualHost 127.0.0.1:$port>
    SSLEngine on
    SSLCertificateFile $SCRATCH/rsa.crt
    SSLCertificateKeyFile "$(key rsa)"
</VirtualHost>
END2
    if [ "$(id -u)" -eq 0 ]; then
        # Apache's workers never run as root: they get what the page says they need.
        chown -R www-data "$SCRATCH"
        chmod 711 "$SCRATCH"
    fi
    KEYWARD_LOG=$SCRATCH/store/module.log step "Apache: starts" started apache2 -f "$SCRATCH/apache.conf" -k start
    for version in tls1_2 tls1_3; do step "Apache: rsa, $version" handshake rsa "$port" -$version; done
    step "Apache: 40 handshakes, eight at a time" load rsa "$port"
    step "Apache: reload" lives_through reload_apache
    step "Apache: a worker is killed" lives_through kill_a_worker
    step "Apache: 40 handshakes after that" load rsa "$port"
    step "Apache: the key is compromised, the running server stops signing" stops_when_compromised rsa "$port" web-rsa
    end_master
else
    skip "Apache" "no apache2 with mod_ssl: install apache2"
fi

summary web-servers
