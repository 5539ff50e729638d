import Crypto
import FoundationEssentials

/// The roots that peers must lead to: the system's, and those of `CA_BUNDLE`.
struct TrustedRoots: Sendable {
    /// Where Debian and Red Hat keep the system's.
    private static let systemFiles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]

    let trust: TLSTrust
    /// SHA-256 of everything they were made from.
    let digest: [UInt8]
    /// Whether the system has any.
    let hasSystemRoots: Bool

    /// Blocks while it reads.
    /// - Throws: naming the file that cannot be used. A system without roots is no problem by itself.
    static func load(extra path: String?) throws(CryptoError) -> TrustedRoots {
        var bundles: [(name: String, pem: [UInt8])] = []
        for file in systemFiles {
            guard let data = FileManager.default.contents(atPath: file), !data.isEmpty else { continue }
            bundles.append((file, Array(data)))
            break
        }
        let hasSystemRoots = !bundles.isEmpty
        if let path { bundles.append((path, try FilesOnDisk.read(path))) }
        return TrustedRoots(
            trust: try TLSTrust(bundles: bundles), digest: SHA256.hash(bundles.flatMap(\.pem)),
            hasSystemRoots: hasSystemRoots)
    }
}
