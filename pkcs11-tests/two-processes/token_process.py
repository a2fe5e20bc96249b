#!/usr/bin/env python3
"""A long-lived process with a PKCS#11 module in it, told what to do line by line on its standard input.

Every line is a command and its words; every answer is one line, "ok ..." or "CKR ...", the latter with the
number that the module answered. Only the standard library: ctypes calls the module's function list directly.

    token_process.py MODULE TOKEN-LABEL PIN-FILE

    generate LABEL          makes an EC P-256 pair that signs
    sign LABEL              C_SignInit and C_Sign
    init LABEL              C_SignInit alone, on a second session; `finish` ends that operation with C_Sign
    finish
    find LABEL              how many private keys have this label
    state LABEL             the lifecycle state
    set-state LABEL NUMBER  the same, set
"""

import ctypes
import sys
from ctypes import POINTER, byref, c_ubyte, c_ulong, c_void_p, create_string_buffer

# Positions in CK_FUNCTION_LIST (PKCS#11 3.2, annex), counted from C_Initialize = 0.
POSITION = {
    "C_Initialize": 0, "C_GetSlotList": 4, "C_GetTokenInfo": 6, "C_OpenSession": 12, "C_Login": 18,
    "C_GetAttributeValue": 24, "C_SetAttributeValue": 25, "C_FindObjectsInit": 26, "C_FindObjects": 27,
    "C_FindObjectsFinal": 28, "C_SignInit": 42, "C_Sign": 43, "C_GenerateKeyPair": 59,
}
CKF_SERIAL_SESSION, CKF_RW_SESSION, CKU_USER = 4, 2, 1
CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL = 0x0, 0x1, 0x2, 0x3
CKA_SIGN, CKA_VERIFY, CKA_EC_PARAMS = 0x108, 0x10A, 0x180
CKA_KEYWARD_STATE = 0xCB570001
CKO_PRIVATE_KEY = 3
CKM_EC_KEY_PAIR_GEN, CKM_ECDSA = 0x1040, 0x1041
P256 = bytes.fromhex("06082a8648ce3d030107")
DIGEST = bytes(range(32))
TRUE = b"\x01"


class Refused(Exception):
    """A return value other than CKR_OK."""


class Attribute(ctypes.Structure):
    _fields_ = [("type", c_ulong), ("value", c_void_p), ("length", c_ulong)]


class Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", c_ulong), ("parameter", c_void_p), ("length", c_ulong)]


def number(value):
    return bytes(c_ulong(value))


def template(pairs):
    """An array of CK_ATTRIBUTE; the buffers live as long as the array."""
    array = (Attribute * len(pairs))()
    array.buffers = [create_string_buffer(value, len(value)) for _, value in pairs]
    for entry, (kind, value), buffer in zip(array, pairs, array.buffers):
        entry.type, entry.value, entry.length = kind, ctypes.cast(buffer, c_void_p), len(value)
    return array


class Token:
    def __init__(self, module, label, pin):
        library = ctypes.CDLL(module)
        functions = c_void_p()
        library.C_GetFunctionList(byref(functions))
        # CK_VERSION takes two bytes; the pointers after it are aligned.
        first = functions.value + ctypes.sizeof(c_void_p)
        self.functions = (c_void_p * 68).from_address(first)
        self.call("C_Initialize", None)
        slot = self.slot_of(label)
        self.session = self.open(slot)
        self.second = self.open(slot)
        self.call("C_Login", c_ulong(self.session), c_ulong(CKU_USER), pin, c_ulong(len(pin)))

    def call(self, name, *arguments):
        function = ctypes.CFUNCTYPE(c_ulong, *[type(a) if isinstance(a, c_ulong) else c_void_p for a in arguments])
        converted = [a if isinstance(a, c_ulong) or a is None else ctypes.cast(a, c_void_p) for a in arguments]
        answer = function(self.functions[POSITION[name]])(*converted)
        if answer != 0:
            raise Refused(f"{name} 0x{answer:x}")

    def slot_of(self, label):
        count = c_ulong(64)
        slots = (c_ulong * 64)()
        self.call("C_GetSlotList", c_ulong(1), slots, ctypes.pointer(count))
        for slot in slots[: count.value]:
            information = create_string_buffer(1024)
            self.call("C_GetTokenInfo", c_ulong(slot), information)
            if information.raw[:32].rstrip() == label.encode():
                return slot
        raise SystemExit(f"no token with the label {label}")

    def open(self, slot):
        session = c_ulong()
        flags = c_ulong(CKF_SERIAL_SESSION | CKF_RW_SESSION)
        self.call("C_OpenSession", c_ulong(slot), flags, None, None, ctypes.pointer(session))
        return session.value

    def keys(self, label):
        session = c_ulong(self.session)
        wanted = template([(CKA_CLASS, number(CKO_PRIVATE_KEY)), (CKA_LABEL, label.encode())])
        found, count = (c_ulong * 16)(), c_ulong()
        self.call("C_FindObjectsInit", session, wanted, c_ulong(len(wanted)))
        self.call("C_FindObjects", session, found, c_ulong(16), ctypes.pointer(count))
        self.call("C_FindObjectsFinal", session)
        return list(found[: count.value])

    def key(self, label):
        keys = self.keys(label)
        if not keys:
            raise Refused(f"no key {label}")
        return keys[0]

    def generate(self, label):
        common = [(CKA_TOKEN, TRUE), (CKA_LABEL, label.encode())]
        public = template(common + [(CKA_EC_PARAMS, P256), (CKA_VERIFY, TRUE)])
        private = template(common + [(CKA_PRIVATE, TRUE), (CKA_SIGN, TRUE)])
        handles = (c_ulong * 2)()
        self.call(
            "C_GenerateKeyPair", c_ulong(self.session), ctypes.pointer(Mechanism(CKM_EC_KEY_PAIR_GEN, None, 0)),
            public, c_ulong(len(public)), private, c_ulong(len(private)),
            ctypes.pointer(handles), ctypes.byref(handles, ctypes.sizeof(c_ulong)),
        )
        return ""

    def init(self, label, session=None):
        session = self.second if session is None else session
        mechanism = ctypes.pointer(Mechanism(CKM_ECDSA, None, 0))
        self.call("C_SignInit", c_ulong(session), mechanism, c_ulong(self.key(label)))
        return ""

    def finish(self, session=None):
        session = self.second if session is None else session
        signature, length = create_string_buffer(256), c_ulong(256)
        self.call("C_Sign", c_ulong(session), DIGEST, c_ulong(len(DIGEST)), signature, ctypes.pointer(length))
        return str(length.value)

    def sign(self, label):
        self.init(label, self.session)
        return self.finish(self.session)

    def find(self, label):
        return str(len(self.keys(label)))

    def state(self, label):
        wanted = template([(CKA_KEYWARD_STATE, number(0))])
        self.call("C_GetAttributeValue", c_ulong(self.session), c_ulong(self.key(label)), wanted, c_ulong(1))
        return str(int.from_bytes(wanted.buffers[0].raw, sys.byteorder))

    def set_state(self, label, state):
        wanted = template([(CKA_KEYWARD_STATE, number(int(state)))])
        self.call("C_SetAttributeValue", c_ulong(self.session), c_ulong(self.key(label)), wanted, c_ulong(1))
        return ""


def main():
    module, label, pin_file = sys.argv[1:]
    with open(pin_file, "rb") as file:
        token = Token(module, label, file.read().strip())
    print("ok", flush=True)
    for line in sys.stdin:
        name, *words = line.split()
        try:
            print("ok", getattr(token, name.replace("-", "_"))(*words), flush=True)
        except Refused as refused:
            print("CKR", refused, flush=True)


if __name__ == "__main__":
    main()
