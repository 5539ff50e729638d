import Crypto
import EventLoop
import HTTP
import HTTPClient

/// Asks the server on this machine how it is: the health check of a container that holds no other program.
struct HealthProbe: Sendable {
    /// Much longer than any answer takes, and shorter than what container engines allow a check.
    private static let timeout = Duration.seconds(3)

    let url: String
    private let certificateFile: String?

    /// - Parameters:
    ///   - ready: asks whether requests should be sent here, rather than whether the process lives.
    ///   - certificateFile: of a server that speaks TLS. It must show that certificate; the name in it is for others.
    init(host: String, port: Int, ready: Bool, certificateFile: String? = nil) {
        let scheme = certificateFile == nil ? "http" : "https"
        url = "\(scheme)://\(Self.reachable(host)):\(port)/api/health\(ready ? "/ready" : "")"
        self.certificateFile = certificateFile
    }

    /// Returns the problem in words for the operator; nil when the server answers 200.
    func problem() async -> String? {
        var configuration = HTTPClientConfiguration(userAgent: "mlaas-helper-healthcheck/\(Version.number)")
        if let certificateFile {
            do throws(CryptoError) {
                configuration.trust = try TLSTrust(pinned: FilesOnDisk.read(certificateFile))
                configuration.verifiesHostName = false
            } catch {
                return "TLS_CERT_FILE: \(error)"
            }
        }
        let group = EventLoopGroup(count: 1)
        defer { group.shutdown() }
        let client = HTTPClient(configuration: configuration, group: group)
        let problem: String?
        do throws(HTTPClientError) {
            let answer = try await client.execute(HTTPClientRequest(url: url, timeout: Self.timeout))
            problem =
                answer.status == .ok
                ? nil
                : "\(url) answered \(answer.status.code): \(String(decoding: answer.body.prefix(500), as: UTF8.self))"
        } catch {
            problem = "\(url) did not answer: \(error)"
        }
        await client.shutdown()
        return problem
    }

    /// The address by which a listener can be reached from its own machine, as a URL writes it.
    private static func reachable(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        default: host.contains(":") ? "[\(host)]" : host
        }
    }
}
