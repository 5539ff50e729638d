import Foundation

/// Certificates made by the `openssl` program, in a folder that goes away with this object.
package final class TestCertificates: Sendable {
    package struct Pair: Sendable {
        /// PEM, the certificate before its issuer's.
        package let chain: [UInt8]
        /// PEM.
        package let key: [UInt8]
        package let chainPath: String
        package let keyPath: String
    }

    package enum KeyType: Sendable {
        case ec, rsa(bits: Int)

        fileprivate var arguments: [String] {
            switch self {
            case .ec: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            case .rsa(let bits): ["-newkey", "rsa:\(bits)"]
            }
        }
    }

    private let folder: URL
    /// PEM of the authority that signs.
    package let authority: [UInt8]
    package var authorityPath: String { folder.appending(path: "ca.pem").path }

    package init(name: String = "Test CA") throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tls-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try openssl(
            in: folder,
            ["req", "-x509", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=\(name)"]
                + KeyType.ec.arguments
                + ["-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE"])
        authority = Array(try Data(contentsOf: folder.appending(path: "ca.pem")))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A certificate of that authority.
    /// - Parameters:
    ///   - names: as OpenSSL writes alternative names.
    ///   - days: from now; negative for one that has expired.
    package func issue(
        names: String = "DNS:localhost,IP:127.0.0.1,IP:::1", key: KeyType = .ec, days: Int = 10
    ) throws -> Pair {
        let name = UUID().uuidString
        try openssl(
            in: folder,
            ["req", "-new", "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=test"]
                + key.arguments)
        let extensions = """
            subjectAltName=\(names)
            basicConstraints=critical,CA:FALSE
            extendedKeyUsage=serverAuth
            subjectKeyIdentifier=hash
            authorityKeyIdentifier=keyid
            """
        try Data(extensions.utf8).write(to: folder.appending(path: name + ".ext"))
        try openssl(
            in: folder,
            ["x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial"]
                + ["0x\(UUID().uuidString.filter(\.isHexDigit))", "-days", String(days), "-extfile", name + ".ext"]
                + ["-out", name + ".pem"])
        let chain = folder.appending(path: name + ".pem")
        let keyFile = folder.appending(path: name + ".key")
        return Pair(
            chain: Array(try Data(contentsOf: chain)) + authority, key: Array(try Data(contentsOf: keyFile)),
            chainPath: chain.path, keyPath: keyFile.path)
    }

    /// The same key, encrypted.
    package func encrypted(_ pair: Pair) throws -> [UInt8] {
        let out = pair.keyPath + ".enc"
        try openssl(in: folder, ["pkey", "-in", pair.keyPath, "-aes256", "-passout", "pass:secret", "-out", out])
        return Array(try Data(contentsOf: URL(fileURLWithPath: out)))
    }
}

private func openssl(in folder: URL, _ arguments: [String]) throws {
    _ = try output(ofShell: "openssl " + arguments.map { "'\($0)'" }.joined(separator: " "), in: folder.path)
}
