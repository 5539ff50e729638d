import FoundationEssentials
import Testing

@testable import EventLoop

@Suite("Files that only their owner may read")
struct PrivateFileTests {
    private let folder = FileManager.default.temporaryDirectory.path() + "/private-\(UUID().uuidString)/deep"
    private var path: String { folder + "/file" }

    private func replace(_ bytes: [UInt8]) throws {
        try PrivateFileReplacement(path, reserving: 1_024).commit(bytes)
    }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test("are replaced as a whole, with a mode for their owner alone")
    func replacement() throws {
        try PrivateFile.makeFolder(folder)
        #expect(try mode(folder) == 0o700 && PrivateFile.read(path) == nil)
        try replace([1, 2, 3])
        try replace([4])
        #expect(try PrivateFile.read(path) == [4] && mode(path) == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
        #expect(try PrivateFile.remove(path) && !PrivateFile.remove(path))
    }

    @Test("keep their content where a replacement is given up")
    func abandoned() throws {
        try PrivateFile.makeFolder(folder)
        try replace([1])
        _ = try PrivateFileReplacement(path, reserving: 1_024)
        #expect(try PrivateFile.read(path) == [1])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
    }

    @Test("are refused when they are links, folders, open to others or too large")
    func refused() throws {
        try PrivateFile.makeFolder(folder)
        try replace([1, 2, 3])
        #expect(throws: PrivateFile.Problem.tooLarge(path)) { try PrivateFile.read(path, bytesMax: 2) }
        #expect(throws: PrivateFile.Problem.notRegular(folder)) { try PrivateFile.read(folder) }
        let link = folder + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(throws: PrivateFile.Problem.symbolicLink(link)) { try PrivateFile.read(link) }
        #expect(throws: PrivateFile.Problem.symbolicLink(link)) { try FileLock(link, waiting: 0) }
        try FileManager.default.setAttributes([.posixPermissions: 0o604], ofItemAtPath: path)
        #expect(throws: PrivateFile.Problem.openToOthers(path, mode: 0o604)) { try PrivateFile.read(path) }
        #expect(try PrivateFile.read(path, whateverMode: true) == [1, 2, 3])
        try FileManager.default.setAttributes([.posixPermissions: 0o770], ofItemAtPath: folder)
        #expect(throws: PrivateFile.Problem.openToOthers(folder, mode: 0o770)) { try PrivateFile.makeFolder(folder) }
    }

    @Test("are locked for one at a time, and a lock that is not released in time is said")
    func lock() throws {
        try PrivateFile.makeFolder(folder)
        let first = try FileLock(path, waiting: 0)
        #expect(throws: PrivateFile.Problem.locked(path)) { try FileLock(path, waiting: 0) }
        first.release()
        try FileLock(path, waiting: 0).release()
    }
}
