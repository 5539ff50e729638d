import Bytes
package import Crypto
package import EventLoop
package import HelperCore
package import Redis
import Synchronization
import Telemetry

/// State in Redis, one for all replicas. Whatever Redis does not answer in time, or at all, is decided by this process
/// alone, from what it has counted so far.
package final class RedisSharedState: SharedState {
    private let client: RedisClient
    private let exchanges: [LoopBound<LeaseExchange>]
    private let local: InMemorySharedState
    private let health: RedisHealth
    /// Tells our own news from others'.
    private let name: String
    /// What Redis did not take, as one change. Other replicas may have missed it.
    private let unannounced = Mutex(UnannouncedChanges())

    private init(
        _ client: RedisClient, _ exchanges: [LoopBound<LeaseExchange>], _ local: InMemorySharedState,
        _ health: RedisHealth, _ name: String
    ) {
        self.client = client
        self.exchanges = exchanges
        self.local = local
        self.health = health
        self.name = name
    }

    /// How long a start waits for its connections.
    private static let patience = Duration.seconds(1)

    /// Connects, and goes on without those connections that do not stand within a second: a replica that served before them would count
    /// for itself what others have counted already.
    /// - Parameters:
    ///   - policies: those that will be asked for.
    ///   - tls: whom to trust; needed when the configuration asks for TLS.
    ///   - observer: told every change that another replica announces, and `everything` when some may have been missed.
    package static func start(
        _ configuration: RedisConfiguration, group: EventLoopGroup, tls: TLSContext?, policies: [RatePolicy],
        health: RedisHealth, observer: @escaping @Sendable (CallerChange) -> Void
    ) async -> RedisSharedState {
        let local = InMemorySharedState(
            policies: policies, now: { bootNanoseconds() })
        let name = Hex.encode(SecureRandom.bytes(8))
        let subscription = RedisClient.Subscription(channel: Announcement.channel) { push in
            switch push {
            case .subscribed: observer(.everything)
            case .message(let bytes): if let change = Announcement.decode(bytes, by: name) { observer(change) }
            }
        }
        let client = await RedisClient.start(
            configuration, group: group, preparing: [RateScript.load], subscription: subscription, tls: tls,
            events: { health.note($0) })
        let leases = policies.map { PolicyLeases($0) }
        var exchanges: [LoopBound<LeaseExchange>] = []
        for loop in group.loops {
            exchanges.append(
                await withCheckedContinuation { continuation in
                    loop.execute {
                        let channel = LeaseExchange.Channel(
                            isReady: { client.isReadyHere },
                            send: { (command) async throws(RedisError) in try await client.send(command) },
                            patience: configuration.timing.reply)
                        let made = LeaseExchange(
                            leases, loop: loop, channel: channel, health: health, holder: name)
                        continuation.resume(returning: LoopBound(made, to: loop))
                    }
                })
        }
        let end = ContinuousClock.now + patience
        for loop in group.loops {
            while await !isConnected(client, on: loop), ContinuousClock.now < end {
                try? await loop.sleep(for: .milliseconds(5))
            }
        }
        return RedisSharedState(client, exchanges, local, health, name)
    }

    private static func isConnected(_ client: RedisClient, on loop: EventLoop) async -> Bool {
        await withCheckedContinuation { continuation in
            loop.execute { continuation.resume(returning: client.isReadyHere) }
        }
    }

    /// Watches Redis' health, and announces what could not be announced, until `sleep` says that it is over.
    package func run(sleep: @Sendable (Duration) async -> Bool) async {
        while await sleep(.seconds(1)) {
            health.evaluate()
            await announceAgain()
        }
    }

    /// Gives leases back and closes every connection.
    package func shutdown() async {
        for exchange in exchanges { await Self.run(exchange) { $0.stop() } }
        if let first = exchanges.first { await Self.run(first) { await $0.giveBackAll() } }
        await client.shutdown()
    }

    private static func run(
        _ exchange: LoopBound<LeaseExchange>, _ body: @escaping @Sendable (LeaseExchange) async -> Void
    ) async {
        await withCheckedContinuation { continuation in
            exchange.loop.execute {
                exchange.loop.spawn {
                    await body(exchange.value)
                    continuation.resume()
                }
            }
        }
    }

    // MARK: Limits

    package func count(_ subject: RateSubject, under policy: RatePolicy) -> Eventually<RateVerdict> {
        guard let here = exchanges.first(where: { $0.loop.inLoop })?.value else {
            return .now(local.decide(subject, under: policy))
        }
        if let verdict = here.take(subject, under: policy) { return .now(noted(verdict, subject, policy)) }
        guard client.isReadyHere else { return .now(local.decide(subject, under: policy)) }
        let exchange = LoopBound(here, to: here.loop)
        return .later { [self] in
            guard let verdict = await exchange.value.ask(subject, under: policy) else {
                return local.decide(subject, under: policy)
            }
            return noted(verdict, subject, policy)
        }
    }

    /// Counts here too what was allowed, so that a decision without Redis starts from what this replica has let through.
    private func noted(_ verdict: RateVerdict, _ subject: RateSubject, _ policy: RatePolicy) -> RateVerdict {
        if verdict.isAllowed { local.note(subject, under: policy) }
        return verdict
    }

    // MARK: Locks

    package func acquire(lock name: String, lifetime: Duration) async -> LockOutcome {
        let lock = HeldLock(name: name, token: Hex.encode(SecureRandom.bytes(16)))
        do throws(RedisError) {
            let reply = try await client.send(LockScript.acquire(lock, lifetime: lifetime))
            let outcome = LockScript.outcome(reply, of: lock)
            if outcome == .unavailable { health.note(.malformed("the reply to SET NX is neither OK nor nil")) }
            return outcome
        } catch {
            health.note(error)
            return .unavailable
        }
    }

    package func release(_ lock: HeldLock) async {
        do throws(RedisError) { _ = try await client.send(LockScript.release(lock)) } catch { health.note(error) }
    }

    // MARK: News

    package func announce(_ change: CallerChange) async {
        do throws(RedisError) {
            _ = try await client.send(Announcement.command(change, from: name))
        } catch {
            health.note(error)
            unannounced.withLock { $0.keep(change) }
        }
    }

    /// Announces what could not be announced when it happened.
    private func announceAgain() async {
        var changes = unannounced.withLock { $0.take() }[...]
        do throws(RedisError) {
            while let change = changes.first {
                _ = try await client.send(Announcement.command(change, from: name))
                changes.removeFirst()
            }
        } catch {
            unannounced.withLock { kept in
                for change in changes { kept.keep(change) }
            }
        }
    }
}
