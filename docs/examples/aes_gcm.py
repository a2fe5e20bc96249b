#!/usr/bin/env python3
"""Encrypts or decrypts a file with AES-GCM and a key in a token, for pkcs11-tools that cannot (OpenSC before 0.25).

    aes_gcm.py encrypt|decrypt MODULE TOKEN-LABEL PIN-FILE KEY-ID IV INPUT OUTPUT

KEY-ID and IV are hexadecimal; the IV has 12 bytes and must never be used twice with one key. The output of `encrypt`
is the ciphertext with the tag of 16 bytes behind it. Only the standard library: ctypes calls the module.
"""

import ctypes
import sys
from ctypes import byref, c_ulong, c_void_p, create_string_buffer

# Positions in CK_FUNCTION_LIST (PKCS#11 3.2, annex), counted from C_Initialize = 0.
POSITION = {
    "C_Initialize": 0, "C_Finalize": 1, "C_GetSlotList": 4, "C_GetTokenInfo": 6, "C_OpenSession": 12, "C_Login": 18,
    "C_FindObjectsInit": 26, "C_FindObjects": 27, "C_FindObjectsFinal": 28,
    "C_EncryptInit": 29, "C_Encrypt": 30, "C_DecryptInit": 33, "C_Decrypt": 34,
}
CKF_SERIAL_SESSION, CKU_USER, CKO_SECRET_KEY = 4, 1, 4
CKA_CLASS, CKA_ID, CKM_AES_GCM = 0x0, 0x102, 0x1087


class Attribute(ctypes.Structure):
    _fields_ = [("type", c_ulong), ("value", c_void_p), ("length", c_ulong)]


class Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", c_ulong), ("parameter", c_void_p), ("length", c_ulong)]


class GcmParameters(ctypes.Structure):
    _fields_ = [
        ("iv", c_void_p), ("iv_length", c_ulong), ("iv_bits", c_ulong),
        ("aad", c_void_p), ("aad_length", c_ulong), ("tag_bits", c_ulong),
    ]


class Module:
    def __init__(self, path):
        library = ctypes.CDLL(path)
        functions = c_void_p()
        library.C_GetFunctionList(byref(functions))
        # CK_VERSION takes two bytes; the pointers after it are aligned.
        self.functions = (c_void_p * 68).from_address(functions.value + ctypes.sizeof(c_void_p))

    def call(self, name, *arguments):
        types = [c_ulong if isinstance(argument, int) else c_void_p for argument in arguments]
        answer = ctypes.CFUNCTYPE(c_ulong, *types)(self.functions[POSITION[name]])(
            *[a if a is None or isinstance(a, int) else ctypes.cast(a, c_void_p) for a in arguments]
        )
        if answer != 0:
            raise SystemExit(f"{name} answers 0x{answer:x}")


def slot_of(module, label):
    count, slots = c_ulong(64), (c_ulong * 64)()
    module.call("C_GetSlotList", 1, slots, ctypes.pointer(count))
    for slot in slots[: count.value]:
        information = create_string_buffer(1024)
        module.call("C_GetTokenInfo", slot, information)
        if information.raw[:32].rstrip() == label.encode():
            return slot
    raise SystemExit(f"no token with the label {label}")


def key_of(module, session, identity):
    kind, identity = c_ulong(CKO_SECRET_KEY), create_string_buffer(identity, len(identity))
    wanted = (Attribute * 2)(
        Attribute(CKA_CLASS, ctypes.cast(ctypes.pointer(kind), c_void_p), ctypes.sizeof(kind)),
        Attribute(CKA_ID, ctypes.cast(identity, c_void_p), len(identity)),
    )
    key, count = c_ulong(), c_ulong()
    module.call("C_FindObjectsInit", session, wanted, 2)
    module.call("C_FindObjects", session, ctypes.pointer(key), 1, ctypes.pointer(count))
    module.call("C_FindObjectsFinal", session)
    if count.value != 1:
        raise SystemExit("no secret key has this id")
    return key.value


def main(action, path, label, pin_file, identity, iv, source, target):
    module = Module(path)
    module.call("C_Initialize", None)
    session = c_ulong()
    module.call("C_OpenSession", slot_of(module, label), CKF_SERIAL_SESSION, None, None, ctypes.pointer(session))
    with open(pin_file, "rb") as file:
        pin = file.readline().rstrip(b"\r\n")
    module.call("C_Login", session.value, CKU_USER, create_string_buffer(pin, len(pin)), len(pin))
    key = key_of(module, session.value, bytes.fromhex(identity))
    iv = bytes.fromhex(iv)
    iv_bytes = create_string_buffer(iv, len(iv))
    parameters = GcmParameters(ctypes.cast(iv_bytes, c_void_p), len(iv), len(iv) * 8, None, 0, 128)
    mechanism = Mechanism(
        CKM_AES_GCM, ctypes.cast(ctypes.pointer(parameters), c_void_p), ctypes.sizeof(parameters)
    )
    with open(source, "rb") as file:
        data = file.read()
    verb = {"encrypt": "C_Encrypt", "decrypt": "C_Decrypt"}[action]
    module.call(verb + "Init", session.value, ctypes.pointer(mechanism), key)
    result, length = create_string_buffer(len(data) + 16), c_ulong(len(data) + 16)
    module.call(verb, session.value, create_string_buffer(data, len(data)), len(data), result, ctypes.pointer(length))
    with open(target, "wb") as file:
        file.write(result.raw[: length.value])
    module.call("C_Finalize", None)


if __name__ == "__main__":
    if len(sys.argv) != 9 or sys.argv[1] not in ("encrypt", "decrypt"):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
