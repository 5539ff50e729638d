import FoundationEssentials
import Glibc

/// The metrics of the running process, under the names that every Prometheus client uses. Read from `/proc/self`, so not
/// on a loop; what cannot be read is left out.
package struct ProcessMetrics: Sendable {
    private static let folder = "/proc/self"

    /// Seconds since 1970-01-01T00:00:00Z.
    private let startTime: Double
    private let ticksPerSecond = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    private let pageBytes = Double(max(1, sysconf(Int32(_SC_PAGESIZE))))

    /// - Parameter startTime: seconds since 1970-01-01T00:00:00Z.
    package init(startTime: Double) { self.startTime = startTime }

    package static let descriptions: [String: PrometheusRegistry.Description] = [
        "process_cpu_seconds_total": .init(help: "User and system time the process has used."),
        "process_resident_memory_bytes": .init(help: "Memory of the process that is in RAM."),
        "process_virtual_memory_bytes": .init(help: "Address space of the process."),
        "process_open_fds": .init(help: "Open file descriptors."),
        "process_max_fds": .init(help: "File descriptors the process may open."),
        "process_threads": .init(help: "Threads of the process."),
        "process_start_time_seconds": .init(help: "When the process started, as Unix time."),
    ]

    package func samples() -> [PrometheusRegistry.Sample] {
        var samples = [PrometheusRegistry.Sample("process_start_time_seconds", .gauge, startTime)]
        // proc_pid_stat(5): the command's name may hold blanks and parentheses, so fields are counted from the last one.
        if let text = Self.text("stat"), let end = text.lastIndex(of: ")") {
            let fields = text[text.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
            if fields.count > 21 {
                samples += [
                    .init("process_cpu_seconds_total", .counter, (fields[11] + fields[12]) / ticksPerSecond),
                    .init("process_threads", .gauge, fields[17]),
                    .init("process_virtual_memory_bytes", .gauge, fields[20]),
                    .init("process_resident_memory_bytes", .gauge, fields[21] * pageBytes),
                ]
            }
        }
        if let names = try? FileManager.default.contentsOfDirectory(atPath: Self.folder + "/fd") {
            // One of them is what lists the folder.
            samples.append(.init("process_open_fds", .gauge, Double(max(0, names.count - 1))))
        }
        if let line = Self.text("limits")?.split(separator: "\n").first(where: { $0.hasPrefix("Max open files") }) {
            let soft = line.dropFirst("Max open files".count).split(separator: " ").first ?? ""
            samples.append(.init("process_max_fds", .gauge, soft == "unlimited" ? .infinity : Double(soft) ?? 0))
        }
        return samples
    }

    private static func text(_ name: String) -> String? {
        FileManager.default.contents(atPath: "\(folder)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }
}
