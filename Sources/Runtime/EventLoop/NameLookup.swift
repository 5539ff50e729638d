import CUV
import Glibc
import Synchronization

/// One look-up of a name by the system's resolver. Loop-confined.
///
/// The resolver cannot be interrupted, and with silent name servers it takes as long as resolv.conf(5) lets it: ten seconds
/// and more. So it has a thread of its own. No code waits for it, not even the end of the process. There is one for each
/// name at most: who asks for it meanwhile hears the same answer.
final class NameLookup {
    /// A socket address as the kernel takes it.
    struct Address: Sendable {
        let storage: sockaddr_storage
        let length: socklen_t
        var family: Int32 { Int32(storage.ss_family) }
    }

    private let name: Resolver.Name
    private var done: ((Result<[Address], UVError>) -> Void)?

    private init(_ name: Resolver.Name, _ done: @escaping (Result<[Address], UVError>) -> Void) {
        self.name = name
        self.done = done
    }

    /// Starts to look for the stream addresses of `host`, a name or numeric address; `done` is called on a later turn, with
    /// at least one address.
    static func start(
        loop: EventLoop, host: String, port: Int, done: @escaping (Result<[Address], UVError>) -> Void
    ) throws(UVError) -> NameLookup {
        loop.preconditionInLoop()
        let lookup = NameLookup(Resolver.Name(host: host, port: port), done)
        let bound = LoopBound(lookup, to: loop)
        try Resolver.look(for: lookup.name, ObjectIdentifier(lookup)) { result in
            loop.execute { bound.value.finish(result) }
        }
        return lookup
    }

    /// `done` is not called any more; safe to repeat.
    func cancel() {
        guard done != nil else { return }
        done = nil
        Resolver.forget(name, ObjectIdentifier(self))
    }

    private func finish(_ result: Result<[Address], UVError>) {
        let done = done
        self.done = nil
        done?(result)
    }
}

/// The look-ups under way in this process, and who waits for each.
private enum Resolver {
    struct Name: Hashable, Sendable {
        let host: String
        let port: Int
    }

    typealias Answer = Result<[NameLookup.Address], UVError>

    /// A name stands in here for as long as its thread runs, also when no caller waits any more.
    private static let waiting = Mutex<[Name: [ObjectIdentifier: @Sendable (Answer) -> Void]]>([:])

    /// Tells `waiter` the answer, on a thread of the resolver, unless it is forgotten first.
    static func look(
        for name: Name, _ id: ObjectIdentifier, _ waiter: @escaping @Sendable (Answer) -> Void
    ) throws(UVError) {
        let isUnderWay = waiting.withLock { waiting in
            defer { waiting[name, default: [:]][id] = waiter }
            return waiting[name] != nil
        }
        guard !isUnderWay else { return }
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                let thread = unsafe Unmanaged<ResolverThread>.fromOpaque(argument!).takeRetainedValue()
                Resolver.finish(thread.name, Resolver.ask(thread.name))
                return nil
            }, Unmanaged.passRetained(ResolverThread(name)).toOpaque())
        guard status == 0 else {
            // Callers that have joined meanwhile get the error; this caller gets it at once.
            forget(name, id)
            finish(name, .failure(UVError(-status)))
            throw UVError(-status)
        }
        pthread_detach(thread)
    }

    static func forget(_ name: Name, _ id: ObjectIdentifier) {
        waiting.withLock { _ = $0[name]?.removeValue(forKey: id) }
    }

    private static func finish(_ name: Name, _ answer: Answer) {
        let waiters = waiting.withLock { $0.removeValue(forKey: name) ?? [:] }
        for waiter in waiters.values { waiter(answer) }
    }

    /// Blocks.
    private static func ask(_ name: Name) -> Answer {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(name.host, String(name.port), &hints, &list)
        defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
        guard status == 0 else { return .failure(error(status)) }
        let addresses = unsafe addresses(list)
        return addresses.isEmpty ? .failure(UVError(UV_EAI_NONAME.rawValue)) : .success(addresses)
    }

    /// libuv's code for one of getaddrinfo(3), so that it has its words.
    private static func error(_ status: Int32) -> UVError {
        switch status {
        case EAI_AGAIN: UVError(UV_EAI_AGAIN.rawValue)
        case EAI_FAIL: UVError(UV_EAI_FAIL.rawValue)
        case EAI_MEMORY: UVError(UV_EAI_MEMORY.rawValue)
        case EAI_SYSTEM: .last
        default: UVError(UV_EAI_NONAME.rawValue)
        }
    }

    private static func addresses(_ list: UnsafeMutablePointer<addrinfo>?) -> [NameLookup.Address] {
        var addresses: [NameLookup.Address] = []
        var next = unsafe list
        while let entry = unsafe next {
            var storage = sockaddr_storage()
            let length = unsafe min(Int(entry.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
            if let source = unsafe entry.pointee.ai_addr {
                unsafe withUnsafeMutableBytes(of: &storage) {
                    unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: length))
                }
                addresses.append(NameLookup.Address(storage: storage, length: socklen_t(length)))
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses
    }
}

/// What a thread of the resolver looks for.
private final class ResolverThread: Sendable {
    let name: Resolver.Name

    init(_ name: Resolver.Name) { self.name = name }
}
