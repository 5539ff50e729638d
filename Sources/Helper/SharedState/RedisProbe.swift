import Bytes
package import Crypto
package import EventLoop
import HelperCore
package import Redis

/// Tries once what replicas need of Redis, on connections of its own: being let in, a subscription, a lock that is taken
/// and given back. Nothing is left behind; should it be cut off, its key expires.
package enum RedisProbe {
    private static let lifetime = Duration.seconds(1)

    /// Takes no longer than the configuration's limits for connecting, greeting and two replies.
    /// - Parameter tls: whom to trust; needed when the configuration asks for TLS.
    /// - Throws: the first thing that does not work.
    package static func run(
        _ configuration: RedisConfiguration, group: EventLoopGroup, tls: TLSContext?
    ) async throws(RedisError) {
        let (events, told) = AsyncStream.makeStream(of: RedisEvent.self)
        let client = await RedisClient.start(
            configuration, group: group, subscription: RedisClient.Subscription(channel: Announcement.channel) { _ in },
            tls: tls, events: { told.yield($0) })
        let result: Result<Void, RedisError>
        do throws(RedisError) {
            try await connect(events, links: group.loops.count + 1)
            try await write(client)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await client.shutdown()
        told.finish()
        try result.get()
    }

    /// Waits until every connection is up.
    private static func connect(_ events: AsyncStream<RedisEvent>, links: Int) async throws(RedisError) {
        var up: Set<String> = []
        for await event in events {
            switch event {
            case .failed(let error): throw error
            case .link(let name, .up): up.insert(name)
            case .link: break
            }
            if up.count == links { return }
        }
        throw .notReady
    }

    private static func write(_ client: RedisClient) async throws(RedisError) {
        let lock = HeldLock(
            name: "doctor:\(Hex.encode(SecureRandom.bytes(8)))", token: Hex.encode(SecureRandom.bytes(16)))
        guard try await client.send(RESPCommand("PING")) == .status("PONG") else {
            throw .malformed("a reply to PING that is none")
        }
        guard try await client.send(LockScript.acquire(lock, lifetime: lifetime)) == .status("OK") else {
            throw .malformed("a reply to SET that is none")
        }
        _ = try await client.send(LockScript.release(lock))
    }
}
