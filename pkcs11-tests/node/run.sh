#!/usr/bin/env bash
# Node.js: graphene-pk11 and pkcs11js, from npm into a folder outside the checkout.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    skip "everything" "no node and npm: install nodejs and npm"
    summary node
    exit
fi
folder=${XDG_CACHE_HOME:-$HOME/.cache}/keyward-node
# pkcs11js is compiled. Its headers are fetched from nodejs.org, unless they are beside Node.js and npm is told so.
prefix=$(dirname "$(dirname "$(realpath "$(command -v node)")")")
if [ -z "${npm_config_nodedir:-}" ] && [ -e "$prefix/include/node/node.h" ]; then export npm_config_nodedir=$prefix; fi
if [ ! -d "$folder/node_modules/graphene-pk11" ]; then
    mkdir -p "$folder"
    (cd "$folder" && npm install --silent --no-audit --no-fund graphene-pk11@2.3.6) || {
        skip "everything" "npm cannot install graphene-pk11 from here"
        summary node
        exit
    }
fi
export NODE_PATH=$folder/node_modules
version() { sed -n 's/.*"version": "\(.*\)".*/\1/p' "$NODE_PATH/$1/package.json"; }
echo "client: graphene-pk11 $(version graphene-pk11), pkcs11js $(version pkcs11js) on Node.js $(node --version)"

step "make a token" make_token
page node
verified() {
    printf 'attack at dawn' >message
    as_user --read-object --type pubkey --label node --output-file node.pub
    openssl dgst -sha256 -keyform DER -verify node.pub -signature node.signature message
}
step "what it signed, verified by openssl" verified
timeout 120 node "$here/clients.js" >results 2>errors || true
while IFS=$'\t' read -r verdict name words; do
    case $verdict in
        ok) step "$name" true ;;
        FAIL) step "$name" eval 'echo "$words"; false' ;;
    esac
done <results
ended() {
    cat errors
    tail -n 1 results | grep -qx end
}
step "the program came to its end" ended

summary node
