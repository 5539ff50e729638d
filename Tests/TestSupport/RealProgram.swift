import Foundation
import Glibc

/// A program of Debian's that a test runs on loopback, ended with this object.
package final class RealProgram: Sendable {
    private let process: ChildProcess
    private let folder: URL

    package static func isInstalled(_ name: String) -> Bool { path(of: name) != nil }

    private static func path(of name: String) -> String? {
        ["/usr/bin/", "/usr/sbin/", "/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 }
    }

    /// Starts it in the foreground with a configuration file, and waits until its port is open.
    /// - Parameters:
    ///   - arguments: `{file}` stands for the file's path, `{folder}` for its folder, which goes away in the end.
    ///   - configuration: where the same words stand for the same.
    package init(_ name: String, _ arguments: [String], configuration: String, port: Int) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "\(name)-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: "configuration")
        let folder = folder
        func fill(_ text: String) -> String {
            text.replacingOccurrences(of: "{file}", with: file.path)
                .replacingOccurrences(of: "{folder}", with: folder.path)
        }
        try Data(fill(configuration).utf8).write(to: file)
        let process = try ChildProcess([Self.path(of: name) ?? name] + arguments.map(fill))
        self.process = process
        for _ in 0..<500 where !Self.isOpen(port) && process.isRunning { usleep(20_000) }
        guard Self.isOpen(port) else { throw POSIXError(.ECONNREFUSED) }
    }

    deinit {
        process.terminate()
        process.wait()
        try? FileManager.default.removeItem(at: folder)
    }

    /// A port that no socket listens on now.
    package static func freePort() -> Int {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        return withAddress(0) { address, length in
            _ = bind(probe, address, length)
            var length = length
            getsockname(probe, address, &length)
        }
    }

    private static func isOpen(_ port: Int) -> Bool {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        var status: Int32 = -1
        _ = withAddress(port) { status = connect(probe, $0, $1) }
        return status == 0
    }

    /// - Returns: the port that stands in the address afterwards.
    private static func withAddress(_ port: Int, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Void) -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// Runs a shell command and waits for it.
/// - Returns: its standard output.
/// - Throws: with its standard error, when it fails.
package func output(ofShell command: String, in folder: String = "/tmp") throws -> [UInt8] {
    let file = FileManager.default.temporaryDirectory.appending(path: "shell-test-\(UUID().uuidString)")
    let errors = file.appendingPathExtension("errors")
    defer { for file in [file, errors] { try? FileManager.default.removeItem(at: file) } }
    let process = try ChildProcess(["/bin/sh", "-c", command], in: folder, output: file.path, errors: errors.path)
    guard process.wait() == 0 else {
        let words = String(decoding: (try? Data(contentsOf: errors)) ?? Data(), as: UTF8.self)
        throw ChildProcess.Failed(description: "\(command): \(words)")
    }
    return Array(try Data(contentsOf: file))
}
