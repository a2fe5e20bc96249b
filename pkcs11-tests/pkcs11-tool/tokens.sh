# Slots, tokens, PINs. Sourced by run.sh; leaves a token with both PINs set.

echo "tokens and PINs"

shows() { # WORD COMMAND...: the command succeeds and prints WORD
    local word=$1 output
    shift
    output=$("$@")
    printf '%s\n' "$output"
    grep -qE -- "$word" <<<"$output"
}
hides() { # WORD COMMAND...: the command succeeds and does not print WORD
    local word=$1 output
    shift
    output=$("$@")
    printf '%s\n' "$output"
    ! grep -qE -- "$word" <<<"$output"
}

with_pin() { # PIN COMMAND...: the same with another user PIN
    local pin=$1
    shift
    USER_PIN=$pin "$@"
}

change_pin() { # OLD NEW
    OLD=$1 NEW=$2 tool --token-label "$TOKEN" --login --pin env:OLD --change-pin --new-pin env:NEW
}

step "show info" shows "Cryptoki version" tool --show-info
step "list slots: a free slot" shows "uninitialized" tool --list-slots
step "init token" tool --init-token --label "$TOKEN" --so-pin env:SO_PIN
step "list token slots: the label" shows "token label +: $TOKEN" tool --list-token-slots
step "a free slot remains" shows "uninitialized" tool --list-slots
step "init user PIN" as_so --init-pin --new-pin env:USER_PIN
step "log in" as_user --list-objects
step "wrong user PIN is refused" refuse CKR_PIN_INCORRECT with_pin 000000 as_user --list-objects
step "wrong user PIN is counted" shows "user PIN count low" tool --list-token-slots
step "right user PIN clears the count" as_user --list-objects
step "the count is cleared" hides "user PIN count low" tool --list-token-slots
step "change user PIN" change_pin "$USER_PIN" 161803
step "the old user PIN is refused" refuse CKR_PIN_INCORRECT as_user --list-objects
step "the new user PIN logs in" with_pin 161803 as_user --list-objects
step "a PIN of two characters is refused" refuse CKR_PIN_LEN_RANGE change_pin 161803 16
step "SO sets the user PIN anew" as_so --init-pin --new-pin env:USER_PIN
step "the PIN that the SO set logs in" as_user --list-objects
wrong_so_pin() { SO_PIN=00000000 as_so --init-pin --new-pin env:USER_PIN; }
step "wrong SO PIN is refused" refuse CKR_PIN_INCORRECT wrong_so_pin

# Ten failures in a row are keyward's default; SoftHSM2 counts but never locks.
lock_user_pin() {
    local attempt
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        echo "attempt $attempt"
        refuse "CKR_PIN_INCORRECT|CKR_PIN_LOCKED" with_pin 000000 as_user --list-objects
    done
    refuse CKR_PIN_LOCKED as_user --list-objects
}
if [ "$SUBJECT" = keyward ]; then
    step "ten wrong user PINs lock it" lock_user_pin
    step "the lock is shown" shows "user PIN locked" tool --list-token-slots
    step "SO unlocks the user PIN" as_so --init-pin --new-pin env:USER_PIN
    step "the unlocked user PIN logs in" as_user --list-objects
else
    skip "ten wrong user PINs lock it" "SoftHSM2 has no lockout"
fi

step "list mechanisms" shows "SHA256-RSA-PKCS-PSS" tool --token-label "$TOKEN" --list-mechanisms
