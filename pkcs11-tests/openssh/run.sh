#!/usr/bin/env bash
# OpenSSH: ssh-keygen, ssh-agent, and logins at a real sshd on the loopback with keys in the token.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

sshd=$(first_file /usr/sbin/sshd "$(command -v sshd || true)") || {
    skip "everything" "no sshd: install openssh-server"
    summary openssh
    exit
}
echo "client: OpenSSH $(ssh -V 2>&1 | sed 's/OpenSSH_\([^ ,]*\).*/\1/')"

# OpenSSH asks this program for the PIN, as it would ask a user.
printf '#!/bin/sh\necho "$USER_PIN"\n' >askpass
chmod +x askpass
export SSH_ASKPASS=$SCRATCH/askpass SSH_ASKPASS_REQUIRE=force
unset SSH_AUTH_SOCK
printf '%s\n' "$SO_PIN" >so
printf '%s\n' "$USER_PIN" >pin
chmod 600 so pin

step "make a token" "$KEYWARD" token init "$TOKEN" --so-pin-file so --pin-file pin

# A sshd of our own, with a host key in a file; who may log in stands in the folder `who`.
port=$(free_port)
user=$(id -un)
ssh-keygen -q -t ed25519 -N '' -f host
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d ' ' -f 1,2 host.pub)" >known
: >authorized
: >ca.pub
cat >sshd.conf <<END2
Port $port
ListenAddress 127.0.0.1
HostKey $SCRATCH/host
AuthorizedKeysFile $SCRATCH/authorized
TrustedUserCAKeys $SCRATCH/ca.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
END2
if [ "$(id -u)" -eq 0 ]; then mkdir -p /run/sshd; fi

login() { # SSH_OPTIONS...
    local said
    serve "$port" "$sshd" -D -e -f sshd.conf
    said=$(timeout 60 ssh -F none -p "$port" -o UserKnownHostsFile=known -o StrictHostKeyChecking=yes \
        -o IdentitiesOnly=no -o IdentityFile=none "$@" "$user@127.0.0.1" 'echo in as $(id -un)') || {
        cat server.log
        return 1
    }
    printf '%s\n' "$said"
    grep -q "^in as $user\$" <<<"$said"
}
with_agent() {
    eval "$(ssh-agent -P "$MODULE")"
    ends="${ends:-}kill $SSH_AGENT_PID; "
    # shellcheck disable=SC2064 # now, while the number is known
    trap "$ends" EXIT
    ssh-add -s "$MODULE"
    "$@"
    ssh-add -e "$MODULE"
    if ssh-add -L; then return 1; fi
}

before_the_page() {
    as_user --keypairgen --key-type EC:secp384r1 --id 0384 --label ssh-p384 --usage-sign
    as_user --keypairgen --key-type EC:secp521r1 --id 0521 --label ssh-p521 --usage-sign
    as_user --keypairgen --key-type rsa:3072 --id 3072 --label ssh-login --usage-sign
    ssh-keygen -D "$MODULE" >all
    test "$(wc -l <all)" -eq 3
}
step "keys, and ssh-keygen -D shows them" before_the_page
for name in login p384 p521; do
    line() { grep " ssh-$1\$" all >"$1.pub" && ssh-keygen -l -f "$1.pub"; }
    step "ssh-$name: a public key that OpenSSH takes" line $name
    allow() {
        cp "$1.pub" authorized
        login -I "$MODULE"
    }
    step "ssh-$name: log in with ssh -I" allow $name
    agent_login() {
        cp "$1.pub" authorized
        with_agent login
    }
    step "ssh-$name: log in through ssh-agent" agent_login $name
    test_in_agent() { with_agent ssh-add -T "$1.pub"; }
    step "ssh-$name: ssh-add -T" test_in_agent $name
    signed() {
        printf 'attack at dawn\n' >message
        rm -f message.sig
        with_agent ssh-keygen -Y sign -n file -f "$1.pub" message
        printf 'me %s\n' "$(cat "$1.pub")" >allowed
        ssh-keygen -Y verify -f allowed -I me -n file -s message.sig <message
        echo "attack at noon" >other
        if ssh-keygen -Y verify -f allowed -I me -n file -s message.sig <other; then return 1; fi
    }
    step "ssh-$name: ssh-keygen -Y sign, and verified without the token" signed $name
done
stranger() {
    ssh-keygen -q -t ed25519 -N '' -f stranger
    cp stranger.pub authorized
    refuse "Permission denied" login -I "$MODULE"
}
step "a key that the server does not know does not log in" stranger
ca_login() { # LABEL
    : >authorized
    cp "$1.pub" ca.pub
    rm -f person person.pub person-cert.pub
    ssh-keygen -q -t ed25519 -N '' -f person
    ssh-keygen -s "$1.pub" -D "$MODULE" -I person -n "$user" -V +1h person.pub
    login -i person -o IdentitiesOnly=yes
}
ca_agent() { # LABEL
    cp "$1.pub" ca.pub
    rm -f person-cert.pub
    with_agent ssh-keygen -U -s "$1.pub" -I person -n "$user" -V +1h person.pub
    login -i person -o IdentitiesOnly=yes
}
for name in login p384; do
    step "ssh-$name: a CA's certificate, and a login with it" ca_login $name
    step "ssh-$name: the same through ssh-agent" ca_agent $name
done
wrong_pin() { USER_PIN=000000 refuse "pkcs11|PIN|agent refused|Permission denied" login -I "$MODULE"; }
step "a wrong PIN does not log in" wrong_pin

page openssh

summary openssh
