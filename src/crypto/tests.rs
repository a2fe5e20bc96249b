//! What the tests of all algorithms share: keys and answers made elsewhere, and the checks that every
//! signature and every cipher must pass.

use super::mechanism::{Ciphering, Context, Row};
use super::{Material, rsa};
use crate::ck::{Error, Params, Result};

/// Bytes of hexadecimal digits.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// The message in pieces of random sizes, empty ones too.
pub(super) fn pieces(message: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let mut random = [0; 1];
        super::random::fill(&mut random).unwrap();
        let (piece, after) = rest.split_at(usize::from(random[0] % 60).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// The key prepared for the mechanism.
pub(super) fn context(row: &Row, key: &Material) -> Context {
    row.prepare.unwrap()(key).unwrap()
}

/// Signs in one piece.
pub(super) fn signed(row: &Row, context: &Context, params: &Params, data: &[u8]) -> Vec<u8> {
    let mut signing = row.ops.sign.unwrap()(context, params).unwrap();
    let mut out = vec![0xEE; signing.len() + 3];
    let len = signing.sign(data, &mut out).unwrap();
    assert_eq!(&out[len..], [0xEE; 3], "more was written than said");
    out.truncate(len);
    out
}

fn sign_in_pieces(row: &Row, context: &Context, params: &Params, data: &[u8]) -> Vec<u8> {
    let mut signing = row.ops.sign.unwrap()(context, params).unwrap();
    for piece in pieces(data) {
        signing.update(piece).unwrap();
    }
    let mut out = vec![0; signing.len()];
    let len = signing.finish(&mut out).unwrap();
    assert_eq!(len, out.len());
    out
}

/// Verifies in one piece.
pub(super) fn verified(
    row: &Row,
    context: &Context,
    params: &Params,
    data: &[u8],
    signature: &[u8],
) -> Result<()> {
    row.ops.verify.unwrap()(context, params).unwrap().verify(data, signature)
}

fn verify_in_pieces(
    row: &Row,
    context: &Context,
    params: &Params,
    data: &[u8],
    signature: &[u8],
) -> Result<()> {
    let mut verifying = row.ops.verify.unwrap()(context, params).unwrap();
    for piece in pieces(data) {
        verifying.update(piece)?;
    }
    verifying.finish(signature)
}

/// What every signing mechanism must do: one piece and many agree, a tampered message or signature is
/// `CKR_SIGNATURE_INVALID`, a signature of another length `CKR_SIGNATURE_LEN_RANGE`.
pub(super) fn check_signer(row: &Row, private: &Context, public: &Context, params: &Params, data: &[u8]) {
    let check = |data: &[u8], signature: &[u8]| {
        let answer = verified(row, public, params, data, signature);
        assert_eq!(verify_in_pieces(row, public, params, data, signature), answer);
        answer
    };
    let signature = signed(row, private, params, data);
    assert_eq!(check(data, &signature), Ok(()));
    assert_eq!(check(data, &sign_in_pieces(row, private, params, data)), Ok(()));
    let mut tampered = data.to_vec();
    tampered[0] ^= 0x10;
    assert_eq!(check(&tampered, &signature), Err(Error::SignatureInvalid));
    for at in [0, signature.len() / 2, signature.len() - 1] {
        let mut tampered = signature.clone();
        tampered[at] ^= 1;
        assert_eq!(check(data, &tampered), Err(Error::SignatureInvalid), "byte {at}");
    }
    let longer = [&signature[..], &[0]].concat();
    for wrong in [&signature[1..], &longer, &[]] {
        assert_eq!(check(data, wrong), Err(Error::SignatureLenRange));
    }
}

type Start = Option<fn(&Context, &Params) -> Result<Box<dyn Ciphering>>>;

/// Encrypts or decrypts in one piece.
pub(super) fn whole(start: Start, context: &Context, params: &Params, input: &[u8]) -> Result<Vec<u8>> {
    let mut operation = start.unwrap()(context, params)?;
    let promised = operation.whole_len(input.len());
    let mut out = vec![0; promised];
    let len = operation.whole(input, &mut out)?;
    assert!(len <= promised && (!operation.exact() || len == promised), "{len} of {promised}");
    out.truncate(len);
    Ok(out)
}

/// Encrypts or decrypts in pieces of random sizes, and holds the operation to its promised lengths.
pub(super) fn in_pieces(start: Start, context: &Context, params: &Params, input: &[u8]) -> Result<Vec<u8>> {
    let mut operation = start.unwrap()(context, params)?;
    let mut all = Vec::new();
    let mut step = |operation: &dyn Ciphering, promised: usize, out: &[u8], len: usize| {
        assert!(len <= promised && (!operation.exact() || len == promised), "{len} of {promised}");
        all.extend_from_slice(&out[..len]);
    };
    for piece in pieces(input) {
        let promised = operation.update_len(piece.len());
        let mut out = vec![0; promised];
        let len = operation.update(piece, &mut out)?;
        step(&*operation, promised, &out, len);
    }
    let promised = operation.finish_len();
    let mut out = vec![0; promised];
    let len = operation.finish(&mut out)?;
    step(&*operation, promised, &out, len);
    Ok(all)
}

/// A known pair of plaintext and ciphertext, both ways, in one piece and in many.
pub(super) fn check_cipher(
    row: &Row,
    context: &Context,
    params: &Params,
    plaintext: &[u8],
    ciphertext: &[u8],
) {
    for run in [whole, in_pieces] {
        assert_eq!(run(row.ops.encrypt, context, params, plaintext).as_deref(), Ok(ciphertext));
        assert_eq!(run(row.ops.decrypt, context, params, ciphertext).as_deref(), Ok(plaintext));
    }
}

/// Keys of SP 800-38A, appendix F.
pub(super) const AES_128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
/// As above.
pub(super) const AES_192: &str = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
/// As above.
pub(super) const AES_256: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
/// Plaintext of SP 800-38A, appendix F.
pub(super) const SP_800_38A: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

/// An RSA key of 2048 bits, made once for these tests.
pub(super) fn rsa_2048() -> Material {
    let [n, d, p, q] = [N, D, P, Q].map(hex);
    let (e, p, q) = (Some(&[1, 0, 1][..]), Some(p.as_slice()), Some(q.as_slice()));
    rsa::import_private(&rsa::Import { n: &n, e, d: &d, p, q, ..rsa::Import::default() }).unwrap()
}

/// Modulus of a key made for these tests by OpenSSL 4.0; its exponent is 65537.
pub(super) const N: &str = "ab7af1de15f106743b59d53d34827f282f7f9099c5e39aa97d1d8bf9b3d2803ba8b48cd0caef4a8b14842fa3b086b593e28acabcd10311bbcccd1f9f2504c94c80ce45d303084f74b6370cb12d560aae606af6faa74fbe4a1696d53e77b1f227908b0e151f8971d7fbe89fb798e9e8fd1cf8bc4650b2b566712c6ad3afbe2b5d178e54ab7c74d3d3fea83a51a8c2a1a415fd1558b2d0921127baf135ca069252a7eb68784a12fdd7e4a7e01e744000797eb0b39f03bb22584882cbfac71678a1650c88e8920fbc983fc693cff1ae15837d2405f05d24e0b1ce409f9aed1b1b2f9043a0884393a3e8a5b1b6e41df3f1a9d4ec6d4803d16578cecddf7312d7f625";

/// Private exponent.
pub(super) const D: &str = "09a6e86bf33937549dd899c4e6ffe764b2d3ba7c654e9685d96480874eba0252195606f7b8f7221a2a4ea1c3296c53abc8c7137a9af07cc98b7c0a3e721e2459cedae2c43f4f4845a351fd9565735fde33d0217f0ca17e43a64f841e3982306ff8ab530b6e5480036e60481e7f42bf44abf7a0daa65a80bfb78eb94e9952ef6c276be6ccb6e4a9306c488b9d44aef8bd176685af5544a89c0813e544b98d54dd44488ad5062850d7f8ffd8158505230fd33fff1482301c51ea7cda11fa83bfaeec7c4524951523a2c188a6cee14692b5de7d56178df29ab55b9537faa8c08b029029c53f6bd874890fb0025b4326ecb46dc25e9d891462f826741f4a3be6e561";

/// First prime.
pub(super) const P: &str = "ea291e4beab65f4c0c626ead4f9f7a5e3067ede3ea6d197ae2662fbcfe9770a36c0b977f50b463053b2822fe2a399b3a21e7a72f5cd36079d651f907bab76903ac3e62deea5efff163f84b502d866e9f79ea30e3e6d4556afa3171138354962b15d1748428c0f06be80c252e6fcecb11fa369560b247c0b9cffd3e0e20b2ac55";

/// Second prime.
pub(super) const Q: &str = "bb7940d538a805ac26b791f039fbdb266152f70c928929b9b288ee5a545d8297c749485b53024df498ece89a2e3e3b8aa3692cb1d1089808018cba17e4a2eb4c0d1688b5adb9687d764e1d6972e17ab306c336750e024f340634c1be567501184a89ab6834b1b5d87e53c1b6f6aa504402ffa8536a9e7e93037809aa07ccf291";

/// PKCS#1 v1.5 signature of "abc" with SHA-256.
pub(super) const RSA_2048_SHA256_ABC: &str = "41347c45519c96f79dba231ba2dcd2463d76989cebba36b696a32097c9ad4eb4cafca2ae829b7ef3689168af251ca85ac6784a806d9f01fa0a6b9cbeb34958905bd681b5fe1f2b939987ed77f9720034f5e74b7d1ad32b1f4fefe86ffec347ea719ec049d13ff5d6da7479b3bcb84d102fab618dd281c79c202d95331ef96a2c2c0d7a73ae8e89582efb1bb1c4740a732ef725116cb0889d6db7269f1a18ae0a7d12bc1d327b3a711e877c331e720d415ce8bd397d2ec04a95afa7da8a62fb358be03523f387f0992a7fcdadec387309563b9db1937f83aaeb7b07a2b64dc2d53b16b11d3bb485b1ad525b46e7973abed9113590730cd98673ec75e0e3f8f6b8";

/// PKCS#1 v1.5 signature of "abc" with SHA3-256, made by OpenSSL 3.0 as all below that have SHA-3.
pub(super) const RSA_2048_SHA3_256_ABC: &str = "1a5aff502df6508a4ce99f7b69cf38edcc915e3ce379c44bf212598c57684e9b3db2c5649f09bfb41469a168e5ee5e4815e92566117ccd0f078d02084b00afabf6cfa7f631edc1d24233a357d23400163abfb981e59679259ff28363507c3885a39ea82bbfde24cdb8b8a18b0902501a0e19807b7e2ac20de69b55d76f3af5b8f97ca2875b1567dfc1c569eadb86d6499e1c9cee36fb250bd68d3e20df320e1c26d1433434bc654dd1bb1f27c9aa9d5e9d9544f00e62c939a71a1dda9314b77d4a79aba5a1e1bee000ff1fb6f4ba8bc5b37407615f746b050c464fd3772cebfeaadda85f3dcfb52b11368a51ee03b25401fdfdc92a9b1f1181752a9cf69dfc9f";

/// PKCS#1 v1.5 signature of "abc" with SHA3-512.
pub(super) const RSA_2048_SHA3_512_ABC: &str = "7314618060a78fe95d48c683d11d9d55dc8ff59e9abf9f98c39fad1504ec471ce11a2036faddb203309de88d93e3c94cb04f27bc05f119ae39c2f78e2d29ffa6b35f8306c4bda968ea83916c41198ab9543ac551ba4c9dd230041bb847918364e3e32d975124e38a44f30811637edf0bef3334e80028b324fb9706194c6e88507577b9a8415093df8906e7622e46e46dd2dd364158ad92a0e5043983900244476e7c8b1e4818926498c5709e37750472bbca4bfb9dfcd5857bf91ae123222d3ca3820d25e69a89cd55c48038e0159c3088ce324307bb6080edb58b9b15b37e8c79a7b2f71f0dd802dd8a46e31fd21b052e9f5e8c3eff54d820b9af16b17adda0";

/// PSS signature of "abc" with SHA3-256, MGF1 with SHA3-512, salt of 17 bytes.
pub(super) const RSA_2048_PSS_SHA3_ABC: &str = "28269f19f89fa94e4ae96e012aaca5335e5a240866bf4d6f169e2d8a51a2dc790ae00695459c867e7c176e4fca7081f54ae93d0c902e32ff370ece07f8c592a2a9dc6e9a8bd1f5925f0457d90586d12d7098d6c921f7d863851e87a0624a110e2d97dd7ffc1bd496c38e72f88894f221a9843be18258b58881f638c9ddfdb1b592bac5802a39752a20d99efe959c802633d6ed155eb344af394ce79233292c3c27800d9566d07b5ddc2324d9b3340c37b776289e4c351110c7d48f2a7b82ae3e20de0c4dafd19e8408b8e2aaa73859130c6dedd2e14efd37c3d1cbe92670cfbd624c6511655ac72290b852b088e4920c3c7c60b1bdf74a28966da3e5754f639c";

/// PSS signature of "abc" with SHA-1 and MGF1 with SHA-1, salt of 20 bytes, made by OpenSSL 3.0.
pub(super) const RSA_2048_PSS_SHA1_ABC: &str = "0b77b147be8f5b6f84b1699ee53b6f5732c8e2282d5055e5723ef77224ab6a22dd42af6ad47ab5d564df208ccc92954fbb2a3031ce8c54225238fd751b5d23ad2fdcae635e119521c277f513ee01acb2b4e17685d0c96b19d358c4826fe904146afa5ba36aeecb32553547e9005e982af8b704cfedc438ef48dde5b0a52912b4cc6eaa24b66d105eae53ad7b2e58a076c03a1dfa554a46e9b4e069c1d301a728e1bf75ccc43c35c73b94003b0bdcac76d98672c2e20c26df0dda0d6a612b88f073012775b6609736b6e228be74230bd32e13bc5d93e49a35c575b0a13da34f374126a10e2b0722c0b7d3b102de8a3f69831b5bbee13a0fffc8019385c08afedb";

/// OAEP of "abc": SHA3-256, MGF1 with SHA-512, label "label".
pub(super) const RSA_2048_OAEP_SHA3_ABC: &str = "934dffad047d80dceb88a3cd1164ccbe34d413964f6bd6cc4b309b584c16360137b5f70d3ecb8df8dba911f98e86f297758620d543b3b2b8c6e8f69802717650089b4d73572b67e9ddfbfc2f6eeaeccd6a49a969974fa0ffa38703d9d11a65aa83b4bf83eee8dd1dd3c6b40dfb738ec98f7c6eeb49326e4d2255f8adfa0728222083623dbaa4786fdb51ef95ab20d213e0bb060fb61fa661feeac083d69bda63678d1e1496eca5cac7f6196557bb2481c1cce5507b64f7d16c641ee9aacd0bc7bfa4df139cbe8ca2debfa113e941a884818128fe64de9c0d8319444f89250968e67dccaf35d746a0e6875f2c210202093618ad29b04f8e639b15c5c6ccc09a8a";

/// PSS signature of "abc" with SHA-256, salt of 32 bytes.
pub(super) const RSA_2048_PSS_ABC: &str = "500b41685298fae36f4090a46fa1a2b64643445e6365ebd9973ec0a1a73731db2a91e1e958e8b6d82ad2ecc2270563da44c328437de2950739b99845f36c35946b7daaf65b70a2b1286eb67142a94d03d372ecabc30b1a54b4a6a0d819d92f9dc28671e01cc65496d22cb22f2b6d5e61c169f13f8157e7f533f6fd3a7064b16b8702318a2ea45ef4f04f8b32b442df56cd55ef44e7a77d2f9f5acd97eccb953147f1c5497931798025b882182681fe210240b3cd00a57f016ba7d7c55928ab589b2125541fe7472b0f629b992cade26e4ccc4a61cf4923ee1a2701e81d80958c948b4827444368945916bf2067ea40b3883571b7a2bac40a64f467c32701b9cf";

/// OAEP of "abc": SHA-256, MGF1 with SHA-1, label "label".
pub(super) const RSA_2048_OAEP_ABC: &str = "7a0ba70cd1828184d1a493859b5b279419ba18e9db10436c443445bb77be67ec514148c2408c6ad643e3d3e01cfd3017eb12b04200ba52bab4b6faeb2054950fd72baccfb9a3c7c519f25b4a5614a263f1c554354ea23a8cda639db0e5d76725f91ee11aad0e0e29b0bd48752474ae299338ea86f9bff63bf36eb4e8b43fe895f2d5398620d9879380481e09fed75ec7ba4f592ce19e3d592530f19438426929663d93d97acd14b7a2c00a12f73cbed8a47b11ec38793fe4ca1f1c2f6d537082ce08b29a7b1adb9148d94b3ed8ac713f2d9c99c2772cf283162f91412e6a952ca567b15ad3c3e90c2326b7ad61b493b708a2fb32f51a2eb2bdea2390a6b7e025";

/// SubjectPublicKeyInfo.
pub(super) const RSA_2048_INFO: &str = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100ab7af1de15f106743b59d53d34827f282f7f9099c5e39aa97d1d8bf9b3d2803ba8b48cd0caef4a8b14842fa3b086b593e28acabcd10311bbcccd1f9f2504c94c80ce45d303084f74b6370cb12d560aae606af6faa74fbe4a1696d53e77b1f227908b0e151f8971d7fbe89fb798e9e8fd1cf8bc4650b2b566712c6ad3afbe2b5d178e54ab7c74d3d3fea83a51a8c2a1a415fd1558b2d0921127baf135ca069252a7eb68784a12fdd7e4a7e01e744000797eb0b39f03bb22584882cbfac71678a1650c88e8920fbc983fc693cff1ae15837d2405f05d24e0b1ce409f9aed1b1b2f9043a0884393a3e8a5b1b6e41df3f1a9d4ec6d4803d16578cecddf7312d7f6250203010001";

/// Ciphertexts with wrong padding and the messages that OpenSSL 4.0 makes up for them.
pub(super) const RSA_2048_REJECTED: &[(&str, &str)] = &[
    (
        "52c767eacbce6dbfbb4166f2b08b8c328da8cbd92f7edbe7bd6601f38fca77192c8011190deace8758201b3e75599964980f60c8955ea39c2d0ba1a47c43d5c1a3f1d85db7639ff4521fef7c17890c055b60e8cc45b6fac6d7713aafb8bc2fcbdceae418fd03694916519616a2f07b71f9a89648cf6b41fca8aac56020bf14e6b3e0321d880245112c5a37be641a6967b8ff5e0845c1d007ca7e4c9864911a02ba3c2dfee557223af4943a2be608d8308136364aef466146b310b84f454e43d76b788b487a90252d10318544d9ab4d54fb0a3e17d8522b71aacb91aea957b8c50f1916b8e847fddb14c2d8fb00150435eda00033e5bd6c4feacc29d724028004",
        "577f2c99",
    ),
    (
        "378ce94e9bf3d1448d5ad9fbe7cb0c50d592bfd8fb80063f6fe51e13d1b7250901869d3de7ec740c672c0dd6d114412ec9792fec8363002308f93365526301948cafbb0d3f52f5197b2777196465167815daea1cbc2cc1d363fef399ba02ab54ae321e1d7000560f2079d5b86685d00a18189c4c9e1aef01d8ce44752b6ec263e95295257d9828c89f8f980fa714d5185fa7115d13b8c5094b192c2fe4ee45c48ae3f0acd9c6957a6fd72c772a70a6ccf1f6e29ec3ec5010ee25ac01ffb263030a6debb136f309fc8915fcbd684217411b13231cedafaf8ed94b144da3269505a66d04352df2ca61c68a30673a06d44b14e18812d46edf45c805bd57cb8fdfe1",
        "1de2183a9036932102599240e7654f66efa15ebdebaab9a95832fae795b465e48d7e5eaff45f9ee836a80774cbc499c925414649e40496c7625513c868e8805fde0b4dcb0b126617",
    ),
    (
        "71b8f430b256b9bff1bd1f433b608ffd7492dec707195df27546fd6e4ae6d184af6f534f2519c2b084e13507198ee457c7d6970014e69a92d0e92a71e869049d5f971c30c38dee37adf7fab6f09fc37c5a4d079be1f90fa2f768bf032e99204a5e08c7a6d611caaeea3825cc6dbf397143108847747c1396c6f693a90fb4d2fac1795981924bc51f55354c8da934ff5572272ebd92e9b41f99efb1b719cd0a73b88b91c356a757f132186fa33a71414ed1782b98c297c1f300d7e67c8c70dc110c3e4d653069b28d6bb1bf940ac6d0bf889185e3b1d468cf10064b83ddf10c1d992fc0ec3280be81dedebe773d9790959f0089c34fc8e85986bb505e3ceb0149",
        "081a15b411074c6d569166f9c02d49d4c8c1b7556e86c8eb6c26e509156f4f7b405dd5dadd1c010b80395d93e1359d1ccc6abe7067ef4b59ad022540b63aec80efc0d0e2abeac4e046e65dc9f11a8517405afee512f1393b1eea21eebf34a4627aa5330302d4c034e0ca07efbceeba098a6b528656f6945b5174c83494573663f34e3ab2e3dce015326fc0418a8eecdfe9165c0b5f99c008047c8e48110d6d6d9d03d03c004c7296ae1eb19f481150c0cd460c58b5f53deac51202e5d8fa54967ee239cf8f8a454c0090117abf1cd33967859f6508e8b1abf73f4edb88fa6b2d22dd95c4cde1aea1664f4145033093db87cbe4",
    ),
    (
        "80970ec1c3e479f45f6a97a706d049ec2df8c65f9850a328ec6d126544b651343ca2a75a6074386ec4acc75372651bf96e3415f7ff072537c969cc1340660181f476ca9759f6527975b117e8d4519c8910af08b7f15fedd9d2b9b93e371a89b8bbc98e3c451802dfb2c87256a08fef6f367a41f3d6f1949abe6e3f185c568479d6dd196c65fff509678eca587781bdd0f873b79d2e5c37ba9eba742aba88d00a7e5dfa8357b72fda6c0b921f4fab69d5d1091124c531f55c7fc5bf408e34c48aa6ce8428f5a825c5de771d1f200bc4615d5f506bb7b7dfd8bf051b6b610bd2d123b2141bce56a595f1205f78024ffca39e208e5811721aacd2095460b96e06cd",
        "410fd7da32016c4e2fdbac1e198dd28c186e9cdc6ea25a04ac5ff51ed2fce1e1a3a7f221a594997eb2edcb29dcd8a6febf000a8428963161b9f4eab5d40c26d51bc9c5aac27dff0d009c6702bf60c2086cc3ac0041ae3f60c9d7a64ae3d18a138e432f68519b329e47d8409d1745c48cbb4634085695953be4dc",
    ),
];
