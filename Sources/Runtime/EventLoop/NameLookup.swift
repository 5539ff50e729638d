import CUV
import Glibc

/// One look-up of a name by the system's resolver, on libuv's worker threads. Loop-confined.
///
/// The resolver cannot be interrupted: `cancel` only makes its answer go unheard.
@safe final class NameLookup {
    /// A socket address as the kernel takes it.
    struct Address {
        let storage: sockaddr_storage
        let length: socklen_t
        var family: Int32 { Int32(storage.ss_family) }
    }

    private var done: ((Result<[Address], UVError>) -> Void)?

    private init(_ done: @escaping (Result<[Address], UVError>) -> Void) { self.done = done }

    /// Starts to look for the stream addresses of `host`, a name or numeric address; `done` is told on a later turn, with
    /// at least one address.
    static func start(
        loop: EventLoop, host: String, port: Int, done: @escaping (Result<[Address], UVError>) -> Void
    ) throws(UVError) -> NameLookup {
        loop.preconditionInLoop()
        let lookup = NameLookup(done)
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
        // Retained until the callback, which libuv makes in any case.
        unsafe request.pointee.data = Unmanaged.passRetained(lookup).toOpaque()
        let status = unsafe uv_getaddrinfo(
            loop.raw, request,
            { request, status, list in
                let lookup = unsafe Unmanaged<NameLookup>.fromOpaque(request!.pointee.data).takeRetainedValue()
                unsafe request?.deallocate()
                let addresses = unsafe NameLookup.addresses(list)
                unsafe uv_freeaddrinfo(list)
                lookup.finish(status, addresses)
            }, host, String(port), &hints)
        guard status == 0 else {
            unsafe Unmanaged<NameLookup>.fromOpaque(request.pointee.data).release()
            unsafe request.deallocate()
            throw UVError(status)
        }
        return lookup
    }

    /// Nothing is told any more; safe to repeat.
    func cancel() { done = nil }

    private func finish(_ status: Int32, _ addresses: [Address]) {
        guard let done else { return }
        self.done = nil
        if status != 0 {
            done(.failure(UVError(status)))
        } else {
            done(addresses.isEmpty ? .failure(UVError(UV_EAI_NONAME.rawValue)) : .success(addresses))
        }
    }

    private static func addresses(_ list: UnsafeMutablePointer<addrinfo>?) -> [Address] {
        var addresses: [Address] = []
        var next = unsafe list
        while let entry = unsafe next {
            var storage = sockaddr_storage()
            let length = unsafe min(Int(entry.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
            if let source = unsafe entry.pointee.ai_addr {
                unsafe withUnsafeMutableBytes(of: &storage) {
                    unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: length))
                }
                addresses.append(Address(storage: storage, length: socklen_t(length)))
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses
    }
}
