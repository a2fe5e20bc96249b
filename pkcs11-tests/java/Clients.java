import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.*;
import java.security.cert.Certificate;
import java.security.spec.*;
import java.util.*;
import java.util.concurrent.*;
import javax.crypto.*;
import javax.crypto.spec.*;
import javax.net.ssl.*;

/**
 * Every service of SunPKCS11 on the module that a program can call, checked against the JDK's own software: what the token made,
 * software verifies, and the other way round.
 *
 * Prints a line "ok NAME", "refused NAME", "skip NAME" or "FAIL NAME" for each check, tab between, and "end" when it got there.
 *
 *   java Clients.java CONFIGURATION PIN_FILE
 */
public class Clients {
    static Provider token;
    static final SecureRandom RANDOM = new SecureRandom();
    static final byte[] MESSAGE = new byte[1000];

    interface Check { void run() throws Exception; }

    static void check(String name, Check check) {
        try {
            check.run();
            System.out.println("ok\t" + name);
        } catch (Throwable failure) {
            String reason = null;
            // The JDK offers PSS with SHA-3 and cannot hand over its parameters; nothing of it reaches the module.
            if (chain(failure).contains("cannot be converted to native PKCS#11 type")) reason = "this Java fails before it calls the module";
            // Java 21 and later take CKM_AES_KEY_WRAP_PAD for padding as in PKCS #7, with an IV of 8 bytes. It is the older name of
            // CKM_AES_KEY_WRAP_KWP, whose IV has 4.
            if (name.endsWith("/KW/PKCS5Padding") && chain(failure).contains("CKR_MECHANISM_PARAM_INVALID"))
                reason = "this Java means CKM_AES_KEY_WRAP_PKCS7 and asks for CKM_AES_KEY_WRAP_PAD";
            System.out.println((reason == null ? "FAIL\t" : "skip\t") + name + "\t" + (reason == null ? chain(failure) : reason));
        }
    }

    /** Passes when the check fails with WORD somewhere in the chain of causes. */
    static void refused(String name, String word, Check check) {
        try {
            check.run();
            System.out.println("FAIL\t" + name + "\taccepted, expected " + word);
        } catch (Throwable failure) {
            boolean expected = chain(failure).contains(word);
            System.out.println((expected ? "refused\t" : "FAIL\t") + name + "\t" + chain(failure));
        }
    }

    static String chain(Throwable failure) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) text.append(cause).append(" <- ");
        return text.toString().replace('\n', ' ').replace('\t', ' ');
    }

    static void same(byte[] one, byte[] other, String what) {
        if (!Arrays.equals(one, other)) throw new AssertionError(what + " differ");
    }

    static void that(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    // --- Digests, MACs ---------------------------------------------------------------------------------------

    static void digest(String algorithm) throws Exception {
        MessageDigest ours = MessageDigest.getInstance(algorithm, token);
        same(ours.digest(MESSAGE), MessageDigest.getInstance(algorithm, "SUN").digest(MESSAGE), "digests");
        for (int i = 0; i < MESSAGE.length; i += 100) ours.update(MESSAGE, i, 100);
        same(ours.digest(), MessageDigest.getInstance(algorithm, "SUN").digest(MESSAGE), "digests in parts");
    }

    static void mac(String algorithm) throws Exception {
        byte[] bytes = new byte[32];
        RANDOM.nextBytes(bytes);
        SecretKey key = new SecretKeySpec(bytes, algorithm);
        Mac ours = Mac.getInstance(algorithm, token);
        ours.init(key);
        Mac theirs = Mac.getInstance(algorithm, "SunJCE");
        theirs.init(key);
        same(ours.doFinal(MESSAGE), theirs.doFinal(MESSAGE), "MACs");
    }

    // --- Signatures ------------------------------------------------------------------------------------------

    static final Map<String, KeyPair> pairs = new HashMap<>();

    static KeyPair pair(String kind) throws Exception {
        KeyPair known = pairs.get(kind);
        if (known != null) return known;
        KeyPairGenerator generator = KeyPairGenerator.getInstance(kind.startsWith("RSA") ? "RSA" : "EC", token);
        if (kind.startsWith("RSA")) generator.initialize(2048);
        else generator.initialize(new ECGenParameterSpec(kind));
        KeyPair pair = generator.generateKeyPair();
        pairs.put(kind, pair);
        return pair;
    }

    /** The token's public key as the JDK's software wants it. */
    static PublicKey soft(PublicKey key) throws Exception {
        return KeyFactory.getInstance(key.getAlgorithm(), key.getAlgorithm().equals("EC") ? "SunEC" : "SunRsaSign")
            .generatePublic(new X509EncodedKeySpec(key.getEncoded()));
    }

    static void signature(String algorithm) throws Exception {
        if (algorithm.equals("NONEwithRSA")) { bareRsa(); return; }
        boolean ec = algorithm.contains("ECDSA");
        // Each digest fits its curve; a bare digest is signed by NONEwith...
        KeyPair pair = ec ? pair("secp256r1") : pair("RSA");
        byte[] message = algorithm.startsWith("NONE") ? Arrays.copyOf(MESSAGE, 32) : MESSAGE;
        Signature signer = Signature.getInstance(algorithm, token);
        Signature software = Signature.getInstance(algorithm, ec ? "SunEC" : "SunRsaSign");
        parameters(algorithm, signer, software);
        signer.initSign(pair.getPrivate());
        signer.update(message);
        byte[] signature = signer.sign();
        software.initVerify(soft(pair.getPublic()));
        software.update(message);
        that(software.verify(signature), "software does not verify");
        Signature verifier = Signature.getInstance(algorithm, token);
        parameters(algorithm, verifier);
        verifier.initVerify(pair.getPublic());
        verifier.update(message);
        that(verifier.verify(signature), "the token does not verify");
        message[0] ^= 1;
        verifier.initVerify(pair.getPublic());
        verifier.update(message);
        boolean taken;
        try {
            taken = verifier.verify(signature);
        } finally {
            if (message == MESSAGE) message[0] ^= 1;
        }
        that(!taken, "the token verifies another message");
    }

    /** Java 21 and later: PKCS#1 padding around what the caller gives, which software has as a cipher only. */
    static void bareRsa() throws Exception {
        Signature signer = Signature.getInstance("NONEwithRSA", token);
        signer.initSign(pair("RSA").getPrivate());
        signer.update(MESSAGE, 0, 32);
        Cipher software = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
        software.init(Cipher.DECRYPT_MODE, soft(pair("RSA").getPublic()));
        same(software.doFinal(signer.sign()), Arrays.copyOf(MESSAGE, 32), "what was signed");
    }

    static void parameters(String algorithm, Signature... signatures) throws Exception {
        if (!algorithm.endsWith("RSASSA-PSS")) return;
        for (Signature signature : signatures) {
            String digest = algorithm.equals("RSASSA-PSS") ? "SHA-256" : algorithm.replace("withRSASSA-PSS", "");
            digest = digest.startsWith("SHA3") ? digest : digest.replaceFirst("^SHA-?", "SHA-");
            int size = MessageDigest.getInstance(digest).getDigestLength();
            signature.setParameter(new PSSParameterSpec(digest, "MGF1", new MGF1ParameterSpec(digest), size, 1));
        }
    }

    /** SunRsaSign has no names such as SHA256withRSASSA-PSS: the same by parameters. */
    static void pss(String algorithm) throws Exception {
        KeyPair pair = pair("RSA");
        Signature signer = Signature.getInstance(algorithm, token);
        Signature software = Signature.getInstance("RSASSA-PSS", "SunRsaSign");
        parameters(algorithm, signer, software);
        signer.initSign(pair.getPrivate());
        signer.update(MESSAGE);
        byte[] signature = signer.sign();
        software.initVerify(soft(pair.getPublic()));
        software.update(MESSAGE);
        that(software.verify(signature), "software does not verify");
        signature[10] ^= 1;
        software.initVerify(soft(pair.getPublic()));
        software.update(MESSAGE);
        that(!software.verify(signature), "software verifies a tampered signature");
    }

    // --- Encryption ------------------------------------------------------------------------------------------

    static void cipher(String transformation) throws Exception {
        if (transformation.startsWith("RSA")) { rsa(transformation); return; }
        if (transformation.startsWith("PBE")) { passwordCipher(transformation); return; }
        if (transformation.contains("/KW")) { keyWrap(transformation); return; }
        int size = transformation.contains("128") ? 16 : transformation.contains("192") ? 24 : 32;
        byte[] bytes = new byte[size];
        RANDOM.nextBytes(bytes);
        SecretKey key = new SecretKeySpec(bytes, transformation.startsWith("ChaCha20") ? "ChaCha20" : "AES");
        byte[] iv = new byte[transformation.contains("GCM") || transformation.startsWith("ChaCha20") ? 12 : 16];
        RANDOM.nextBytes(iv);
        AlgorithmParameterSpec parameters = transformation.contains("GCM") ? new GCMParameterSpec(128, iv)
            : transformation.contains("ECB") ? null : new IvParameterSpec(iv);
        byte[] plain = Arrays.copyOf(MESSAGE, 992);
        Cipher ours = Cipher.getInstance(transformation, token);
        Cipher theirs = Cipher.getInstance(transformation, "SunJCE");
        ours.init(Cipher.ENCRYPT_MODE, key, parameters);
        theirs.init(Cipher.DECRYPT_MODE, key, parameters);
        same(theirs.doFinal(ours.doFinal(plain)), plain, "token to software");
        byte[] other = iv.clone();
        other[0] ^= 1;
        AlgorithmParameterSpec second = transformation.contains("GCM") ? new GCMParameterSpec(128, other)
            : transformation.contains("ECB") ? null : new IvParameterSpec(other);
        theirs.init(Cipher.ENCRYPT_MODE, key, second);
        ours.init(Cipher.DECRYPT_MODE, key, second);
        byte[] sealed = theirs.doFinal(plain);
        same(ours.doFinal(sealed), plain, "software to token");
        if (transformation.contains("GCM") || transformation.startsWith("ChaCha20")) {
            sealed[5] ^= 1;
            ours.init(Cipher.DECRYPT_MODE, key, second);
            try {
                ours.doFinal(sealed);
                throw new AssertionError("a tampered ciphertext is opened");
            } catch (GeneralSecurityException expected) { /* the tag is wrong */ }
        }
    }

    /** Java 21 and later: AES key wrapping, as a cipher and for keys. */
    static void keyWrap(String transformation) throws Exception {
        int size = transformation.contains("128") ? 16 : transformation.contains("192") ? 24 : 32;
        byte[] bytes = new byte[size];
        RANDOM.nextBytes(bytes);
        SecretKey key = new SecretKeySpec(bytes, "AES");
        byte[] plain = Arrays.copyOf(MESSAGE, transformation.contains("NoPadding") && !transformation.contains("KWP") ? 64 : 61);
        Cipher ours = Cipher.getInstance(transformation, token);
        Cipher theirs = Cipher.getInstance(transformation, "SunJCE");
        ours.init(Cipher.ENCRYPT_MODE, key);
        theirs.init(Cipher.DECRYPT_MODE, key);
        same(theirs.doFinal(ours.doFinal(plain)), plain, "token to software");
        theirs.init(Cipher.ENCRYPT_MODE, key);
        ours.init(Cipher.DECRYPT_MODE, key);
        byte[] sealed = theirs.doFinal(plain);
        same(ours.doFinal(sealed), plain, "software to token");
        sealed[5] ^= 1;
        ours.init(Cipher.DECRYPT_MODE, key);
        try {
            ours.doFinal(sealed);
            throw new AssertionError("a tampered key is unwrapped");
        } catch (GeneralSecurityException | ProviderException expected) { /* the check value is wrong */ }
    }

    /** Java 21 and later: the token derives a key from a password and encrypts with it. */
    static void passwordCipher(String transformation) throws Exception {
        PBEParameterSpec parameters = new PBEParameterSpec(Arrays.copyOf(MESSAGE, 16), 2000, new IvParameterSpec(Arrays.copyOf(MESSAGE, 16)));
        SecretKey key = SecretKeyFactory.getInstance(transformation, "SunJCE").generateSecret(new PBEKeySpec("a long password".toCharArray()));
        Cipher ours = Cipher.getInstance(transformation, token);
        ours.init(Cipher.ENCRYPT_MODE, key, parameters);
        Cipher theirs = Cipher.getInstance(transformation, "SunJCE");
        theirs.init(Cipher.DECRYPT_MODE, key, parameters);
        same(theirs.doFinal(ours.doFinal(MESSAGE)), MESSAGE, "token to software");
    }

    static void rsa(String transformation) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA", token);
        generator.initialize(2048);
        KeyPair pair = generator.generateKeyPair();
        byte[] secret = Arrays.copyOf(MESSAGE, 32);
        Cipher theirs = Cipher.getInstance(transformation, "SunJCE");
        theirs.init(Cipher.ENCRYPT_MODE, soft(pair.getPublic()));
        Cipher ours = Cipher.getInstance(transformation, token);
        ours.init(Cipher.DECRYPT_MODE, pair.getPrivate());
        same(ours.doFinal(theirs.doFinal(secret)), secret, "software to token");
        ours.init(Cipher.ENCRYPT_MODE, pair.getPublic());
        byte[] sealed = ours.doFinal(secret);
        ours.init(Cipher.DECRYPT_MODE, pair.getPrivate());
        same(ours.doFinal(sealed), secret, "token to token");
    }

    // --- Agreement -------------------------------------------------------------------------------------------

    static void agreement(String algorithm, AlgorithmParameterSpec parameters, String provider, String family) throws Exception {
        KeyPairGenerator one = KeyPairGenerator.getInstance(family, token);
        KeyPairGenerator other = KeyPairGenerator.getInstance(family, provider);
        one.initialize(parameters);
        other.initialize(parameters);
        KeyPair ours = one.generateKeyPair();
        KeyPair theirs = other.generateKeyPair();
        KeyAgreement here = KeyAgreement.getInstance(algorithm, token);
        here.init(ours.getPrivate());
        here.doPhase(theirs.getPublic(), true);
        KeyAgreement there = KeyAgreement.getInstance(algorithm, provider);
        there.init(theirs.getPrivate());
        PublicKey ourPublic = KeyFactory.getInstance(family, provider).generatePublic(new X509EncodedKeySpec(ours.getPublic().getEncoded()));
        there.doPhase(ourPublic, true);
        same(here.generateSecret(), there.generateSecret(), "shared secrets");
    }

    // --- The key store ---------------------------------------------------------------------------------------

    static void keyStoreLife(char[] pin) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        store.load(null, pin);
        KeyStore file = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(Path.of("other.p12"))) { file.load(in, "changeit".toCharArray()); }
        PrivateKey key = (PrivateKey) file.getKey("other", "changeit".toCharArray());
        Certificate[] certificates = file.getCertificateChain("other");
        store.setKeyEntry("brought", key, null, certificates);
        store = KeyStore.getInstance("PKCS11", token);
        store.load(null, pin);
        that(store.isKeyEntry("brought"), "the entry is not there");
        same(store.getCertificate("brought").getEncoded(), certificates[0].getEncoded(), "certificates");
        PrivateKey inside = (PrivateKey) store.getKey("brought", null);
        that(inside.getEncoded() == null, "the private key can be read");
        Signature signer = Signature.getInstance("SHA256withRSA", token);
        signer.initSign(inside);
        signer.update(MESSAGE);
        byte[] signature = signer.sign();
        Signature software = Signature.getInstance("SHA256withRSA", "SunRsaSign");
        software.initVerify(certificates[0]);
        software.update(MESSAGE);
        that(software.verify(signature), "software does not verify");
        byte[] bytes = new byte[32];
        RANDOM.nextBytes(bytes);
        store.setEntry("aes", new KeyStore.SecretKeyEntry(new SecretKeySpec(bytes, "AES")), null);
        that(store.isKeyEntry("aes"), "the secret key is not there");
        Cipher sealing = Cipher.getInstance("AES/GCM/NoPadding", token);
        byte[] iv = Arrays.copyOf(bytes, 12);
        sealing.init(Cipher.ENCRYPT_MODE, store.getKey("aes", null), new GCMParameterSpec(128, iv));
        Cipher theirs = Cipher.getInstance("AES/GCM/NoPadding", "SunJCE");
        theirs.init(Cipher.DECRYPT_MODE, new SecretKeySpec(bytes, "AES"), new GCMParameterSpec(128, iv));
        same(theirs.doFinal(sealing.doFinal(MESSAGE)), MESSAGE, "AES from the store");
        store.deleteEntry("brought");
        store.deleteEntry("aes");
        store = KeyStore.getInstance("PKCS11", token);
        store.load(null, pin);
        that(!store.containsAlias("brought") && !store.containsAlias("aes"), "a deleted entry is there");
    }

    // --- TLS -------------------------------------------------------------------------------------------------

    static SSLContext context(KeyStore store, String alias) throws Exception {
        KeyManagerFactory managers = KeyManagerFactory.getInstance("SunX509");
        managers.init(store, null);
        X509KeyManager all = (X509KeyManager) managers.getKeyManagers()[0];
        X509ExtendedKeyManager one = new X509ExtendedKeyManager() {
            public String[] getClientAliases(String type, Principal[] issuers) { return new String[] {alias}; }
            public String[] getServerAliases(String type, Principal[] issuers) { return new String[] {alias}; }
            public String chooseClientAlias(String[] types, Principal[] issuers, java.net.Socket socket) { return alias; }
            public String chooseServerAlias(String type, Principal[] issuers, java.net.Socket socket) {
                return type.startsWith("RSA") == alias.equals("rsa") ? alias : null;
            }
            public java.security.cert.X509Certificate[] getCertificateChain(String name) { return all.getCertificateChain(name); }
            public PrivateKey getPrivateKey(String name) { return all.getPrivateKey(name); }
        };
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("peer", store.getCertificate(alias));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(new KeyManager[] {one}, trust.getTrustManagers(), null);
        return context;
    }

    static void mutualTls(KeyStore store, String alias, String version) throws Exception {
        SSLContext context = context(store, alias);
        try (SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory()
                .createServerSocket(0, 5, java.net.InetAddress.getLoopbackAddress())) {
            server.setNeedClientAuth(true);
            server.setEnabledProtocols(new String[] {version});
            server.setSoTimeout(20000);
            ExecutorService other = Executors.newSingleThreadExecutor();
            Future<String> seen = other.submit(() -> {
                try (SSLSocket socket = (SSLSocket) server.accept()) {
                    socket.setSoTimeout(20000);
                    byte[] question = socket.getInputStream().readNBytes(4);
                    OutputStream out = socket.getOutputStream();
                    out.write(question);
                    out.flush();
                    return socket.getSession().getPeerPrincipal().getName();
                }
            });
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(server.getInetAddress(), server.getLocalPort())) {
                socket.setEnabledProtocols(new String[] {version});
                socket.setSoTimeout(20000);
                socket.getOutputStream().write("ping".getBytes());
                socket.getOutputStream().flush();
                same(socket.getInputStream().readNBytes(4), "ping".getBytes(), "echo");
                that(socket.getSession().getProtocol().equals(version), "another version was spoken");
            }
            that(seen.get(30, TimeUnit.SECONDS).equals("CN=localhost"), "the client is not who it should be");
            other.shutdown();
        }
    }

    public static void main(String[] arguments) throws Exception {
        token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        Security.addProvider(token);
        RANDOM.nextBytes(MESSAGE);
        char[] pin = Files.readString(Path.of(arguments[1])).trim().toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        refused("a wrong PIN", "CKR_PIN_INCORRECT", () -> KeyStore.getInstance("PKCS11", token).load(null, "000000".toCharArray()));
        store.load(null, pin);

        Set<String> names = new TreeSet<>();
        for (Provider.Service service : token.getServices()) names.add(service.getType() + " " + service.getAlgorithm());
        for (String name : names) {
            String algorithm = name.substring(name.indexOf(' ') + 1);
            switch (name.substring(0, name.indexOf(' '))) {
                case "MessageDigest" -> check(name, () -> digest(algorithm));
                case "Mac" -> check(name, () -> mac(algorithm));
                case "Cipher" -> check(name, () -> cipher(algorithm));
                case "Signature" -> {
                    if (algorithm.startsWith("MD2")) continue; // software of the JDK has it, nobody wants it
                    if (algorithm.endsWith("withRSASSA-PSS")) check(name, () -> pss(algorithm));
                    else check(name, () -> signature(algorithm));
                }
                case "KeyGenerator" -> {
                    if (algorithm.startsWith("SunTls")) continue; // JSSE calls these, below
                    check(name, () -> that(KeyGenerator.getInstance(algorithm, token).generateKey() != null, "no key"));
                }
                default -> { }
            }
        }
        for (String curve : List.of("secp256r1", "secp384r1", "secp521r1")) {
            check("KeyPairGenerator EC " + curve, () -> pair(curve));
            check("KeyAgreement ECDH " + curve, () -> agreement("ECDH", new ECGenParameterSpec(curve), "SunEC", "EC"));
        }
        for (int bits : new int[] {2048, 3072}) {
            check("KeyPairGenerator RSA " + bits, () -> {
                KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA", token);
                generator.initialize(bits);
                that(((java.security.interfaces.RSAPublicKey) generator.generateKeyPair().getPublic()).getModulus().bitLength() == bits, "size");
            });
        }
        check("KeyAgreement DH 2048", () -> {
            KeyPairGenerator software = KeyPairGenerator.getInstance("DH", "SunJCE");
            software.initialize(2048);
            DHParameterSpec group = ((javax.crypto.interfaces.DHPublicKey) software.generateKeyPair().getPublic()).getParams();
            agreement("DH", new DHParameterSpec(group.getP(), group.getG()), "SunJCE", "DH");
        });
        check("SecureRandom", () -> {
            byte[] one = new byte[32], other = new byte[32];
            SecureRandom random = SecureRandom.getInstance("PKCS11", token);
            random.nextBytes(one);
            random.nextBytes(other);
            that(!Arrays.equals(one, other), "twice the same");
        });
        check("KeyStore: bring, use, delete", () -> keyStoreLife(pin));
        for (String version : List.of("TLSv1.2", "TLSv1.3"))
            for (String alias : List.of("rsa", "ec"))
                check("JSSE: mutual " + version + " with the " + alias + " key", () -> mutualTls(store, alias, version));

        refused("RSA of 1024 bits", "must be at least 2048", () -> {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA", token);
            generator.initialize(1024);
            generator.generateKeyPair();
        });
        refused("a key that has signed does not decrypt", "CKR_KEY_FUNCTION_NOT_PERMITTED", () -> {
            Cipher cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding", token);
            cipher.init(Cipher.ENCRYPT_MODE, soft(pair("RSA").getPublic()));
            byte[] sealed = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE").getProvider() == null ? null : MESSAGE;
            Cipher ours = Cipher.getInstance("RSA/ECB/PKCS1Padding", token);
            ours.init(Cipher.DECRYPT_MODE, pair("RSA").getPrivate());
            ours.doFinal(Arrays.copyOf(sealed, 256));
        });
        System.out.println("end");
        System.exit(0);
    }
}
