# The head of a client's script, sourced from the script's folder: steps, pages, servers, a module with a scratch folder of its own. Leaves
# `here` (the script's folder) and stands in $SCRATCH. Then:
#
#   needs SCRIPT PACKAGES PROGRAM...   ends the script with one skip where a program is missing; PACKAGES says what to install

here=$PWD
. ../common/steps.sh
. ../common/module.sh
. ../common/page.sh
. ../common/servers.sh
use_module keyward
cd "$SCRATCH"

needs() {
    local script=$1 packages=$2 program
    shift 2
    for program in "$@"; do
        if ! command -v "$program" >/dev/null; then
            skip "everything" "no $program: install $packages"
            summary "$script"
            exit
        fi
    done
}
