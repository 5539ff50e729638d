import Bytes
import CPlatform
import Glibc

/// `errno` of the last system call on this thread.
func lastErrno() -> Int32 { errno }

/// A peer that closes early must give an error code, not a signal that ends the process.
func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

/// Releases memory that only the start needed: freed heap, and code that has not been run since. Takes a millisecond;
/// what is run again is mapped again.
package func releaseStartMemory() { cplatform_release_start_memory() }

/// Gives freed heap back to the system. Takes milliseconds after a burst, during which other threads may have to wait for
/// their memory: not on a loop, and seldom.
package func releaseFreedMemory() { cplatform_release_freed_memory() }

/// Lets this process open as many descriptors as it may, and returns how many that are. Call once, at the start.
package func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
    let before = limit.rlim_cur
    limit.rlim_cur = limit.rlim_max
    if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit.rlim_cur = before }
    return Int(clamping: limit.rlim_cur)
}

/// Cores this process may use: its CPU affinity, and the quota of its control group (version 2, then 1) rounded up.
/// At least 1.
package func availableCores() -> Int {
    var cores = max(1, Int(cplatform_usable_cores()))
    if let quota = controlGroupQuota() {
        cores = ForeignNumber(rounding: quota.rounded(.up))?.clamped(to: 1...cores) ?? cores
    }
    return cores
}

/// Cores per period, from `cpu.max` or `cpu.cfs_quota_us`; nil without a limit.
private func controlGroupQuota() -> Double? {
    if let text = readSmallFile("/sys/fs/cgroup/cpu.max") {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1].filter(\.isNumber)),
            period > 0
        else { return nil }
        return quota / period
    }
    guard
        let quota = readSmallFile("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").flatMap({ Double($0.filter { $0 != "\n" }) }),
        let period = readSmallFile("/sys/fs/cgroup/cpu/cpu.cfs_period_us").flatMap({ Double($0.filter { $0 != "\n" }) }
        ),
        quota > 0, period > 0
    else { return nil }
    return quota / period
}

/// The first KiB of a file as text.
func readSmallFile(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    bytes.removeLast(bytes.count - max(0, count))
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
}
