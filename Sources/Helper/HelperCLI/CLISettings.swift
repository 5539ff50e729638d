import Bytes
import Configuration
import Crypto
import FoundationEssentials
import HTTPClient

/// What the environment says. The network's variables are those of the server.
struct CLISettings: Sendable {
    /// Where the files of this program are: `$XDG_STATE_HOME/mlaas`, or `~/.local/state/mlaas`.
    let stateFolder: String?
    /// `MLAAS_SERVER`, checked.
    let server: String?
    /// An access token from elsewhere, for jobs without a person.
    let token: String?
    let allowsPlainHTTP: Bool
    let client: HTTPClientConfiguration

    /// - Throws: with every variable that cannot be used.
    init(_ environment: [String: String]) throws(CommandFailure) {
        var reader = ConfigReader(providers: [InMemoryProvider(name: "environment", environment)])
        server = reader.url(forKey: "MLAAS_SERVER", example: "https://mlaas.example.com", required: false, help: "")
        token = reader.secret(forKey: "MLAAS_TOKEN", required: false, help: "")?.reveal()
        allowsPlainHTTP = reader.bool(forKey: "ALLOW_INSECURE_HTTP", default: false, help: "")
        var client = HTTPClientConfiguration(userAgent: "mlaas/\(CLIVersion.number)")
        client.httpsProxy = reader.proxy(
            forKey: "HTTPS_PROXY", aliases: ["https_proxy", "ALL_PROXY", "all_proxy"], help: "")
        client.httpProxy = reader.proxy(
            forKey: "HTTP_PROXY", aliases: ["http_proxy", "ALL_PROXY", "all_proxy"], help: "")
        client.noProxy = reader.string(forKey: "NO_PROXY", aliases: ["no_proxy"], help: "").map { ProxyExceptions($0) }
        let bundle = reader.string(forKey: "CA_BUNDLE", aliases: ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"], help: "")
        do throws(CryptoError) {
            client.trust = try bundle.map { path throws(CryptoError) in try Self.trust(path) }
        } catch {
            reader.report("CA_BUNDLE", error.description)
        }
        self.client = client
        stateFolder = Self.stateFolder(environment)
        guard reader.problems.isEmpty else {
            throw CommandFailure(
                .usage, "The environment cannot be used.", hints: reader.problems.map(\.description))
        }
    }

    /// The XDG base directory specification has relative paths ignored.
    private static func stateFolder(_ environment: [String: String]) -> String? {
        if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") { return folder + "/mlaas" }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return (home == "/" ? "" : home) + "/.local/state/mlaas"
    }

    private static let systemRoots = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]

    /// The system's roots and those of a bundle.
    private static func trust(_ path: String) throws(CryptoError) -> TLSTrust {
        var bundles: [(name: String, pem: [UInt8])] = []
        for file in systemRoots {
            guard let data = FileManager.default.contents(atPath: file), !data.isEmpty else { continue }
            bundles.append((file, Array(data)))
            break
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CryptoError("'\(path)' cannot be read")
        }
        bundles.append((path, Array(data)))
        return try TLSTrust(bundles: bundles)
    }

    /// Checks a URL that tokens or keys will be sent to: it is https, or plain http where that is safe or allowed.
    /// - Parameters:
    ///   - name: what has it, for the message.
    ///   - mayHaveQuery: as an endpoint may (RFC 6749 §3.1), and a server may not.
    func check(_ url: String, _ name: String, mayHaveQuery: Bool = false) throws(CommandFailure) {
        let base = mayHaveQuery ? String(url.prefix { $0 != "?" }) : url
        guard let parsed = WebURL(url), ConfigReader.url(base) != nil else {
            throw CommandFailure(
                .failed, "\(name) is '\(url)', which is not a URL that tokens can be sent to.",
                hints: ["Use an https URL without a user name, such as https://mlaas.example.com."])
        }
        guard !parsed.isSecure, !allowsPlainHTTP, !parsed.isLoopback else { return }
        throw CommandFailure(
            .failed, "\(name) is \(url), which would send tokens over the network in the clear.",
            hints: ["Use an https URL. ALLOW_INSECURE_HTTP=true allows plain http."])
    }
}
