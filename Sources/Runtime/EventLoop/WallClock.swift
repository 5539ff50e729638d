import Glibc

/// Whole seconds since 1970-01-01T00:00:00Z by the system's clock.
package func wallClockSeconds() -> Int { time(nil) }

/// Nanoseconds since 1970-01-01T00:00:00Z by the system's clock.
package func wallClockNanoseconds() -> Int {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    return now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Nanoseconds since the machine started, the time it was suspended included. Never steps.
package func bootNanoseconds() -> UInt64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_BOOTTIME, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
