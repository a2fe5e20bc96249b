/*
 * keyward.h: what keyward adds to PKCS#11 3.2, for C and C++.
 *
 * Stands alone, and may come before or after any pkcs11.h: it declares no type and no function, and
 * every name begins with CKA_KEYWARD_, CKM_KEYWARD_ or KEYWARD_. The numbers never change; new ones may be added,
 * and KEYWARD_VENDOR_TABLE_VERSION grows with them.
 *
 * The attributes are read with C_GetAttributeValue and searched with C_FindObjects. "ulong" is a
 * CK_ULONG, "time" a CK_ULONG of seconds since 1970-01-01 00:00:00 UTC.
 */
#ifndef KEYWARD_H
#define KEYWARD_H

#define KEYWARD_VENDOR_TABLE_VERSION 5UL

/* Attributes: CKA_VENDOR_DEFINED | "KW" | number. */

/* ulong: lifecycle state, one of KEYWARD_STATE_. */
#define CKA_KEYWARD_STATE                      0xCB570001UL
/* ulong: the one purpose of the key, one of KEYWARD_PURPOSE_; 0 while it is not bound yet. */
#define CKA_KEYWARD_PURPOSE                    0xCB570002UL
/* time: when the object came into being. */
#define CKA_KEYWARD_INITIAL_DATE               0xCB570003UL
/* time: start of the originator window (KMIP Activation Date). */
#define CKA_KEYWARD_ACTIVATION_DATE            0xCB570004UL
/* time: start of the recipient window (KMIP Process Start Date). */
#define CKA_KEYWARD_PROCESS_START_DATE         0xCB570005UL
/* time: end of the originator window, exclusive (KMIP Protect Stop Date). */
#define CKA_KEYWARD_PROTECT_STOP_DATE          0xCB570006UL
/* time: end of the recipient window, exclusive (KMIP Deactivation Date). */
#define CKA_KEYWARD_DEACTIVATION_DATE          0xCB570007UL
/* time: when the key's material was destroyed. */
#define CKA_KEYWARD_DESTROY_DATE               0xCB570008UL
/* time: when the compromise is believed to have happened. */
#define CKA_KEYWARD_COMPROMISE_OCCURRENCE_DATE 0xCB570009UL
/* time: when the key was declared compromised. */
#define CKA_KEYWARD_COMPROMISE_DATE            0xCB57000AUL
/* ulong: reason of the last revocation, one of KEYWARD_REVOCATION_. */
#define CKA_KEYWARD_REVOCATION_REASON          0xCB57000BUL
/* UTF-8: the words that came with it. */
#define CKA_KEYWARD_REVOCATION_MESSAGE         0xCB57000CUL
/* ulong: where the key came from, one of KEYWARD_ORIGIN_. */
#define CKA_KEYWARD_ORIGIN                     0xCB57000DUL
/* UTF-8: history of transitions, one line each. */
#define CKA_KEYWARD_HISTORY                    0xCB57000EUL
/* 16 bytes: identity shared by the two halves of a pair. */
#define CKA_KEYWARD_PAIR                       0xCB57000FUL
/* CK_BBOOL: whether parts of a secret key may be known, so that no part of it is made a key. */
#define CKA_KEYWARD_INDIVISIBLE                0xCB570010UL
/* UTF-8: who has used the key, where an alarm asks for new callers: lines of uid and program. */
#define CKA_KEYWARD_CALLERS                    0xCB570011UL
/* time: when the key first left wrapped, where the policy wants it backed up. */
#define CKA_KEYWARD_ESCROW_DATE                0xCB570012UL
/* ulong: which generation of a key that is rotated this one is; 1 is the first (KMIP Rotate Generation). */
#define CKA_KEYWARD_GENERATION                 0xCB570020UL
/* UTF-8: CKA_UNIQUE_ID of the object that replaced this one (KMIP Link, Replacement Object). */
#define CKA_KEYWARD_REPLACEMENT                0xCB570021UL
/* UTF-8: CKA_UNIQUE_ID of the object that this one replaced (KMIP Link, Replaced Object). */
#define CKA_KEYWARD_REPLACED                   0xCB570022UL
/* UTF-8: the limits of the policy on the key and what was counted of each, one line each; empty without limits. */
#define CKA_KEYWARD_LIMITS                     0xCB570030UL
/* ulong: how many uses the limits on uses leave; CK_UNAVAILABLE_INFORMATION where none is limited. */
#define CKA_KEYWARD_USES_LEFT                  0xCB570031UL

/* Mechanisms: CKM_VENDOR_DEFINED | "KW" | number. */

/*
 * Deterministic ECDSA (RFC 6979) on P-256, P-384, P-521 and secp256k1: sign and verify, no parameter. The first takes
 * a digest of SHA-2, whose length tells the hash function; the others take the message.
 */
#define CKM_KEYWARD_ECDSA_DETERMINISTIC        0xCB570001UL
#define CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA224 0xCB570002UL
#define CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA256 0xCB570003UL
#define CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA384 0xCB570004UL
#define CKM_KEYWARD_ECDSA_DETERMINISTIC_SHA512 0xCB570005UL

/*
 * Encrypted PKCS#8: wraps and unwraps private keys as the EncryptedPrivateKeyInfo of RFC 5958, 3 (PBES2 with PBKDF2 and
 * AES-CBC), no parameter. The wrapping key is the password, a generic secret key.
 */
#define CKM_KEYWARD_PBES2                      0xCB570006UL

/* Lifecycle states: NIST SP 800-57 Part 1, section 7; numbers of KMIP 2.1, 11.54, and 7. */
#define KEYWARD_STATE_PRE_ACTIVE               1UL
#define KEYWARD_STATE_ACTIVE                   2UL
#define KEYWARD_STATE_DEACTIVATED              3UL
#define KEYWARD_STATE_COMPROMISED              4UL
#define KEYWARD_STATE_DESTROYED                5UL
#define KEYWARD_STATE_DESTROYED_COMPROMISED    6UL
#define KEYWARD_STATE_SUSPENDED                7UL

/* Purposes: NIST SP 800-57 Part 1, section 5.2. */
#define KEYWARD_PURPOSE_SIGN                   1UL
#define KEYWARD_PURPOSE_MAC                    2UL
#define KEYWARD_PURPOSE_ENCRYPT                3UL
#define KEYWARD_PURPOSE_WRAP                   4UL
#define KEYWARD_PURPOSE_AGREE                  5UL
#define KEYWARD_PURPOSE_DERIVE                 6UL
#define KEYWARD_PURPOSE_ENCAPSULATE            7UL

/* Where a key came from. */
#define KEYWARD_ORIGIN_GENERATED               1UL
#define KEYWARD_ORIGIN_IMPORTED                2UL
#define KEYWARD_ORIGIN_UNWRAPPED               3UL
#define KEYWARD_ORIGIN_DERIVED                 4UL
#define KEYWARD_ORIGIN_COPIED                  5UL

/* Reasons of a revocation: numbers of KMIP 2.1, 11.47. */
#define KEYWARD_REVOCATION_UNSPECIFIED             1UL
#define KEYWARD_REVOCATION_KEY_COMPROMISE          2UL
#define KEYWARD_REVOCATION_CA_COMPROMISE           3UL
#define KEYWARD_REVOCATION_AFFILIATION_CHANGED     4UL
#define KEYWARD_REVOCATION_SUPERSEDED              5UL
#define KEYWARD_REVOCATION_CESSATION_OF_OPERATION  6UL
#define KEYWARD_REVOCATION_PRIVILEGE_WITHDRAWN     7UL

/*
 * Why something was refused: CK_SESSION_INFO.ulDeviceError after the refusal, until the next one. Each is explained in
 * docs/policy-reference.md with the CKR_ that comes with it.
 */
#define KEYWARD_REASON_STATE_SUSPENDED         0x101UL
#define KEYWARD_REASON_STATE_DEACTIVATED       0x102UL
#define KEYWARD_REASON_STATE_COMPROMISED       0x103UL
#define KEYWARD_REASON_STATE_PRE_ACTIVE        0x104UL
#define KEYWARD_REASON_STATE_DESTROYED         0x105UL
#define KEYWARD_REASON_STATE_TRANSITION        0x106UL
#define KEYWARD_REASON_REPLACED                0x107UL
#define KEYWARD_REASON_PURPOSE                 0x201UL
#define KEYWARD_REASON_PURPOSE_CONFLICT        0x202UL
#define KEYWARD_REASON_USAGE_ATTRIBUTE         0x203UL
#define KEYWARD_REASON_MECHANISM               0x301UL
#define KEYWARD_REASON_ALLOWED_MECHANISMS      0x302UL
#define KEYWARD_REASON_MECHANISM_UNKNOWN       0x303UL
#define KEYWARD_REASON_MECHANISM_KEY_TYPE      0x304UL
#define KEYWARD_REASON_WRAPPING_KEY_TYPE       0x305UL
#define KEYWARD_REASON_UNWRAPPING_KEY_TYPE     0x306UL
#define KEYWARD_REASON_PARAMETERS              0x307UL
#define KEYWARD_REASON_KEY_SIZE                0x401UL
#define KEYWARD_REASON_STRENGTH                0x402UL
#define KEYWARD_REASON_CURVE                   0x403UL
#define KEYWARD_REASON_NEW_CURVE               0x404UL
#define KEYWARD_REASON_WRAPPING_KEY_SIZE       0x405UL
#define KEYWARD_REASON_UNWRAPPING_KEY_SIZE     0x406UL
#define KEYWARD_REASON_PARAMETER_SET           0x407UL
#define KEYWARD_REASON_NEW_PARAMETER_SET       0x408UL
#define KEYWARD_REASON_FRAGMENT                0x409UL
#define KEYWARD_REASON_ORIGINATOR_WINDOW_AHEAD 0x501UL
#define KEYWARD_REASON_ORIGINATOR_WINDOW_OVER  0x502UL
#define KEYWARD_REASON_RECIPIENT_WINDOW_AHEAD  0x503UL
#define KEYWARD_REASON_RECIPIENT_WINDOW_OVER   0x504UL
#define KEYWARD_REASON_CLOCK_BACKWARDS         0x505UL
#define KEYWARD_REASON_HOURS                   0x506UL
#define KEYWARD_REASON_EXPORT                  0x601UL
#define KEYWARD_REASON_REVEAL                  0x602UL
#define KEYWARD_REASON_UNEXTRACTABLE           0x603UL
#define KEYWARD_REASON_SENSITIVE               0x604UL
#define KEYWARD_REASON_WRAP_WITH_TRUSTED       0x605UL
#define KEYWARD_REASON_WRAP_NOT_WRAPPABLE      0x606UL
#define KEYWARD_REASON_WRAP_KEY_TOO_WEAK       0x607UL
#define KEYWARD_REASON_WRAP_TEMPLATE           0x608UL
#define KEYWARD_REASON_DATA_OF_KEY             0x609UL
#define KEYWARD_REASON_WRAP_WITH               0x60AUL
#define KEYWARD_REASON_ESCROW                  0x60BUL
#define KEYWARD_REASON_FOREIGN_WRAPPING_KEY    0x60CUL
#define KEYWARD_REASON_TEMPLATE_CONFLICT       0x701UL
#define KEYWARD_REASON_ATTRIBUTE_READ_ONLY     0x702UL
#define KEYWARD_REASON_NOT_MODIFIABLE          0x703UL
#define KEYWARD_REASON_NOT_COPYABLE            0x704UL
#define KEYWARD_REASON_NOT_DESTROYABLE         0x705UL
#define KEYWARD_REASON_NOT_LOGGED_IN           0x801UL
#define KEYWARD_REASON_CONTEXT_LOGIN           0x802UL
#define KEYWARD_REASON_READ_ONLY_SESSION       0x803UL
#define KEYWARD_REASON_CALLER                  0x804UL
#define KEYWARD_REASON_ALARM                   0x805UL
#define KEYWARD_REASON_APPROVAL                0x806UL
#define KEYWARD_REASON_NOT_BACKED_UP           0x807UL
#define KEYWARD_REASON_PIN_TOO_SHORT           0x901UL
#define KEYWARD_REASON_PIN_TOO_LONG            0x902UL
#define KEYWARD_REASON_PIN_INVALID             0x903UL
#define KEYWARD_REASON_PIN_LOCKED              0x904UL
#define KEYWARD_REASON_AUDIT_UNAVAILABLE       0xA01UL
#define KEYWARD_REASON_NOT_EVALUABLE           0xA02UL
#define KEYWARD_REASON_POLICY_UNUSABLE         0xA03UL
#define KEYWARD_REASON_BUDGET                  0xB01UL
#define KEYWARD_REASON_RATE                    0xB02UL
#define KEYWARD_REASON_BUDGET_UNAVAILABLE      0xB03UL

#endif /* KEYWARD_H */
