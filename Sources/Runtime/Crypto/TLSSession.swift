import COpenSSL

/// One TLS session without a socket: the peer's bytes in, bytes for the peer out. Not thread-safe: one loop owns it.
///
/// OpenSSL reads and writes through a BIO of ours that lends it the caller's buffers for the length of one call, so that
/// an idle session holds no buffer at all.
@safe package final class TLSSession {
    /// What a call has led to.
    package enum Progress: Sendable, Equatable {
        /// All input is used; more is needed to go on.
        case needsMore
        /// The peer has said that it will send no more (close_notify). It may still read.
        case ended
        /// Of no use any more. What was put out still goes to the peer: it holds the alert.
        case failed(TLSError)
    }

    /// What both sides have agreed on.
    package struct Agreement: Sendable, Equatable {
        /// `TLSv1.2` or `TLSv1.3`.
        package let version: String
        /// OpenSSL's name of the suite.
        package let cipher: String
        /// The ALPN name, nil when none was negotiated.
        package let applicationProtocol: String?
        /// Whether an earlier session was taken up again.
        package let isResumed: Bool
    }

    private let context: TLSContext
    private let raw: OpaquePointer
    /// Lent by `receive` for its duration.
    private var input = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// What OpenSSL has written during the call under way.
    private var output: [UInt8] = []
    private var failure: TLSError?
    private var hasEnded = false
    private var hasSaidEnd = false
    /// The peer's first bytes, up to five.
    private var opening: UInt64 = 0
    private var openingCount = 0

    /// The listening side.
    package convenience init(server context: TLSContext) throws(CryptoError) {
        precondition(context.role == .server, "Invalid state: a client's context")
        try self.init(context: context)
        unsafe SSL_set_accept_state(raw)
    }

    /// The connecting side. Only a peer whose certificate is for `host` is talked to.
    /// - Parameter host: a DNS name, or a numeric address without brackets.
    package convenience init(client context: TLSContext, host: String) throws(CryptoError) {
        precondition(context.role == .client, "Invalid state: a server's context")
        try self.init(context: context)
        unsafe SSL_set_connect_state(raw)
        let parameters = unsafe SSL_get0_param(raw)
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 { return }
        // No partial wildcards such as w*.example.com (RFC 9525 §6.3).
        unsafe X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        guard !host.isEmpty, unsafe SSL_set1_host(raw, host) == 1, unsafe copenssl_set_server_name(raw, host) == 1
        else { throw .last("'\(host)' is no host name") }
    }

    private init(context: TLSContext) throws(CryptoError) {
        ERR_clear_error()
        self.context = context
        guard let raw = unsafe SSL_new(context.raw) else { throw .last("no TLS session") }
        unsafe self.raw = raw
        guard let bio = unsafe BIO_new(SessionBIO.method) else {
            unsafe SSL_free(raw)
            throw .last("no TLS session")
        }
        // Unretained: the BIO goes with the session, in `deinit`.
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        unsafe BIO_set_init(bio, 1)
        unsafe SSL_set_bio(raw, bio, bio)
    }

    deinit { unsafe SSL_free(raw) }

    // MARK: Driving it

    /// Whether the handshake is over and bytes can be sent.
    package var isEstablished: Bool { unsafe SSL_is_init_finished(raw) == 1 && failure == nil }

    /// What was agreed on; nil before the handshake is over.
    package var agreement: Agreement? {
        guard isEstablished else { return nil }
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        unsafe SSL_get0_alpn_selected(raw, &name, &length)
        let chosen = unsafe name.map {
            unsafe String(decoding: UnsafeBufferPointer(start: $0, count: Int(length)), as: UTF8.self)
        }
        return unsafe Agreement(
            version: String(cString: SSL_get_version(raw)),
            cipher: String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(raw))), applicationProtocol: chosen,
            isResumed: SSL_session_reused(raw) == 1)
    }

    /// Begins the handshake. A client's first message is put out; a server waits.
    package func start(out: inout [UInt8]) -> Progress {
        withBuffers(nil, &out) {
            ERR_clear_error()
            let status = unsafe SSL_do_handshake(raw)
            return status == 1 ? .needsMore : progress(after: status)
        }
    }

    /// Takes bytes of the peer, all of them.
    /// - Parameters:
    ///   - plain: gets what they say, appended.
    ///   - out: gets what must be sent to the peer now, appended: handshake messages, alerts.
    package func receive(_ bytes: Span<UInt8>, plain: inout [UInt8], out: inout [UInt8]) -> Progress {
        noteOpening(bytes)
        return withBuffers(bytes, &out) { read(into: &plain) }
    }

    /// Whether the peer's first bytes are those of an HTTP request without TLS whose method is HEAD.
    package var beginsWithPlainHead: Bool { opening == 0x48_45_41_44_20 }

    private func noteOpening(_ bytes: Span<UInt8>) {
        var index = 0
        while openingCount < 5, index < bytes.count {
            opening = opening << 8 | UInt64(bytes[index])
            openingCount += 1
            index += 1
        }
    }

    /// Encrypts bytes for the peer, once the handshake is over and before `end`.
    /// - Parameter out: gets what must be sent, appended.
    package func send(_ bytes: [UInt8], out: inout [UInt8]) -> Progress {
        guard !bytes.isEmpty else { return failure.map { .failed($0) } ?? .needsMore }
        return withBuffers(nil, &out) {
            guard isEstablished, !hasSaidEnd else {
                return .failed(failure ?? .protocolViolation("sent before the handshake or after the end"))
            }
            ERR_clear_error()
            var written = 0
            // Our BIO takes everything, so that nothing is ever left over.
            let status = unsafe SSL_write_ex(raw, bytes, bytes.count, &written)
            return status == 1 ? .needsMore : progress(after: status)
        }
    }

    /// Says that we will send no more (close_notify); safe to repeat. The peer may still send.
    package func end(out: inout [UInt8]) {
        guard isEstablished, !hasSaidEnd else { return }
        hasSaidEnd = true
        _ = withBuffers(nil, &out) {
            ERR_clear_error()
            unsafe SSL_shutdown(raw)
            ERR_clear_error()
            return .needsMore
        }
    }

    private func read(into plain: inout [UInt8]) -> Progress {
        if let failure { return .failed(failure) }
        return unsafe withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 16) { record in
            while true {
                ERR_clear_error()
                var count = 0
                // Does the handshake, too.
                let status = unsafe SSL_read_ex(raw, record.baseAddress, record.count, &count)
                guard status == 1 else { return progress(after: status) }
                unsafe plain.append(contentsOf: UnsafeRawBufferPointer(rebasing: record[..<count]))
            }
        }
    }

    private func progress(after status: Int32) -> Progress {
        switch unsafe SSL_get_error(raw, status) {
        case SSL_ERROR_WANT_READ: return .needsMore
        case SSL_ERROR_ZERO_RETURN:
            hasEnded = true
            return .ended
        default:
            let error = TLSError(draining: unsafe SSL_get_verify_result(raw))
            failure = error
            return .failed(error)
        }
    }

    // MARK: Lending buffers to OpenSSL

    /// The caller's array becomes our output for one call: nothing is copied twice.
    private func withBuffers(_ bytes: Span<UInt8>?, _ out: inout [UInt8], _ body: () -> Progress) -> Progress {
        swap(&output, &out)
        defer { swap(&output, &out) }
        guard let bytes else { return body() }
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe input = UnsafeRawBufferPointer(buffer)
            defer { unsafe input = UnsafeRawBufferPointer(start: nil, count: 0) }
            return body()
        }
    }

    /// OpenSSL asks for bytes. 0 when there are none left.
    fileprivate func takeInput(_ target: UnsafeMutableRawBufferPointer) -> Int {
        let count = unsafe min(target.count, input.count)
        guard count > 0 else { return 0 }
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<count]))
        unsafe input = UnsafeRawBufferPointer(rebasing: input[count...])
        return count
    }

    fileprivate func putOutput(_ bytes: UnsafeRawBufferPointer) { unsafe output.append(contentsOf: bytes) }
}

/// The BIO between OpenSSL and a session.
private enum SessionBIO {
    /// Made once for the process and never freed, nor changed after that: `BIO_METHOD` is only read.
    nonisolated(unsafe) static let method: OpaquePointer = {
        guard let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "session") else {
            preconditionFailure("BIO_meth_new failed")
        }
        unsafe BIO_meth_set_read_ex(method) { bio, target, count, taken in
            unsafe copenssl_clear_retry(bio)
            let bytes = unsafe SessionBIO.session(of: bio).takeInput(
                UnsafeMutableRawBufferPointer(start: target, count: count))
            unsafe taken!.pointee = bytes
            if bytes == 0 { unsafe copenssl_retry_read(bio) }
            return bytes > 0 ? 1 : 0
        }
        unsafe BIO_meth_set_write_ex(method) { bio, source, count, written in
            unsafe copenssl_clear_retry(bio)
            unsafe SessionBIO.session(of: bio).putOutput(UnsafeRawBufferPointer(start: source, count: count))
            unsafe written!.pointee = count
            return 1
        }
        // Flushing succeeds, everything else is not known here.
        unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return unsafe method
    }()

    private static func session(of bio: OpaquePointer?) -> TLSSession {
        unsafe Unmanaged<TLSSession>.fromOpaque(BIO_get_data(bio)).takeUnretainedValue()
    }
}
