import Bytes
package import Crypto
package import EventLoop
import HelperCore
package import Redis

/// Tries once what replicas need of Redis, on connections of its own: being let in, a subscription, an announcement, a lock that
/// is taken and given back, a lease that is granted and renewed. Nothing is left behind; should it be cut off, its keys expire.
package enum RedisProbe {
    private static let lifetime = Duration.seconds(1)

    /// Takes no longer than the configuration's limits for connecting, greeting and fifteen replies.
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
        let name = "doctor:\(Hex.encode(SecureRandom.bytes(8)))"
        let lock = HeldLock(name: name, token: Hex.encode(SecureRandom.bytes(16)))
        guard try await client.send(RESPCommand("PING")) == .status("PONG") else {
            throw .malformed("a reply to PING that is none")
        }
        guard try await client.send(LockScript.acquire(lock, lifetime: lifetime)) == .status("OK") else {
            throw .malformed("a reply to SET that is none")
        }
        _ = try await client.send(LockScript.release(lock))
        // Of an owner that does not exist, so no replica has anything to forget.
        let change = CallerChange.keys(of: OwnerMark(issuer: name, subject: lock.token))
        guard case .integer = try await client.send(Announcement.command(change, from: name)) else {
            throw .malformed("a reply to PUBLISH that is none")
        }
        try await lease(client, .address(name))
    }

    /// Has a lease granted and renews it, which runs every command of the script. Each is tried by itself before, since Redis
    /// does not name the one that a script lacks the right to.
    private static func lease(_ client: RedisClient, _ subject: RateSubject) async throws(RedisError) {
        let policy = RatePolicy(.read, [.init(limit: 1_000, seconds: 1)])
        let grant = LeaseMessage(name: 1, used: 0, keep: 0, need: 1, ahead: 1)
        let renewal = LeaseMessage(name: 1, used: 1, keep: 0, need: 1, ahead: 1)
        let key = RateScript.key(subject, policy)
        for command in [
            RESPCommand("TIME"), RESPCommand("HGETALL", key), RESPCommand("HDEL", key, "probe"),
            RESPCommand("PEXPIRE", key, "2000"), RESPCommand("HINCRBY", key, "probe", "1"),
            RESPCommand("PEXPIRE", key, "2000"),
        ] { _ = try await client.send(command) }
        for message in [grant, renewal] {
            let answers = try await RateScript.run([(subject, message)], policy, holder: "doctor") {
                (command) async throws(RedisError) in try await client.send(command)
            }
            guard answers[0].granted == 1 else { throw .malformed("the first requests of a limit are refused") }
        }
        _ = try await client.send(RESPCommand("DEL", key))
    }
}
