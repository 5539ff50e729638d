import Bytes
import CCurl
import Crypto
import EventLoop
import HTTP

/// One request under way on one loop.
@safe final class Transfer {
    let request: HTTPClientRequest
    private var continuation: CheckedContinuation<Result<HTTPClientResponse, HTTPClientError>, Never>?
    private(set) var isCancelled = false
    /// Set while libcurl works on it.
    private(set) var easy: UnsafeMutableRawPointer?
    weak var multi: MultiHandle?
    var deadline: LoopTimer?
    /// Whether it has left libcurl's queue for connections: a name is looked up for it, or a socket was made.
    private var hasBegunConnecting = false
    /// How often a connection stood and the request was about to be sent.
    private(set) var attempts = 0
    /// Bytes that libcurl had sent by the first attempt: a proxy may have been asked for a tunnel.
    private var bytesBefore = 0
    private var list: UnsafeMutablePointer<curl_slist>?
    private var fields = HTTPFields()
    private var fieldBytes = 0
    private var body: [UInt8] = []
    /// What made us stop reading, as libcurl only knows that we did.
    private var refusal: HTTPClientError?

    private static let fieldBytesMax = 64 * 1024
    /// Where libcurl writes what its codes do not say, such as why a certificate is not trusted.
    private let reason = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    init(_ request: HTTPClientRequest) {
        self.request = request
        unsafe reason.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe curl_slist_free_all(list)
        unsafe reason.deallocate()
    }

    func begin(_ continuation: CheckedContinuation<Result<HTTPClientResponse, HTTPClientError>, Never>) {
        self.continuation = continuation
    }

    func markCancelled() { isCancelled = true }

    /// Resumes the caller; once.
    func finish(_ result: Result<HTTPClientResponse, HTTPClientError>) {
        deadline?.close()
        deadline = nil
        continuation?.resume(returning: result)
        continuation = nil
    }

    // MARK: Setting up

    /// Tells an easy handle what to do. libcurl copies text; the body and the list live as long as this object.
    func configure(_ easy: UnsafeMutableRawPointer, _ configuration: HTTPClientConfiguration, _ trust: TLSTrust?) {
        unsafe self.easy = easy
        unsafe ccurl_set_text(easy, CURLOPT_URL, request.url)
        unsafe ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        unsafe ccurl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        unsafe ccurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        unsafe ccurl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        // Giving up on a look-up must not wait for the resolver's thread.
        unsafe ccurl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        unsafe ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, max(1, configuration.connectTimeout.milliseconds))
        unsafe ccurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        // Whether a connection can carry several requests is known after its handshake: the others wait for that.
        unsafe ccurl_set_long(easy, CURLOPT_PIPEWAIT, request.url.hasPrefix("https:") ? 1 : 0)
        unsafe ccurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        // Front ends close idle connections after a minute or so: do not race them.
        unsafe ccurl_set_long(easy, CURLOPT_MAXAGE_CONN, 45)
        unsafe ccurl_set_text(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate")
        unsafe ccurl_set_text(easy, CURLOPT_USERAGENT, configuration.userAgent)
        unsafe setProxy(easy, configuration)
        unsafe setTLS(easy, trust, verifiesHostName: configuration.verifiesHostName)
        if let credentials = request.basicCredentials {
            unsafe ccurl_set_long(easy, CURLOPT_HTTPAUTH, ccurl_auth_basic)
            unsafe ccurl_set_text(easy, CURLOPT_USERNAME, credentials.user)
            unsafe ccurl_set_text(easy, CURLOPT_PASSWORD, credentials.password)
        }
        unsafe setMethodAndBody(easy)
        unsafe setFields(easy)
        unsafe setCallbacks(easy)
    }

    private func setMethodAndBody(_ easy: UnsafeMutableRawPointer) {
        if let body = request.body {
            unsafe ccurl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
            _ = unsafe body.withUnsafeBytes { bytes in
                unsafe ccurl_set_pointer(
                    easy, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            }
            if body.isEmpty { unsafe ccurl_set_text(easy, CURLOPT_COPYPOSTFIELDS, "") }
        } else if request.method == .head {
            unsafe ccurl_set_long(easy, CURLOPT_NOBODY, 1)
        } else {
            unsafe ccurl_set_long(easy, CURLOPT_HTTPGET, 1)
        }
        unsafe ccurl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        if request.wantsCertificate || request.needsNewConnection {
            unsafe ccurl_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
        }
        // Only a new connection tells it.
        if request.wantsCertificate { unsafe ccurl_set_long(easy, CURLOPT_CERTINFO, 1) }
    }

    private var proxyCredentials: String?

    private func setProxy(_ easy: UnsafeMutableRawPointer, _ configuration: HTTPClientConfiguration) {
        let proxy = request.url.hasPrefix("https:") ? configuration.httpsProxy : configuration.httpProxy
        proxyCredentials = proxy.flatMap(URLRedaction.credentials)
        // An empty text turns off what libcurl would read from the environment.
        unsafe ccurl_set_text(easy, CURLOPT_PROXY, proxy ?? "")
        unsafe ccurl_set_text(easy, CURLOPT_NOPROXY, configuration.noProxy?.list(for: request.url) ?? "")
        // The proxy's own fields are not the answer's, and ours are not for the proxy.
        unsafe ccurl_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        unsafe ccurl_set_long(easy, CURLOPT_HEADEROPT, ccurl_header_separate)
    }

    private func setTLS(_ easy: UnsafeMutableRawPointer, _ trust: TLSTrust?, verifiesHostName: Bool) {
        unsafe ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        unsafe ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, verifiesHostName ? 2 : 0)
        unsafe ccurl_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        guard let trust else { return }
        // libcurl reads no roots itself and gets those that are parsed already.
        for option in [CURLOPT_CAINFO, CURLOPT_CAPATH, CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_CAPATH] {
            unsafe ccurl_set_text(easy, option, nil)
        }
        // Unretained: the multi handle keeps the roots for as long as it makes connections.
        unsafe ccurl_set_context(
            easy,
            { _, context, trust in
                let trust = unsafe Unmanaged<TLSTrust>.fromOpaque(trust!).takeUnretainedValue()
                unsafe trust.install(inContext: context!)
                return CURLE_OK
            }, Unmanaged.passUnretained(trust).toOpaque())
    }

    private func setFields(_ easy: UnsafeMutableRawPointer) {
        // libcurl would wait for leave to send a body; our bodies are small.
        unsafe list = curl_slist_append(nil, "Expect:")
        for field in request.fields.all {
            // A field with an empty value is written with a semicolon, or libcurl drops it.
            unsafe list = curl_slist_append(
                list, field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        unsafe ccurl_set_list(easy, CURLOPT_HTTPHEADER, list)
    }

    private func setCallbacks(_ easy: UnsafeMutableRawPointer) {
        // Unretained: the engine keeps the transfer for as long as libcurl has the handle.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_set_pointer(easy, CURLOPT_PRIVATE, me)
        unsafe ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, reason)
        unsafe ccurl_set_pointer(easy, CURLOPT_WRITEDATA, me)
        unsafe ccurl_set_pointer(easy, CURLOPT_HEADERDATA, me)
        unsafe ccurl_set_data(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
            return unsafe transfer.receivedBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        unsafe ccurl_set_data(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
            return unsafe transfer.receivedHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        unsafe ccurl_set_before_request(
            easy,
            { context, _, _, _, _ in
                let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
                return transfer.allowsAttempt() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
            }, me)
        // The look-up is skipped for a name that is cached, the socket is not.
        unsafe ccurl_set_before_look_up(
            easy,
            { _, _, context in
                unsafe Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().hasBegunConnecting = true
                return 0
            }, me)
        unsafe ccurl_set_before_connect(
            easy,
            { context, _, _ in
                unsafe Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().hasBegunConnecting = true
                return CURL_SOCKOPT_OK
            }, me)
    }

    // MARK: Sending

    /// A connection stands and the request is about to be sent; also when libcurl, finding a pooled connection dead, has
    /// made a new one. It would try again whatever the method and up to five times: once is enough, and a request that
    /// may have arrived is repeated only where that is harmless.
    private func allowsAttempt() -> Bool {
        attempts += 1
        if attempts == 1 {
            bytesBefore = bytesSent
            return true
        }
        let isSafe = [.get, .head, .options].contains(request.method)
        return attempts == 2 && (isSafe || bytesSent == bytesBefore)
    }

    private var bytesSent: Int {
        var bytes = 0
        unsafe ccurl_get_long(easy, CURLINFO_REQUEST_SIZE, &bytes)
        return bytes
    }

    /// Whether any byte of the request may have reached the peer.
    var mayHaveBeenSent: Bool { attempts > 0 && bytesSent > bytesBefore }

    /// What the end of its time says.
    var timeout: HTTPClientError {
        hasBegunConnecting || attempts > 0 ? .timeout(mayHaveBeenSent: mayHaveBeenSent) : .queueTimeout
    }

    /// Connections made for this transfer so far.
    var connectionsOpened: Int {
        var count = 0
        unsafe ccurl_get_long(easy, CURLINFO_NUM_CONNECTS, &count)
        return count
    }

    // MARK: Receiving

    /// Counts decoded bytes, so that a small compressed answer cannot become a large one. 0 makes libcurl stop.
    private func receivedBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard body.count + bytes.count <= request.maxResponseBytes else {
            refusal = .responseTooLarge
            return 0
        }
        unsafe body.append(contentsOf: bytes)
        return bytes.count
    }

    private func receivedHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        let count = bytes.count
        fieldBytes += count
        guard fieldBytes <= Self.fieldBytesMax else {
            refusal = .responseTooLarge
            return 0
        }
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // The answer before was an interim one, or a proxy's.
            fields = HTTPFields()
        } else if let colon = line.firstIndex(of: ":") {
            let blanks: Set<Character> = [" ", "\t", "\r\n", "\r", "\n"]
            var value = line[line.index(after: colon)...].drop { blanks.contains($0) }
            while let last = value.last, blanks.contains(last) { value.removeLast() }
            fields.append(String(line[..<colon]), String(value))
        }
        return count
    }

    /// What the finished handle says.
    func result(_ code: CURLcode) -> Result<HTTPClientResponse, HTTPClientError> {
        if let refusal { return .failure(refusal) }
        guard code == CURLE_OK else {
            let detail = URLRedaction.redact(unsafe String(cString: reason), credentials: proxyCredentials)
            return .failure(HTTPClientError(code, mayHaveBeenSent: mayHaveBeenSent, detail: detail))
        }
        var status = 0
        unsafe ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        guard (100...599).contains(status) else { return .failure(.malformedResponse("no status")) }
        return .success(
            HTTPClientResponse(
                status: HTTPStatus(code: status), fields: fields, body: body,
                certificate: unsafe ccurl_certificate(easy).map { unsafe Array(String(cString: $0).utf8) }))
    }

    /// Gives back what libcurl was lent.
    func release() {
        if let easy = unsafe easy { unsafe ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, nil) }
        unsafe easy = nil
        multi = nil
        unsafe curl_slist_free_all(list)
        unsafe list = nil
    }
}
