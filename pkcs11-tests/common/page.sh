# Runs the commands of a page in docs/clients as they stand there. To be sourced after steps.sh and module.sh.
#
#   page NAME [PART]   each block of docs/clients/NAME.md fenced as ```sh is one step, named by the heading above it;
#                      one fenced as ```sh engine or ```sh provider is for an OpenSSL that has PKCS#11 that way, and left out elsewhere;
#                      one fenced as ```sh PART is left out where the script does not name that part;
#                      one fenced as ```sh refused: WORDS must fail and say WORDS (an extended regular expression)
#
# Blocks run in the order of the page, each in a shell of its own in the folder $SCRATCH: what one leaves for the
# next is in files and in the token. They find MODULE, KEYWARD, TOKEN and the PINs in the environment, which
# docs/clients/README.md asks a reader to set.

# How this OpenSSL uses a PKCS#11 module: engine, provider, or nothing.
openssl_bridge() {
    local folder
    folder=$(openssl version -e 2>/dev/null | sed -n 's/^ENGINESDIR: "\(.*\)"$/\1/p')
    if [ -e "$folder/pkcs11.so" ]; then
        echo engine
        return
    fi
    folder=$(openssl version -m 2>/dev/null | sed -n 's/^MODULESDIR: "\(.*\)"$/\1/p')
    if [ -e "$folder/pkcs11.so" ]; then echo provider; fi
}

# Splits the page: block-1, block-2, ... hold the commands, `blocks` holds "NUMBER@WORDS@HEADING" for each.
split_page() { # PAGE FOLDER PART
    mkdir -p "$2"
    awk -v folder="$2" -v bridge="$(openssl_bridge)" -v part_named="$3" '
        /^#+ / && !inside { heading = $0; sub(/^#+ */, "", heading); part = 0 }
        /^```/ && inside { inside = 0; close(file); next }
        inside { if (file != "") print > file; next }
        /^```/ {
            inside = 1; file = ""
            if ($0 == "```sh" || $0 == "```sh " bridge || $0 == "```sh " part_named || $0 ~ /^```sh refused: /) {
                number++; part++
                words = ""
                if ($0 ~ /^```sh refused: /) words = substr($0, length("```sh refused: ") + 1)
                file = folder "/block-" number
                printf "" > file
                print number "@" words "@" heading (part > 1 ? ", " part : "") > (folder "/blocks")
            }
        }' "$1"
}

run_block() { bash -euo pipefail "$1"; }

page() { # NAME [PART]
    local folder=$SCRATCH/page-$1 number words heading
    export MODULE KEYWARD TOKEN
    split_page "$checkout/docs/clients/$1.md" "$folder" "${2:-}"
    echo "docs/clients/$1.md"
    while IFS=@ read -r -u 3 number words heading; do
        if [ -n "$words" ]; then
            step "page: $heading" refuse "$words" run_block "$folder/block-$number"
        else
            step "page: $heading" run_block "$folder/block-$number"
        fi
    done 3<"$folder/blocks"
}
