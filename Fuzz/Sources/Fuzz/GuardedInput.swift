import Glibc

/// Memory whose last byte is followed by a page that cannot be read: a reader that goes one byte too far is ended by the
/// kernel, with the input at hand.
struct GuardedInput: ~Copyable {
    private static let pageBytes = 4096
    private let base: UnsafeMutableRawPointer
    private let capacity: Int

    /// - Parameter capacity: bytes of the longest input; rounded up to whole pages.
    init(capacity: Int) {
        let pages = (capacity + Self.pageBytes - 1) / Self.pageBytes
        self.capacity = pages * Self.pageBytes
        let mapped = mmap(
            nil, self.capacity + Self.pageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else { fatalError("mmap: \(errno)") }
        base = mapped
        guard mprotect(mapped + self.capacity, Self.pageBytes, PROT_NONE) == 0 else { fatalError("mprotect: \(errno)") }
    }

    deinit { munmap(base, capacity + Self.pageBytes) }

    /// Copies bytes to the end of the readable part; anything beyond the capacity is left out.
    func place(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        let count = min(bytes.count, capacity)
        let start = base + (capacity - count)
        if count > 0, let source = bytes.baseAddress { start.copyMemory(from: source, byteCount: count) }
        return UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: count)
    }
}
