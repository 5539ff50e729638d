import COpenSSL
import Glibc
import Synchronization

/// What all sessions of one side have in common: versions, ciphers, and the certificate shown or the roots trusted.
/// Immutable: a new certificate is a new context, and sessions that exist keep theirs.
///
/// Versions 1.2 and 1.3 only; in 1.2 only ephemeral elliptic-curve keys with authenticated encryption; no renegotiation,
/// no compression, no early data. `SSL_CTX` is counted and may make sessions on several threads at once.
@safe package final class TLSContext: Sendable {
    package enum Role: Sendable { case server, client }

    package let role: Role
    /// Seconds since 1970 after which the shown certificate is no longer valid; nil for a client.
    package let certificateNotAfter: Int?
    /// Whom the shown certificate is for; nil for a client.
    package let certificateSubject: String?
    nonisolated(unsafe) let raw: OpaquePointer
    /// What OpenSSL's callbacks reach through `raw`: alive as long as this object, which every session keeps.
    private let answers: ServerAnswers?
    let applicationProtocols: [String]

    private init(
        role: Role, raw: OpaquePointer, applicationProtocols: [String], answers: ServerAnswers? = nil,
        certificate: Certificate? = nil
    ) {
        self.role = role
        unsafe self.raw = raw
        self.applicationProtocols = applicationProtocols
        self.answers = answers
        certificateNotAfter = certificate?.notAfter
        certificateSubject = certificate?.subject
    }

    deinit { unsafe SSL_CTX_free(raw) }

    // MARK: Making one

    /// The listening side.
    /// - Parameters:
    ///   - certificateChain: PEM, the server's own certificate first, then those that lead to a root.
    ///   - privateKey: PEM, not encrypted.
    ///   - applicationProtocols: ALPN names (RFC 7301), the best first. A client that offers others only is refused.
    ///   - now: seconds from any start, for the age of session tickets' keys.
    /// - Throws: what is wrong with the certificate or the key, in words for the operator.
    package static func server(
        certificateChain: [UInt8], privateKey: [UInt8], applicationProtocols: [String] = ["http/1.1"],
        now: @escaping @Sendable () -> Int = { time(nil) }
    ) throws(CryptoError) -> TLSContext {
        let certificates = try PEM.certificates(certificateChain)
        guard let leaf = certificates.first else { throw CryptoError("there is no PEM certificate") }
        let raw = unsafe try make(TLS_server_method())
        let answers = ServerAnswers(protocols: applicationProtocols, tickets: TLSTicketKeys(now: now))
        // Owns `raw` from here on, whatever is thrown.
        let context = unsafe TLSContext(
            role: .server, raw: raw, applicationProtocols: applicationProtocols, answers: answers, certificate: leaf)
        guard unsafe SSL_CTX_use_certificate(raw, leaf.raw) == 1 else { throw .last("the certificate cannot be used") }
        for certificate in certificates.dropFirst() {
            guard unsafe copenssl_add_chain_certificate(raw, certificate.raw) == 1 else {
                throw .last("a certificate of the chain cannot be used")
            }
        }
        try unsafe PEM.withPrivateKey(privateKey) { key throws(CryptoError) in
            // Otherwise OpenSSL would drop a certificate that does not belong to the key.
            guard unsafe X509_check_private_key(leaf.raw, key) == 1 else {
                throw .last("the private key does not belong to the certificate")
            }
            guard unsafe SSL_CTX_use_PrivateKey(raw, key) == 1 else { throw .last("the private key cannot be used") }
        }
        context.setUpServer(answers)
        return context
    }

    /// The connecting side, which trusts those roots alone.
    /// - Parameter applicationProtocols: ALPN names to offer; none offers none.
    package static func client(
        trust: TLSTrust, applicationProtocols: [String] = []
    ) throws(CryptoError) -> TLSContext {
        let raw = unsafe try make(TLS_client_method())
        let context = unsafe TLSContext(role: .client, raw: raw, applicationProtocols: applicationProtocols)
        unsafe SSL_CTX_set1_cert_store(raw, trust.store)
        unsafe SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nil)
        let names = applicationProtocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !names.isEmpty, unsafe SSL_CTX_set_alpn_protos(raw, names, UInt32(names.count)) != 0 {
            throw .last("the application protocols cannot be offered")
        }
        return context
    }

    /// In TLS 1.2; 1.3 has good suites only.
    private static let ciphers = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ].joined(separator: ":")

    private static func make(_ method: OpaquePointer?) throws(CryptoError) -> OpaquePointer {
        ERR_clear_error()
        guard let raw = unsafe SSL_CTX_new(method) else { throw .last("no TLS context") }
        guard unsafe copenssl_set_versions(raw, TLS1_2_VERSION, TLS1_3_VERSION) == 1,
            unsafe SSL_CTX_set_cipher_list(raw, ciphers) == 1,
            unsafe copenssl_set_groups(raw, "X25519:P-256:P-384") == 1
        else {
            unsafe SSL_CTX_free(raw)
            throw .last("no TLS context")
        }
        // 112 bits: no RSA below 2048, no SHA-1 signatures. Whatever the system's file says.
        unsafe SSL_CTX_set_security_level(raw, 2)
        unsafe SSL_CTX_set_options(
            raw,
            copenssl_op_no_renegotiation | copenssl_op_no_compression | copenssl_op_server_preference
                | copenssl_op_prioritize_chacha)
        // An idle session gives its buffers back: ten thousand of them would hold 300 MB.
        unsafe copenssl_set_mode(raw, Int(SSL_MODE_RELEASE_BUFFERS))
        return unsafe raw
    }

    private func setUpServer(_ answers: ServerAnswers) {
        // Sessions live in tickets alone: a cache here would grow with the number of clients.
        unsafe copenssl_set_session_cache(raw, Int(SSL_SESS_CACHE_OFF))
        _ = unsafe SSL_CTX_set_timeout(raw, TLSTicketKeys.lifetime)
        unsafe SSL_CTX_set_num_tickets(raw, 2)
        // Unretained: `answers` lives as long as this context, and each session keeps its context.
        unsafe copenssl_set_context_data(raw, Unmanaged.passUnretained(answers).toOpaque())
        unsafe SSL_CTX_set_alpn_select_cb(
            raw,
            { session, chosen, chosenCount, offered, offeredCount, _ in
                let answers = unsafe ServerAnswers.of(session)
                return unsafe answers.choose(
                    UnsafeBufferPointer(start: offered, count: Int(offeredCount)), &chosen!.pointee,
                    &chosenCount!.pointee)
            }, nil)
        unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(raw) { session, name, iv, cipher, code, isNew in
            guard let name = unsafe name, let iv = unsafe iv, let cipher = unsafe cipher, let code = unsafe code else {
                return -1
            }
            return unsafe ServerAnswers.of(session).tickets.key(
                name: name, iv: iv, cipher: cipher, code: code, isNew: isNew == 1)
        }
    }
}

/// What a server answers when OpenSSL asks back during a handshake.
private final class ServerAnswers: Sendable {
    private let protocols: [[UInt8]]
    let tickets: TLSTicketKeys

    init(protocols: [String], tickets: TLSTicketKeys) {
        self.protocols = protocols.map { Array($0.utf8) }
        self.tickets = tickets
    }

    static func of(_ session: OpaquePointer?) -> ServerAnswers {
        unsafe Unmanaged<ServerAnswers>.fromOpaque(copenssl_context_data(session)).takeUnretainedValue()
    }

    /// Our first choice among what the client offers. `chosen` points into the client's own list, which outlives the call.
    func choose(
        _ offered: UnsafeBufferPointer<UInt8>, _ chosen: inout UnsafePointer<UInt8>?, _ count: inout UInt8
    ) -> Int32 {
        for name in protocols {
            var at = 0
            while at < offered.count {
                let length = Int(unsafe offered[at])
                guard at + 1 + length <= offered.count else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                let entry = unsafe UnsafeBufferPointer(rebasing: offered[(at + 1)..<(at + 1 + length)])
                if unsafe entry.elementsEqual(name) {
                    unsafe chosen = entry.baseAddress
                    count = UInt8(length)
                    return SSL_TLSEXT_ERR_OK
                }
                at += 1 + length
            }
        }
        // RFC 7301 §3.2: a server that supports none of them says so.
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
}

/// The context that new sessions get; replaced when a certificate is. From any thread.
package final class TLSContextHolder: Sendable {
    private let held: Mutex<TLSContext>

    package init(_ context: TLSContext) { held = Mutex(context) }

    package var current: TLSContext { held.withLock { $0 } }

    package func replace(with context: TLSContext) { held.withLock { $0 = context } }
}
