import Bytes
import Glibc

/// The memory that the control groups of this process allow it, in bytes: the least of its own group's and of those above
/// it (version 2, then 1). Nil without a limit.
package func memoryLimit() -> Int? { memoryLimit { readSmallFile($0) } }

/// - Parameter read: the text of a file, nil where there is none.
func memoryLimit(_ read: (String) -> String?) -> Int? {
    let groups = (read("/proc/self/cgroup") ?? "").split(separator: "\n").compactMap { line in
        // hierarchy-ID:controllers:path (cgroups(7)); version 2 has number 0 and no controllers.
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        return parts.count == 3 ? (controllers: parts[1], path: parts[2]) : nil
    }
    let unified = groups.first { $0.controllers.isEmpty }?.path ?? "/"
    let memory = groups.first { $0.controllers.split(separator: ",").contains("memory") }?.path ?? "/"
    let limits =
        limits(in: "/sys/fs/cgroup", unified, file: "memory.max", read)
        + limits(in: "/sys/fs/cgroup/memory", memory, file: "memory.limit_in_bytes", read)
    return limits.min()
}

/// Those of a group and of each above it. A path of the host may not exist in a container, which sees its own group as the
/// root.
private func limits(
    in root: String, _ path: Substring, file: String, _ read: (String) -> String?
) -> [Int] {
    let names = path.split(separator: "/").filter { $0 != ".." }
    return (0...names.count).compactMap { depth in
        let folder = ([Substring(root)] + names.prefix(depth)).joined(separator: "/")
        guard let text = read("\(folder)/\(file)"), let bytes = ForeignNumber(text.filter { $0 != "\n" }) else {
            return nil
        }
        // Version 1 says "no limit" by the largest number of pages.
        return bytes.within(1...1 << 60)
    }
}
