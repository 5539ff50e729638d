import Configuration
import Crypto
import FoundationEssentials

/// The files by which the server proves who it is.
package struct TLSFiles: Sendable, Equatable {
    /// PEM, the server's own certificate first.
    package let certificate: String
    /// PEM, not encrypted.
    package let key: String

    /// Reads the two variables and checks what the files hold. Nil when neither is set.
    init?(_ reader: inout ConfigReader) {
        let certificate = reader.string(
            forKey: "TLS_CERT_FILE", expected: "a path",
            help: """
                PEM certificate, the server's own first, to serve HTTPS with `TLS_KEY_FILE` on `SERVER_PORT`. \
                Read again when it changes. See [TLS](tls.md).
                """)
        let key = reader.string(
            forKey: "TLS_KEY_FILE", expected: "a path", help: "The PEM private key of that certificate, not encrypted.")
        guard let certificate, let key else {
            if certificate != nil { reader.report("TLS_KEY_FILE", "is required beside TLS_CERT_FILE") }
            if key != nil { reader.report("TLS_CERT_FILE", "is required beside TLS_KEY_FILE") }
            return nil
        }
        self.certificate = certificate
        self.key = key
        do throws(CryptoError) {
            _ = try context()
        } catch {
            reader.report("TLS_CERT_FILE", "with TLS_KEY_FILE: \(error)")
        }
    }

    /// What the files hold, as they are on disk now. Blocks while it reads.
    func contents() throws(CryptoError) -> Contents {
        Contents(certificate: try FilesOnDisk.read(certificate), key: try FilesOnDisk.read(key))
    }

    func context() throws(CryptoError) -> TLSContext {
        let contents = try contents()
        return try .server(certificateChain: contents.certificate, privateKey: contents.key)
    }

    struct Contents: Sendable, Equatable {
        let certificate: [UInt8]
        let key: [UInt8]
    }
}

/// Files that are read whole.
enum FilesOnDisk {
    static func isDirectory(_ path: String) -> Bool {
        var isDirectory = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory
    }

    /// Blocks while it reads.
    static func read(_ path: String) throws(CryptoError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CryptoError("'\(path)' cannot be read")
        }
        return Array(data)
    }
}
